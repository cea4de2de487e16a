using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Models;

/// <summary>An uploaded model as it is shown.</summary>
public sealed record VisionModelInfo(string Id, string Name, ModelSpec Spec, ModelReport Report, long Bytes, string Sha256, DateTimeOffset CreatedAt);

/// <summary>Keeps uploaded models and holds those in use ready. A model that was not checked is never opened here.</summary>
public sealed class ModelRegistry(AnnotatorDatabase database, IBlobStore blobs, IOptions<ModelOptions> options, ModelCheckCommand? command = null) : IDisposable
{
    private const string Folder = "vision-models";

    // Of more models than these the one that was used longest ago is closed.
    private const int MostOpen = 4;

    private readonly ConcurrentDictionary<long, (VisionSession Session, long Used)> _open = new();
    private readonly ConcurrentDictionary<long, Student.Images.ImageEncoder> _encoders = new();
    private readonly SemaphoreSlim _opening = new(1, 1);
    private long _clock;

    /// <summary>Checks a model and keeps it.</summary>
    /// <param name="caller">Who sends it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="spec">What is said of it.</param>
    /// <param name="content">The ONNX file.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<Outcome<VisionModelInfo>> AddAsync(Caller caller, string? name, ModelSpec spec, Stream content, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(content);
        var errors = ModelUploads.Check(name, spec);
        if (command is null) errors.Add(("file", "Models cannot be checked by this program, and are not taken without."));
        if (errors.Count > 0) return Outcome<VisionModelInfo>.Fail(errors);

        var most = options.Value.Megabytes * 1_000_000L;
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        int read;
        while ((read = await content.ReadAsync(buffer, cancellationToken)) > 0)
        {
            memory.Write(buffer, 0, read);
            if (memory.Length > most) return Outcome<VisionModelInfo>.Fail("file", $"The model is larger than {options.Value.Megabytes} MB.");
        }

        var file = memory.ToArray();
        if (file.Length == 0) return Outcome<VisionModelInfo>.Fail("file", "The file is empty.");
        var report = await ModelCheck.CheckAsync(command!, file, spec, options.Value, cancellationToken);
        if (report.Refused is { } reason) return Outcome<VisionModelInfo>.Fail("file", reason);
        var (blob, bytes) = await blobs.PutAsync(Folder, new MemoryStream(file, writable: false), cancellationToken);
        var row = await database.WriteAsync(
            async scope =>
            {
                var made = new VisionModel
                {
                    Name = name!.Trim(), Blob = blob, Hash = Convert.ToHexStringLower(SHA256.HashData(file)), Bytes = bytes,
                    Spec = JsonSerializer.Serialize(spec with { Layout = report.Layout }, ProjectJson.Options), Report = JsonSerializer.Serialize(report, ProjectJson.Options), CreatedAt = scope.Now, CreatedBy = caller.UserId,
                };
                scope.Db.VisionModels.Add(made);
                await scope.Db.SaveChangesAsync(cancellationToken);
                return made;
            },
            cancellationToken);
        return Info(row);
    }

    /// <summary>All models, newest first.</summary>
    public async Task<IReadOnlyList<VisionModelInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        (await database.ReadAsync(db => db.VisionModels.OrderByDescending(m => m.Id).Take(1_000).ToListAsync(cancellationToken), cancellationToken)).ConvertAll(Info);

    /// <summary>A model; null where there is none.</summary>
    public async Task<VisionModelInfo?> FindAsync(long id, CancellationToken cancellationToken = default) =>
        await database.ReadAsync(db => db.VisionModels.SingleOrDefaultAsync(m => m.Id == id, cancellationToken), cancellationToken) is { } row ? Info(row) : null;

    /// <summary>Which models that a project has chosen are not there any more: the detector or classifier, and the encoder.</summary>
    /// <param name="project">The project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<(bool Model, bool Encoder)> GoneAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var vision = project.Settings.Vision;
        if (vision is { Model: null, Encoder: null }) return (false, false);
        return await database.ReadAsync(async db => (await ModelChoice.IsGoneAsync(db, vision.Model, cancellationToken), await ModelChoice.IsGoneAsync(db, vision.Encoder, cancellationToken)), cancellationToken);
    }

    /// <summary>Removes a model; projects that use it go on without.</summary>
    /// <returns>False where there is none.</returns>
    public async Task<bool> DeleteAsync(long id, CancellationToken cancellationToken = default)
    {
        var blob = await database.WriteAsync(
            async scope =>
            {
                var row = await scope.Db.VisionModels.SingleOrDefaultAsync(m => m.Id == id, cancellationToken);
                if (row is null) return null;
                scope.Db.VisionModels.Remove(row);
                await scope.Db.SaveChangesAsync(cancellationToken);
                return row.Blob;
            },
            cancellationToken);
        if (blob is null) return false;
        _encoders.TryRemove(id, out _);
        await blobs.DeleteAsync(blob, cancellationToken);
        return true;
    }

    /// <summary>A model ready to run; null where there is none.</summary>
    public async Task<VisionSession?> OpenAsync(long id, CancellationToken cancellationToken = default)
    {
        if (_open.TryGetValue(id, out var open)) return Use(id, open.Session);
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_open.TryGetValue(id, out open)) return Use(id, open.Session);
            if (await ReadAsync(id, cancellationToken) is not { } read) return null;
            var (row, file) = read;

            // What is put out of use is closed by the collector once nobody runs it any more.
            while (_open.Count >= MostOpen) _open.TryRemove(_open.MinBy(o => o.Value.Used).Key, out _);
            return Use(id, await Task.Run(() => VisionSession.Open(file, JsonSerializer.Deserialize<ModelSpec>(row.Spec, ProjectJson.Options)!, options.Value), cancellationToken));
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>A model as the encoder of students: an encoder, or a classifier without its last layer. Null where there is none, or none that can be one.</summary>
    public async ValueTask<Student.Images.ImageEncoder?> EncoderAsync(long id, CancellationToken cancellationToken = default)
    {
        if (_encoders.TryGetValue(id, out var known)) return known;
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_encoders.TryGetValue(id, out known)) return known;
            if (await ReadAsync(id, cancellationToken) is not { } read || Info(read.Row) is not { Report.Features: > 0 } info) return null;

            // Another file is another encoder: students of the two are not comparable.
            var name = $"{info.Name} ({info.Sha256[..12]})";
            return _encoders[id] = await Task.Run(() => UploadedEncoder.Make(name, read.File, info.Spec), cancellationToken);
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task<(VisionModel Row, byte[] File)?> ReadAsync(long id, CancellationToken cancellationToken)
    {
        var row = await database.ReadAsync(db => db.VisionModels.SingleOrDefaultAsync(m => m.Id == id, cancellationToken), cancellationToken);
        if (row is null) return null;
        return (row, await ModelUploads.ReadAsync(blobs, row.Blob, cancellationToken));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var encoder in _encoders.Values) encoder.Dispose();
        foreach (var open in _open.Values) open.Session.Dispose();
        _opening.Dispose();
    }

    private VisionSession Use(long id, VisionSession session)
    {
        _open[id] = (session, Interlocked.Increment(ref _clock));
        return session;
    }

    private static VisionModelInfo Info(VisionModel row) => new(
        row.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), row.Name, JsonSerializer.Deserialize<ModelSpec>(row.Spec, ProjectJson.Options)!,
        JsonSerializer.Deserialize<ModelReport>(row.Report, ProjectJson.Options)!, row.Bytes, row.Hash, row.CreatedAt);
}
