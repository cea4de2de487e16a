using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Media;

/// <summary>Files and archives that must not come in: each is refused with its reason, and what is sent beside them comes in.</summary>
[Collection(ApiCollection.Name)]
public class HostileUploadTests(SharedHost shared)
{
    private static readonly byte[] s_good = Pictures.Plain(80, 60);
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task Hostile_files_of_an_archive_are_refused_one_by_one_and_the_others_come_in()
    {
        var hostile = Files().ToList();
        Assert.True(hostile.Count >= 30, $"{hostile.Count} kinds");
        var archive = Archive([("good/first.png", s_good), .. hostile.Select(f => (f.Name, f.Content)), ("good/last.png", Pictures.Plain(81, 60))]);
        var project = await NewAsync();
        var run = await ImportAsync(project, archive);
        Assert.True(run["state"]!.GetValue<string>() is "succeeded", run.ToJsonString());

        var rejections = new List<string>();
        for (string? cursor = null; ;)
        {
            var page = (await _host.Admin.GetAsync($"/api/v1/runs/{run["id"]!.GetValue<string>()}/rejections?limit=1000{(cursor is null ? "" : $"&cursor={cursor}")}")).Expect(HttpStatusCode.OK);
            rejections.AddRange(page["items"]!.AsArray().Select(r => r!["reason"]!.GetValue<string>()));
            if ((cursor = page["next"]?.GetValue<string>()) is null) break;
        }

        foreach (var (name, _, reason, _) in hostile) Assert.True(rejections.Exists(r => r.Contains(reason, StringComparison.Ordinal)), $"{name}: nothing says \"{reason}\" in:\n{string.Join('\n', rejections)}");
        var keys = await KeysAsync(project);
        Assert.Equal(["good/first.png", "good/last.png"], keys.Order(StringComparer.Ordinal));
        Assert.True(rejections.Count >= hostile.Count, $"{rejections.Count} of {hostile.Count}");

        // What was refused left nothing behind.
        var files = Directory.GetFiles(Path.Combine(_host.DataDirectory, "blobs", $"media-{project}"));
        Assert.Equal(2, files.Length);
        Assert.All(files, f => Assert.Equal("image/png", MediaKind.Of(File.ReadAllBytes(f))!.ContentType));
    }

    [Fact]
    public async Task The_same_files_are_refused_where_they_are_sent_alone()
    {
        var project = await NewAsync();
        var alone = Files().Where(f => f.Alone is not null).ToList();
        using var form = Pictures.Form([("good.png", s_good), .. alone.Select(f => (Path.GetFileName(f.Name.Replace('\\', '/')), f.Content))]);
        var answer = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
        Assert.Single(answer["items"]!.AsArray());
        Assert.Equal(alone.Count, answer["rejected"]!.AsArray().Count);
        Assert.All(answer["rejected"]!.AsArray(), r => Assert.NotEmpty(r!["reason"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Nothing_of_a_picture_is_ever_served_as_a_page()
    {
        var project = await NewAsync();
        using var form = Pictures.Form(("page.html", s_good));
        var item = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK)["items"]![0]!;
        var url = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{item["id"]!.GetValue<string>()}")).Expect(HttpStatusCode.OK)["url"]!.GetValue<string>();
        foreach (var address in new[] { url, url + "/thumbnail" })
        {
            using var response = await _host.Admin.Http.GetAsync(address, TestContext.Current.CancellationToken);
            Assert.StartsWith("image/", response.Content.Headers.ContentType!.MediaType, StringComparison.Ordinal);
            Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Contains("sandbox", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("no archive", "no zip archive")]
    [InlineData("cut", "no zip archive")]
    [InlineData("overlapping", "overlap")]
    public async Task An_archive_that_is_none_ends_its_run_with_the_reason(string kind, string reason)
    {
        var zip = Archive([("a.png", s_good), ("b.png", Pictures.Plain(90, 60))]);
        var bytes = kind switch { "no archive" => Encoding.UTF8.GetBytes("<html>" + new string('x', 500)), "cut" => zip[..(zip.Length / 2)], _ => Overlapping(zip) };
        var run = await ImportAsync(await NewAsync(), bytes);
        Assert.Equal("failed", run["state"]!.GetValue<string>());
        Assert.Contains(reason, run["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_shorter_or_other_than_the_archive_says_is_never_taken_short()
    {
        var zip = Archive([("a.png", s_good)]);

        // The length in the directory, forged: .NET would hand out ten bytes and say nothing.
        var forged = (byte[])zip.Clone();
        var directory = forged.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BinaryPrimitives.WriteInt32LittleEndian(forged.AsSpan(directory + 24), 10);
        using var stream = new MemoryStream(forged);
        using var archive = MediaArchive.Open(stream, new MediaOptions());
        Assert.Throws<ArchiveRefusedException>(() => archive.ReadAsync(archive.Files[0], TestContext.Current.CancellationToken).GetAwaiter().GetResult());
    }

    [Fact]
    public void Bounds_of_archives_hold()
    {
        var zip = Archive([("a.png", s_good), ("b.png", Pictures.Plain(90, 60)), ("c.bin", new byte[3_000_000])]);
        Assert.Contains("at most 2", Assert.Throws<ArchiveRefusedException>(() => Open(zip, new MediaOptions { ArchiveFiles = 2 })).Message, StringComparison.Ordinal);
        Assert.Contains("at most 1 are", Assert.Throws<ArchiveRefusedException>(() => Open(zip, new MediaOptions { ArchiveMegabytes = 1, ArchiveRatio = 100_000 })).Message, StringComparison.Ordinal);
        Assert.Contains(Open(zip, new MediaOptions()).Refused, r => r.Reason.Contains("times larger", StringComparison.Ordinal));
    }

    private static MediaArchive Open(byte[] zip, MediaOptions options) => MediaArchive.Open(new MemoryStream(zip), options);

    // Name, content, what the reason says, and whether the file is hostile without an archive around it.
    private static IEnumerable<HostileFile> Files()
    {
        var jpeg = Jpeg();
        byte[] html = [.. s_good, .. "<html><script>alert(1)</script>"u8];

        // Names that lead elsewhere.
        yield return new("../evil.png", s_good, "leads out of the archive");
        yield return new("a/../../evil2.png", s_good, "a/../../evil2.png: its name leads out");
        yield return new("/etc/evil.png", s_good, "absolute path");
        yield return new("C:/evil.png", s_good, "C:/evil.png: its name is an absolute path");
        yield return new("..\\evil3.png", s_good, "evil3.png: its name leads out");
        yield return new("dir\\evil4.png", s_good, "backslashes");
        yield return new("\u2215..\u2215evil5.png", s_good, "evil5.png: its name leads out");
        yield return new("%2e%2e%2fevil6.png", s_good, "hides a path");
        yield return new("evil\u0007bell.png", s_good, "control characters");
        yield return new(new string('n', 600) + ".png", s_good, "1 to 500 characters");
        yield return new(". ./evil7.png", s_good, "evil7.png: its name leads out");

        // Bombs.
        yield return new("bomb.png", new byte[20_000_000], "times larger than packed");
        yield return new("inner.zip", Archive([("a.png", s_good)]), "an archive within the archive");
        yield return new("inner.tar.gz", [0x1F, 0x8B, 8, 0], "inner.tar.gz: it is an archive");
        yield return new("huge.png", Header(s_good, 65_535, 65_535), "65535 x 65535", "x");
        yield return new("wide.bmp", Bitmap(60_000, 60_000), "wide.bmp: ", "x");

        // Other things by their bytes.
        yield return new("page.png", "<html><body onload=alert(1)>"u8.ToArray(), "page.png: Not an image", "x");
        yield return new("drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"u8.ToArray(), "drawing.svg: Not an image", "x");
        yield return new("drawing.png", "<?xml version='1.0'?><svg onload='alert(1)'/>"u8.ToArray(), "drawing.png: Not an image", "x");
        yield return new("program.jpg", [0x4D, 0x5A, .. new byte[300]], "program.jpg: Not an image", "x");
        yield return new("elf.png", [0x7F, 0x45, 0x4C, 0x46, .. new byte[300]], "elf.png: Not an image", "x");
        yield return new("document.png", "%PDF-1.7 "u8.ToArray(), "document.png: Not an image", "x");
        yield return new("script.gif", "#!/bin/sh\nrm -rf /"u8.ToArray(), "script.gif: Not an image", "x");
        yield return new("postscript.tif", "%!PS-Adobe"u8.ToArray(), "postscript.tif: Not an image", "x");
        yield return new("empty.png", [], "empty.png: The file is empty", "x");
        yield return new("film.mp4", [0, 0, 0, 0x20, .. "ftypisom"u8, .. new byte[64]], "the project takes image", "x");

        // An image and something else.
        yield return new("poly-html.png", html, "image and a", "x");
        yield return new("poly-html.jpg", [.. jpeg, .. "<!DOCTYPE html><body>"u8], "poly-html.jpg: The file is an image and a page", "x");
        yield return new("poly-zip.png", [.. s_good, .. Archive([("x.exe", [1])])], "image and a zip archive", "x");
        yield return new("poly-svg.gif", [.. "GIF89a"u8, .. "/*"u8, .. new byte[60], .. "*/<svg onload=1>"u8], "an SVG drawing", "x");
        yield return new("poly-php.jpg", [.. jpeg, .. "<?php system($_GET[0]);"u8], "a PHP program", "x");
        yield return new("poly-js.gif", [.. "GIF89a=1;"u8, .. "x='javascript:alert(1)'"u8, .. new byte[60]], "poly-js.gif: The file is an image and a script", "x");

        // Broken ones.
        yield return new("cut.png", s_good[..(s_good.Length / 2)], "cut.png: The image is broken", "x");
        yield return new("cut.jpg", jpeg[..(jpeg.Length / 3)], "cut.jpg: The image is broken", "x");
        yield return new("head.png", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, .. new byte[200]], "head.png: The image is broken", "x");
        yield return new("head.webp", [.. "RIFF"u8, 100, 0, 0, 0, .. "WEBPVP8 "u8, .. new byte[90]], "head.webp: The image is broken", "x");
        yield return new("cut.bmp", [.. Bitmap(100, 100)[..54], 1, 2, 3], "cut.bmp: The BMP file ends early", "x");
        yield return new("head.tif", [.. "II*\0"u8, 8, 0, 0, 0, .. new byte[60]], "head.tif: The image is broken", "x");
    }

    private static byte[] Jpeg()
    {
        using var image = NetVips.Image.NewFromBuffer(ImageProjectTests.Photo(3));
        return image.JpegsaveBuffer();
    }

    // The size in a PNG's header, with the right checksum.
    private static byte[] Header(byte[] png, int width, int height)
    {
        var forged = (byte[])png.Clone();
        BinaryPrimitives.WriteInt32BigEndian(forged.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(forged.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(forged.AsSpan(29), System.IO.Hashing.Crc32.HashToUInt32(forged.AsSpan(12, 17)));
        return forged;
    }

    private static byte[] Bitmap(int width, int height)
    {
        var bytes = new byte[200];
        "BM"u8.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(10), 54);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(22), height);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(28), 24);
        return bytes;
    }

    // The second file's packed length says more than the archive has.
    private static byte[] Overlapping(byte[] zip)
    {
        var forged = (byte[])zip.Clone();
        var directory = forged.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BinaryPrimitives.WriteInt32LittleEndian(forged.AsSpan(directory + 20), zip.Length);
        BinaryPrimitives.WriteInt32LittleEndian(forged.AsSpan(directory + 24), zip.Length);
        return forged;
    }

    private static byte[] Archive(IEnumerable<(string Name, byte[] Content)> files)
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                using var entry = zip.CreateEntry(name, CompressionLevel.Optimal).Open();
                entry.Write(content);
            }
        }

        return memory.ToArray();
    }

    private async Task<List<string>> KeysAsync(string project) =>
        [.. (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Select(i => i!["key"]!.GetValue<string>())];

    private async Task<JsonNode> ImportAsync(string project, byte[] archive)
    {
        using var body = new ByteArrayContent(archive);
        var run = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=zip&name=x.zip", body)).Expect(HttpStatusCode.Accepted);
        return await _host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
    }

    private async Task<string> NewAsync() =>
        (await _host.Admin.PostAsync("/api/v1/projects", new { name = "Hostile", modality = "image", task = new { type = "classification", labels = new[] { new { name = "a" }, new { name = "b" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();

    private sealed record HostileFile(string Name, byte[] Content, string Reason, string? Alone = null);
}
