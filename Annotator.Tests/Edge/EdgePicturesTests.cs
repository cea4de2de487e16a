using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Annotator.Tests.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Edge;

/// <summary>Pictures from devices: piece by piece over the API, and by the agent itself.</summary>
public sealed class EdgePicturesTests
{
    private static readonly string[] s_shapes = ["disc", "square", "cross"];

    [Fact]
    public async Task A_picture_goes_on_where_it_was_cut_off_and_becomes_one_item_with_its_device()
    {
        await using var host = await AppHost.StartAsync();
        var project = await NewAsync(host, new { picturePixels = 800 });
        using var device = await DeviceApi.EnrolAsync(host, project, "gate");
        var file = ImageProjectTests.Photo(3);
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        string Path(long sequence, string key) => string.Create(CultureInfo.InvariantCulture, $"/api/v1/edge/pictures/{sequence}?key={key}&sha256={hash}&total={file.Length}");
        async Task<ApiAnswer> PutAsync(string path, int offset, int length, byte[]? from = null)
        {
            using var body = new ByteArrayContent((from ?? file)[offset..Math.Min(offset + length, file.Length)]);
            body.Headers.ContentType = MediaTypeHeaderValue.Parse("application/octet-stream");
            return await device.SendAsync(HttpMethod.Put, string.Create(CultureInfo.InvariantCulture, $"{path}&offset={offset}&reason=Uncertain"), body);
        }

        var third = (file.Length / 3) + 1;
        Assert.Equal(third, (await PutAsync(Path(1, "a"), 0, third)).Expect(HttpStatusCode.OK)["received"]!.GetValue<int>());

        // Another process of the centre knows where it was; a piece that was lost in between is asked for.
        await host.StopAsync();
        await host.StartAgainAsync();
        using var again = host.Client(device.Http.DefaultRequestHeaders.Authorization!.Parameter);
        Assert.Equal(third, (await again.GetAsync(Path(1, "a"))).Expect(HttpStatusCode.OK)["received"]!.GetValue<int>());
        async Task<ApiAnswer> PutAgainAsync(string path, int offset, int length, byte[]? from = null)
        {
            using var body = new ByteArrayContent((from ?? file)[offset..Math.Min(offset + length, file.Length)]);
            return await again.SendAsync(HttpMethod.Put, string.Create(CultureInfo.InvariantCulture, $"{path}&offset={offset}&reason=Uncertain"), body);
        }

        Assert.Equal(third, (await PutAgainAsync(Path(1, "a"), 2 * third, third)).Expect(HttpStatusCode.OK)["received"]!.GetValue<int>());
        Assert.False((await PutAgainAsync(Path(1, "a"), third, third)).Expect(HttpStatusCode.OK)["stored"]!.GetValue<bool>());
        for (var i = 0; i < 2; i++) Assert.True((await PutAgainAsync(Path(1, "a"), 2 * third, third)).Expect(HttpStatusCode.OK)["stored"]!.GetValue<bool>());
        Assert.True((await again.GetAsync(Path(1, "a"))).Expect(HttpStatusCode.OK)["stored"]!.GetValue<bool>());

        var item = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Single()!;
        Assert.Equal(("gate/a", "gate", 256), (item["key"]!.GetValue<string>(), item["device"]!.GetValue<string>(), item["metadata"]!["width"]!.GetValue<int>()));
        var lent = (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 1 })).Expect(HttpStatusCode.OK)["items"]![0]!;
        Assert.Equal("gate", lent["device"]!.GetValue<string>());
        Assert.Equal(1, (await host.Admin.GetAsync($"/api/v1/projects/{project}/edge/devices")).Expect(HttpStatusCode.OK)["items"]![0]!["items"]!.GetValue<int>());

        // What is no picture, another file than was announced, or too much, is refused for good, and nothing of it stays.
        var other = (byte[])file.Clone();
        other[^10] ^= 1;
        await PutAgainAsync(Path(2, "b"), 0, third);
        await PutAgainAsync(Path(2, "b"), third, third);
        Assert.Contains("sha256", (await PutAgainAsync(Path(2, "b"), 2 * third, third, other)).ExpectProblem(HttpStatusCode.BadRequest)["errors"]!.AsObject().Select(e => e.Key));
        Assert.Equal(0, (await again.GetAsync(Path(2, "b"))).Expect(HttpStatusCode.OK)["received"]!.GetValue<int>());
        Assert.Contains("total", (await PutAgainAsync($"/api/v1/edge/pictures/3?key=c&sha256={hash}&total=99999999", 0, 10)).ExpectProblem(HttpStatusCode.BadRequest)["errors"]!.AsObject().Select(e => e.Key));
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { edge = new { picturePixels = 0 } } })).Expect(HttpStatusCode.OK);
        (await PutAgainAsync(Path(4, "d"), 0, third)).ExpectProblem(HttpStatusCode.BadRequest);
        Assert.Single((await host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray());
    }

    [Fact]
    public async Task The_agent_sends_the_pictures_it_is_unsure_of_smaller_and_bare_and_frames_that_are_alike_once()
    {
        await using var host = await AppHost.StartAsync();
        var project = await NewAsync(host, new { reportSeconds = 0.3, uploadBelow = 1, sampleShare = 0, picturePixels = 120 });
        using (var form = Pictures.Form([.. Enumerable.Range(0, 60).Select(i => ($"{i}.png", Pictures.Shape(i % 3, i)))]))
            (await host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var decisions = items.Take(36).Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { choice = s_shapes[int.Parse(i["key"]!.GetValue<string>()[..^4], CultureInfo.InvariantCulture) % 3] } });
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"]?["trainedOn"]?.GetValue<int>() >= 36);

        await using var agent = await EdgeAgent.EnrolAsync(host.Admin, host.BaseAddress, project, "cam");
        var inbox = Directory.CreateDirectory(System.IO.Path.Combine(agent.Folder, "in")).FullName;
        await File.WriteAllBytesAsync(System.IO.Path.Combine(inbox, "wide.png"), ImageProjectTests.Photo(11), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(System.IO.Path.Combine(inbox, "same.png"), ImageProjectTests.Photo(11), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(System.IO.Path.Combine(inbox, "other.png"), ImageProjectTests.Photo(12), TestContext.Current.CancellationToken);
        var film = System.IO.Path.Combine(agent.Folder, "film.mp4");
        await File.WriteAllBytesAsync(film, await TestFilm.BrighteningAsync(), TestContext.Current.CancellationToken);
        await agent.StartAsync("--folder", inbox, "--video", film, "--name", "film", "--fps", "25");

        await host.Admin.WaitAsync($"/api/v1/projects/{project}/edge/devices", a => a["items"]![0]!["items"]!.GetValue<int>() >= 3);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/edge/devices", a => a["items"]![0]!["labels"]!.GetValue<int>() >= 4 && a["items"]![0]!["waiting"]!.GetValue<int>() == 0);
        var sent = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=200")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Where(i => i!["device"] is not null).Select(i => i!).ToList();
        Assert.All(sent, i => Assert.Equal("cam", i["device"]!.GetValue<string>()));
        Assert.Equal(2, sent.Count(i => i["key"]!.GetValue<string>().Contains(".png", StringComparison.Ordinal)));
        Assert.Single(sent, i => i["key"]!.GetValue<string>().StartsWith("cam/film#", StringComparison.Ordinal));
        var photo = sent.First(i => i["key"]!.GetValue<string>().Contains("other.png", StringComparison.Ordinal))["metadata"]!;
        Assert.Equal((120, 90, "image/jpeg"), (photo["width"]!.GetValue<int>(), photo["height"]!.GetValue<int>(), photo["contentType"]!.GetValue<string>()));
        var frame = sent.First(i => i["key"]!.GetValue<string>().Contains("film#", StringComparison.Ordinal))["metadata"]!;
        Assert.Equal((64, 48), (frame["width"]!.GetValue<int>(), frame["height"]!.GetValue<int>()));
    }

    private static async Task<string> NewAsync(AppHost host, object edge)
    {
        var body = new { name = "Frames", modality = "image", task = new { type = "classification", labels = s_shapes.Select(l => new { name = l }) }, settings = new { groupDuplicates = false, auditShare = 0, autoAccept = false, edge } };
        return (await host.Admin.PostAsync("/api/v1/projects", body)).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
    }
}
