using System.Security.Cryptography;
using Annotator.Core.Edge;
using Annotator.Core.Student;
using Annotator.Edge.Annotating;
using Annotator.Edge.Health;
using Annotator.Edge.Models;
using Annotator.Edge.Storage;
using Annotator.Tests.Support;

namespace Annotator.Tests.Edge;

/// <summary>What a device runs: only what the server signed, byte for byte, and that works.</summary>
public sealed class ModelShelfTests : IDisposable
{
    private static readonly (string Public, string Private) s_keys = EdgeSignature.NewKeys();
    private static readonly byte[] s_file = Student();

    private readonly string _folder = Directory.CreateTempSubdirectory("annotator-shelf-").FullName;
    private readonly EdgeStore _store;
    private ModelShelf _shelf;

    public ModelShelfTests()
    {
        _store = EdgeStore.Open(_folder, 10_000_000, TimeProvider.System);
        _store.Remember((EdgeFacts.PublicKey, s_keys.Public), (EdgeFacts.Project, "7"));
        _shelf = NewShelf();
    }

    [Fact]
    public async Task A_signed_model_comes_into_service_and_is_there_after_a_restart()
    {
        Assert.True(await InstallAsync(Manifest(1)));
        Assert.Equal(1, _shelf.Manifest!.Serial);
        Assert.True(_shelf.TryPredict([new EdgeItem("a", "refund please")], out var opinions, out var version, out _));
        Assert.Equal("""{"choice":"refund"}""", opinions[0].Value);
        Assert.Equal(101, version);
        Restart();
        Assert.Equal(1, _shelf.Manifest!.Serial);
    }

    [Fact]
    public async Task What_is_not_as_it_was_signed_is_refused_and_the_last_good_one_goes_on()
    {
        Assert.True(await InstallAsync(Manifest(1)));
        var good = Manifest(2);
        var (other, text) = (EdgeSignature.NewKeys(), good.Write());

        await RefusedAsync(text, EdgeSignature.Sign(text, other.PrivateKey), s_file, "signature");
        await RefusedAsync(text.Replace("\"version\":102", "\"version\":999", StringComparison.Ordinal), EdgeSignature.Sign(text, s_keys.Private), s_file, "signature");
        await RefusedAsync(text, null, s_file, "signature");
        await RefusedAsync(text, "no base64", s_file, "signature");
        var changed = s_file.ToArray();
        changed[^1] ^= 1;
        await RefusedAsync(text, EdgeSignature.Sign(text, s_keys.Private), changed, "SHA-256");
        await RefusedAsync(text, EdgeSignature.Sign(text, s_keys.Private), s_file[..^1], "bytes");
        var foreign = (good with { ProjectId = "8" }).Write();
        await RefusedAsync(foreign, EdgeSignature.Sign(foreign, s_keys.Private), s_file, "another project");

        // Signed, and broken all the same: refused for good, not fetched again and again.
        byte[] broken = [1, 2, 3];
        var unusable = good with { Bytes = broken.Length, Sha256 = Convert.ToHexStringLower(SHA256.HashData(broken)) };
        await RefusedAsync(unusable.Write(), EdgeSignature.Sign(unusable.Write(), s_keys.Private), broken, "does not work");
        Assert.True(_shelf.Refused!.Unusable);
        Assert.False(_shelf.Wants(unusable));

        // The next one is fine, and nothing is complained of any more.
        Assert.True(await InstallAsync(Manifest(3)));
        Assert.Null(_shelf.Refused);
    }

    [Fact]
    public async Task A_file_that_was_changed_on_the_disk_is_not_taken_up_again()
    {
        Assert.True(await InstallAsync(Manifest(1)));
        Assert.True(await InstallAsync(Manifest(2)));
        var path = Path.Combine(_folder, "models", "2", "model.onnx");
        var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        bytes[100] ^= 1;
        await File.WriteAllBytesAsync(path, bytes, TestContext.Current.CancellationToken);
        Restart();
        Assert.Equal(1, _shelf.Manifest!.Serial);
        Assert.Contains("SHA-256", _shelf.Refused!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_older_rollout_is_not_taken_again_and_a_higher_serial_may_bring_an_older_version()
    {
        Assert.True(await InstallAsync(Manifest(1)));
        Assert.True(await InstallAsync(Manifest(2)));
        Assert.False(await InstallAsync(Manifest(1)));
        Assert.Equal(2, _shelf.Manifest!.Serial);
        Assert.True(await InstallAsync(Manifest(3) with { Version = 101 }));
        Assert.Equal(101, _shelf.Manifest!.Version);
    }

    [Fact]
    public async Task Where_too_many_items_fail_the_last_good_model_takes_over()
    {
        Assert.True(await InstallAsync(Manifest(1)));
        Assert.True(await InstallAsync(Manifest(2)));
        var back = false;
        for (var i = 0; i < 25 && !back; i++) back = _shelf.NoteFailure(new InvalidOperationException("broken"));
        Assert.True(back);
        Assert.Equal(1, _shelf.Manifest!.Serial);
        Assert.True(_shelf.Refused is { Serial: 2, Unusable: true });
        Assert.False(_shelf.Wants(Manifest(2)));
    }

    public void Dispose()
    {
        _shelf.Dispose();
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static byte[] Student()
    {
        var features = new TextFeatures();
        var rows = new SparseRows();
        features.Append(["refund please", "a refund", "my refund", "where is the parcel", "the parcel", "parcel late"], rows);
        var trainer = new SoftmaxTrainer(features.Options, new SoftmaxOptions());
        var labels = Enumerable.Range(0, 6).Select(i => new LabelledRow(i, i / 3)).ToList();
        return StudentTraining.Train(trainer, rows, labels, 2, i => i).Write(["refund", "delivery"], new Dictionary<string, string>(StringComparer.Ordinal));
    }

    private static ModelManifest Manifest(long serial) => new("7", serial, 100 + (int)serial, Convert.ToHexStringLower(SHA256.HashData(s_file)), s_file.Length, 1, false, ["refund", "delivery"], default);

    private ModelShelf NewShelf() => new(_store, _folder, new AgentGauges(TimeProvider.System));

    private void Restart()
    {
        _shelf.Dispose();
        _shelf = NewShelf();
        _shelf.LoadKept();
    }

    private Task<bool> InstallAsync(ModelManifest manifest)
    {
        var text = manifest.Write();
        return _shelf.InstallAsync(text, EdgeSignature.Sign(text, s_keys.Private), (_, _) => Task.FromResult(s_file), TestContext.Current.CancellationToken);
    }

    private async Task RefusedAsync(string text, string? signature, byte[] file, string why)
    {
        Assert.False(await _shelf.InstallAsync(text, signature, (_, _) => Task.FromResult(file), TestContext.Current.CancellationToken));
        Assert.Contains(why, _shelf.Refused!.Reason, StringComparison.Ordinal);
        Assert.Equal(1, _shelf.Manifest!.Serial);
    }
}
