using System.Net;
using Annotator.Core.Media;
using Annotator.Core.Storage;
using Annotator.Tests.Support;

namespace Annotator.Tests.Media;

/// <summary>Films that must not come in: each is refused with its reason, and what is sent beside them comes in.</summary>
[Collection(ApiCollection.Name)]
public class HostileFilmTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task Broken_and_wrong_films_are_refused_and_leave_nothing()
    {
        const string Graph = "testsrc=s=64x48:r=10:d=2";
        var film = await TestFilm.MadeAsync(Graph);
        var streamed = await TestFilm.MadeAsync(Graph, ".mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart");
        var webm = await TestFilm.MadeAsync("testsrc=s=320x288:r=10:d=1", ".webm", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8");
        (string Name, byte[] File, string Reason)[] hostile =
        [
            ("no-index.mp4", film[..(film.Length * 2 / 3)], "ends early"),
            ("cut.mp4", streamed[..(streamed.Length * 2 / 3)], "ends early"),
            ("cut.webm", webm[..(webm.Length / 2)], "ends early"),
            ("huge.webm", Widened(webm), "impossible size"),
            ("empty-box.mp4", [0, 0, 0, 0x20, .. "ftypisom"u8, .. new byte[64]], "ends early"),
            ("page.mp4", "<html><script>alert(1)</script>"u8.ToArray(), "Not an image or video"),
            ("playlist.mp4", "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"u8.ToArray(), "Not an image or video"),
            ("concat.mp4", "ffconcat version 1.0\nfile /etc/passwd\n"u8.ToArray(), "Not an image or video"),
            ("picture.mp4", Pictures.Plain(20, 20), "the project takes video"),
            ("noise.avi", [.. "RIFF"u8, 200, 0, 0, 0, .. "AVI LIST"u8, .. new byte[200]], "broken"),
            ("nothing.webm", [], "empty"),
        ];
        var project = (await _host.Admin.PostAsync("/api/v1/projects", new { name = "Films", modality = "video", task = new { type = "tracks", labels = new[] { new { name = "a" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var form = Pictures.Form([.. hostile.Select(h => (h.Name, h.File)), ("good.mp4", film)]);
        var answer = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
        var reasons = answer["rejected"]!.AsArray().ToDictionary(r => r!["fileName"]!.GetValue<string>(), r => r!["reason"]!.GetValue<string>());
        foreach (var (name, _, reason) in hostile) Assert.True(reasons.GetValueOrDefault(name)?.Contains(reason, StringComparison.Ordinal) == true, $"{name}: {reasons.GetValueOrDefault(name)}");
        Assert.Equal("good.mp4", answer["items"]!.AsArray().Single()!["key"]!.GetValue<string>());
        Assert.Single(Directory.GetFiles(Path.Combine(_host.DataDirectory, "blobs", $"media-{project}")));
    }

    [Fact]
    public async Task A_picture_that_is_too_large_is_refused()
    {
        var folder = Directory.CreateTempSubdirectory("annotator-");
        try
        {
            var blobs = new FolderBlobStore(folder.FullName);
            var (blob, _) = await blobs.PutAsync("films", new MemoryStream(await TestFilm.MadeAsync("color=red:s=1280x800:r=5:d=0.4")), TestContext.Current.CancellationToken);
            var (found, refused) = await FilmFacts.ReadAsync(blobs, blob, new MediaOptions { Megapixels = 1 }, TestContext.Current.CancellationToken);
            Assert.Null(found);
            Assert.Contains("1280 x 800 pixels; at most 1 million", refused, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // The size that the container states of its pictures, 320 x 288 before.
    private static byte[] Widened(byte[] film)
    {
        var forged = (byte[])film.Clone();
        var place = forged.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xB0, 0x82, 0x01, 0x40, 0xBA, 0x82, 0x01, 0x20]);
        ((ReadOnlySpan<byte>)[0xB0, 0x82, 0xEA, 0x60, 0xBA, 0x82, 0xEA, 0x60]).CopyTo(forged.AsSpan(place));
        return forged;
    }
}
