using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Annotator.Tests.Media;

/// <summary>Signed addresses of images: one file, for a while, without a session, and nothing else.</summary>
[Collection(ApiCollection.Name)]
public sealed class SignedAddressTests(SharedHost shared) : IDisposable
{
    private readonly AppHost _host = shared.Host;
    private readonly HttpClient _stranger = new();

    [Fact]
    public async Task A_signed_address_serves_its_file_to_anybody_with_ranges_and_caching()
    {
        var (project, items, bytes) = await UploadAsync();
        var made = (await _host.Admin.PostAsync(Path(items[0]) + "/link", new { seconds = 600 })).Expect(HttpStatusCode.OK);
        var address = made["url"]!.GetValue<string>();
        Assert.StartsWith(_host.BaseAddress.ToString(), address, StringComparison.Ordinal);
        Assert.InRange(made["expiresAt"]!.GetValue<DateTimeOffset>() - TimeProvider.System.GetUtcNow(), TimeSpan.FromSeconds(590), TimeSpan.FromSeconds(700));

        using var whole = await _stranger.GetAsync(address, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, whole.StatusCode);
        Assert.Equal(bytes, await whole.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal("image/png", whole.Content.Headers.ContentType!.MediaType);
        Assert.Contains("sandbox", whole.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.InRange(whole.Headers.CacheControl!.MaxAge!.Value.TotalSeconds, 1, 700);

        using var part = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { Range = new RangeHeaderValue(4, 9) } };
        using var piece = await _stranger.SendAsync(part, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.PartialContent, piece.StatusCode);
        Assert.Equal(bytes[4..10], await piece.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        using var again = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { IfNoneMatch = { whole.Headers.ETag! } } };
        using var unchanged = await _stranger.SendAsync(again, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);

        // The plain address still needs a session.
        using var plain = await _stranger.GetAsync(new Uri(_host.BaseAddress, Path(items[0])), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, plain.StatusCode);
        (await _host.Admin.PostAsync(Path(items[0]) + "/link", new { seconds = 0 })).ExpectProblem(HttpStatusCode.BadRequest, "seconds");
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/media/{Guid.NewGuid():n}/link", new { })).ExpectProblem(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Another_item_another_time_and_another_signature_are_refused()
    {
        var (project, items, _) = await UploadAsync();
        var good = await SignedAsync(items[0]);
        var other = MediaService.NameOf(long.Parse(project, System.Globalization.CultureInfo.InvariantCulture), Path(items[1]))!;
        var name = MediaService.NameOf(long.Parse(project, System.Globalization.CultureInfo.InvariantCulture), Path(items[0]))!;
        var query = System.Web.HttpUtility.ParseQueryString(new Uri(good).Query);
        var expires = long.Parse(query["expires"]!, System.Globalization.CultureInfo.InvariantCulture);
        foreach (var changed in (string[])
        [
            good.Replace(name, other, StringComparison.Ordinal),
            good.Replace($"/media/{project}/", "/media/999/", StringComparison.Ordinal),
            good.Replace($"expires={expires}", $"expires={expires + 3_600}", StringComparison.Ordinal),
            good[..^4] + (good[^4] == 'A' ? 'B' : 'A') + good[^3..],
            good[..good.IndexOf("&signature", StringComparison.Ordinal)],
            good[..good.IndexOf('?', StringComparison.Ordinal)],
        ])
        {
            using var answer = await _stranger.GetAsync(changed, TestContext.Current.CancellationToken);
            Assert.True(answer.StatusCode == HttpStatusCode.Forbidden, $"{changed}: {answer.StatusCode}");
        }

        using var unchanged = await _stranger.GetAsync(good, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, unchanged.StatusCode);
    }

    [Fact]
    public async Task An_address_ends_when_it_says()
    {
        var time = new SetTime(new DateTimeOffset(2031, 5, 1, 8, 20, 11, TimeSpan.Zero));
        var links = new MediaLinks(_host.Services.GetRequiredService<Core.Edge.EdgeKeys>(), time, Options.Create(new MediaOptions { LinkMinutes = 60 }));
        var name = Guid.NewGuid().ToString("n");
        var signed = (await links.SignerAsync(7, "", TimeSpan.FromMinutes(10), TestContext.Current.CancellationToken))(MediaService.AddressOf(7, name))!;
        var query = System.Web.HttpUtility.ParseQueryString(new Uri("http://x" + signed).Query);
        var expires = long.Parse(query["expires"]!, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(LinkState.Good, await links.CheckAsync(7, name, expires, query["signature"], TestContext.Current.CancellationToken));
        time.Now = DateTimeOffset.FromUnixTimeSeconds(expires - 1);
        Assert.Equal(LinkState.Good, await links.CheckAsync(7, name, expires, query["signature"], TestContext.Current.CancellationToken));
        time.Now = DateTimeOffset.FromUnixTimeSeconds(expires);
        Assert.Equal(LinkState.Expired, await links.CheckAsync(7, name, expires, query["signature"], TestContext.Current.CancellationToken));

        // What was not ours is never called expired.
        Assert.Equal(LinkState.Wrong, await links.CheckAsync(8, name, expires, query["signature"], TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await links.SignerAsync(7, "", TimeSpan.FromMinutes(61), TestContext.Current.CancellationToken));
        Assert.Equal("https://elsewhere.example.org/a.png", (await links.SignerAsync(7, "", null, TestContext.Current.CancellationToken))("https://elsewhere.example.org/a.png"));
    }

    [Fact]
    public async Task Lists_items_and_exports_give_signed_addresses_where_they_are_wanted()
    {
        var (project, items, bytes) = await UploadAsync();
        var listed = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items?links=true")).Expect(HttpStatusCode.OK)["items"]![0]!;
        var single = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{items[0]["id"]}?links=true")).Expect(HttpStatusCode.OK);
        Assert.Equal(listed["signedUrl"]!.GetValue<string>(), single["signedUrl"]!.GetValue<string>());
        Assert.Null((await _host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]![0]!["signedUrl"]);

        var lines = await _host.Admin.Http.GetStringAsync($"/api/v1/projects/{project}/export?format=jsonl&state=all&links=true", TestContext.Current.CancellationToken);
        var address = JsonNode.Parse(lines.Split('\n')[0])!["url"]!.GetValue<string>();
        foreach (var one in (string[])[listed["signedUrl"]!.GetValue<string>(), address])
            Assert.Equal(bytes, await _stranger.GetByteArrayAsync(one, TestContext.Current.CancellationToken));
        (await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?format=coco&media=true&links=true")).ExpectProblem(HttpStatusCode.BadRequest, "links");
    }

    public void Dispose() => _stranger.Dispose();

    private static string Path(JsonNode item) => item["url"]!.GetValue<string>();

    private async Task<string> SignedAsync(JsonNode item) => (await _host.Admin.PostAsync(Path(item) + "/link", new { })).Expect(HttpStatusCode.OK)["url"]!.GetValue<string>();

    private async Task<(string Project, JsonNode[] Items, byte[] First)> UploadAsync()
    {
        var project = (await _host.Admin.PostAsync("/api/v1/projects", new { name = "Signed", modality = "image", task = new { type = "boxes", labels = new[] { new { name = "thing" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        var bytes = Pictures.Plain(64, 48);
        using var form = Pictures.Form(("a.png", bytes), ("b.png", Pictures.Plain(80, 48)));
        (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
        var items = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        return (project, [.. items.Select(i => i!)], bytes);
    }

    private sealed class SetTime(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
