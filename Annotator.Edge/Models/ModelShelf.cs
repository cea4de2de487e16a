using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Annotator.Core.Edge;
using Annotator.Core.Student;
using Annotator.Edge.Annotating;
using Annotator.Edge.Health;
using Annotator.Edge.Storage;

namespace Annotator.Edge.Models;

/// <summary>
/// The models of a device: the one in service and the last good one before it, each with the manifest that it came with. A model comes into
/// service only if its manifest is signed by the server, its file is the one of the manifest, and it can label something. At every start all of
/// that is checked again, since a disk can rot and be written to.
/// </summary>
internal sealed class ModelShelf(EdgeStore store, string folder, AgentGauges gauges) : IDisposable
{
    private const string CurrentFact = "model.current";
    private const string LastGoodFact = "model.lastGood";
    private const string HighestFact = "model.highest";
    private const string RefusedFact = "model.refused";
    private const string DriftFact = "model.drift";

    // A model is given up here when more than this share of its items fail; the centre's own rule may be stricter.
    private const double MostErrors = 0.2;
    private const int FewestItems = 20;

    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Loaded? _current;

    /// <summary>The manifest of the model in service; null before the first.</summary>
    public ModelManifest? Manifest
    {
        get
        {
            lock (_lock) return _current?.Manifest;
        }
    }

    /// <summary>Width and height of the pictures that the model in service takes; null where it takes none.</summary>
    public (int Width, int Height)? FrameSize
    {
        get
        {
            lock (_lock) return _current?.Model is FrameModel frames ? (frames.Width, frames.Height) : null;
        }
    }

    /// <summary>The rollout whose model was refused last, and why; forgotten when a newer one comes into service.</summary>
    public RefusedModel? Refused { get; private set; }

    /// <summary>Waits until there is a model.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => _first.Task.WaitAsync(cancellationToken);

    /// <summary>Takes up the model that was in service last; where that is broken, the one before.</summary>
    public void LoadKept()
    {
        foreach (var serial in new[] { store.Fact(CurrentFact), store.Fact(LastGoodFact) }.OfType<string>().Distinct(StringComparer.Ordinal))
        {
            try
            {
                var (text, signature, file) = (File.ReadAllText(PathOf(serial, "manifest.json")), File.ReadAllText(PathOf(serial, "manifest.sig")), File.ReadAllBytes(PathOf(serial, "model.onnx")));
                var manifest = ModelManifest.Read(text, signature, PublicKey);
                manifest.Check(file);
                Put(new Loaded(manifest, Open(file)), serial);
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ModelRefusedException)
            {
                EdgeLog.Warn($"The kept model of rollout {serial} is not used: {e.Message}");
                if (long.TryParse(serial, CultureInfo.InvariantCulture, out var number)) Refused = new RefusedModel(number, e.Message, Unusable: false);
            }
        }
    }

    /// <summary>A model from a file of this device, which its operator answers for; it is never replaced.</summary>
    public void UseLocal(IEdgeModel model) => Put(new Loaded(new ModelManifest("", long.MaxValue, 0, "", 0, 0, false, [], default), model), null);

    /// <summary>Whether the centre's manifest names a model that is to be fetched.</summary>
    public bool Wants(ModelManifest manifest)
    {
        var current = Manifest?.Serial ?? 0;
        if (manifest.Serial == current) return false;

        // What was refused for the file's own sake is not fetched again, and nothing older than what was here before.
        if (string.Equals(store.Fact(RefusedFact), Text(manifest.Serial), StringComparison.Ordinal)) return false;
        var highest = long.TryParse(store.Fact(HighestFact), CultureInfo.InvariantCulture, out var h) ? h : 0;
        return manifest.Serial > current && (manifest.Serial >= highest || current == 0);
    }

    /// <summary>Brings a model into service.</summary>
    /// <param name="text">The manifest as it was signed.</param>
    /// <param name="signature">Its signature.</param>
    /// <param name="fetch">Fetches the file of a manifest.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Whether another model is in service now.</returns>
    public async Task<bool> InstallAsync(string text, string? signature, Func<ModelManifest, CancellationToken, Task<byte[]>> fetch, CancellationToken cancellationToken)
    {
        long serial = 0;
        try
        {
            var manifest = ModelManifest.Read(text, signature, PublicKey);
            serial = manifest.Serial;
            if (!string.Equals(manifest.ProjectId, store.Fact(EdgeFacts.Project), StringComparison.Ordinal)) throw new ModelRefusedException("The model is of another project.");
            if (!Wants(manifest)) return false;
            var file = await fetch(manifest, cancellationToken);
            manifest.Check(file);
            var model = Open(file);
            try
            {
                Keep(manifest, text, signature!, file);
            }
            catch
            {
                model.Dispose();
                throw;
            }

            var before = Manifest;
            store.Remember((CurrentFact, Text(serial)), (LastGoodFact, before is null ? null : Text(before.Serial)), (HighestFact, Text(serial)), (DriftFact, null));
            Put(new Loaded(manifest, model), null);
            Refused = null;
            RemoveOthers(serial, before?.Serial);
            EdgeLog.Info($"Model version {manifest.Version} of rollout {serial} is in service.");
            return true;
        }
        catch (ModelRefusedException e)
        {
            Refuse(serial, e.Message, e.Unusable);
            return false;
        }
    }

    /// <summary>Asks the model in service.</summary>
    /// <returns>Whether it answered; else <paramref name="error"/> says why.</returns>
    public bool TryPredict(IReadOnlyList<EdgeItem> items, out IReadOnlyList<EdgeOpinion> opinions, out int version, [NotNullWhen(false)] out Exception? error)
    {
        lock (_lock)
        {
            var current = _current ?? throw new InvalidOperationException("There is no model.");
            version = current.Manifest.Version;
            try
            {
                opinions = current.Model.Predict(items);
                error = null;
                return true;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                opinions = [];
                error = e;
                return false;
            }
        }
    }

    /// <summary>Counts a failure of the model in service; where there are too many, the last good model takes its place.</summary>
    /// <returns>Whether another model is in service now.</returns>
    public bool NoteFailure(Exception error)
    {
        var (annotated, failed) = gauges.NoteFailure();
        var seen = annotated + failed;
        if (seen < FewestItems || failed <= MostErrors * seen || Manifest is not { Version: > 0 } bad || store.Fact(LastGoodFact) is not { } good) return false;
        Refuse(bad.Serial, $"{failed} of {seen} items failed: {error.Message}", unusable: true);
        store.Remember((CurrentFact, good), (LastGoodFact, null));
        LoadKept();
        return Manifest?.Serial != bad.Serial;
    }

    /// <summary>Writes what a restart should know.</summary>
    public void Save()
    {
        if (gauges.Reference is { } reference && !string.Equals(store.Fact(DriftFact), reference, StringComparison.Ordinal)) store.Remember((DriftFact, reference));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) _current?.Model.Dispose();
    }

    private string PublicKey => store.Fact(EdgeFacts.PublicKey) ?? throw new EdgeException("The device is not enrolled.");

    private static string Text(long serial) => serial.ToString(CultureInfo.InvariantCulture);

    private static IEdgeModel Open(byte[] file)
    {
        IEdgeModel? model = null;
        try
        {
            model = FrameModel.IsOne(file) ? FrameModel.Load(file, null) : TextModel.Load(file);
            model.Try();
            return model;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            model?.Dispose();
            throw new ModelRefusedException($"The model does not work: {e.Message}", unusable: true, e);
        }
    }

    private void Put(Loaded loaded, string? keptSerial)
    {
        lock (_lock)
        {
            _current?.Model.Dispose();
            _current = loaded;
            gauges.Begin(keptSerial is null ? new DriftMonitor() : DriftMonitor.Read(store.Fact(DriftFact)));
        }

        _first.TrySetResult();
    }

    private void Refuse(long serial, string reason, bool unusable)
    {
        EdgeLog.Warn($"The model of rollout {serial} is refused: {reason}");
        Refused = new RefusedModel(serial, reason, unusable);
        if (unusable && serial > 0) store.Remember((RefusedFact, Text(serial)));
    }

    private string PathOf(string serial, string file) => Path.Combine(folder, "models", serial, file);

    // The facts name a folder only after all of it is on the disk: a power cut leaves the old one in service.
    private void Keep(ModelManifest manifest, string text, string signature, byte[] file)
    {
        var serial = Text(manifest.Serial);
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(serial, "x"))!);
        Write("model.onnx", file);
        Write("manifest.sig", System.Text.Encoding.UTF8.GetBytes(signature));
        Write("manifest.json", System.Text.Encoding.UTF8.GetBytes(text));

        void Write(string name, byte[] bytes)
        {
            using var stream = new FileStream(PathOf(serial, name), FileMode.Create, FileAccess.Write);
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }
    }

    private void RemoveOthers(long serial, long? before)
    {
        foreach (var directory in Directory.GetDirectories(Path.Combine(folder, "models")))
        {
            var name = Path.GetFileName(directory);
            if (string.Equals(name, Text(serial), StringComparison.Ordinal) || (before is { } b && string.Equals(name, Text(b), StringComparison.Ordinal))) continue;
            try
            {
                Directory.Delete(directory, recursive: true);
            }
            catch (IOException e)
            {
                EdgeLog.Warn($"{directory} could not be removed: {e.Message}");
            }
        }
    }

    private sealed record Loaded(ModelManifest Manifest, IEdgeModel Model);
}

/// <summary>What is remembered of the enrolment.</summary>
internal static class EdgeFacts
{
    public const string Server = "server";
    public const string Token = "token";
    public const string Device = "device";
    public const string Name = "name";
    public const string Project = "project";
    public const string PublicKey = "publicKey";
    public const string Policy = "policy";
    public const string BudgetSince = "budget.since";
    public const string BudgetUsed = "budget.used";
}
