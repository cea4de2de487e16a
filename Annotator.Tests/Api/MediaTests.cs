using System.Net;
using System.Net.Http.Headers;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>Uploaded images and videos.</summary>
[Collection(ApiCollection.Name)]
public class MediaTests(SharedHost shared)
{
    private static readonly byte[] s_png = Media.Pictures.Plain(60, 40);
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task Files_become_items_and_are_served_as_what_they_are()
    {
        var project = await NewAsync("image", "boxes");
        using var body = Multipart(("a.png", "text/html", s_png), ("../../b.png", "image/png", s_png), ("page.svg", "image/svg+xml", "<svg onload='x'/>"u8.ToArray()), ("film.webm", "video/webm", [0x1A, 0x45, 0xDF, 0xA3, .. "....webm"u8]));
        var stored = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", body)).Expect(HttpStatusCode.OK);
        Assert.Equal(["a.png", "b.png"], stored["items"]!.AsArray().Select(i => i!["key"]!.GetValue<string>()));
        Assert.Equal(["page.svg", "film.webm"], stored["rejected"]!.AsArray().Select(i => i!["fileName"]!.GetValue<string>()));

        var item = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{stored["items"]![0]!["id"]!.GetValue<string>()}")).Expect(HttpStatusCode.OK);
        var url = item["url"]!.GetValue<string>();
        using var response = await _host.Admin.Http.GetAsync(url);
        Assert.Equal(s_png, await response.Content.ReadAsByteArrayAsync());
        Assert.Equal("image/png", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Contains("sandbox", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);

        // Members see it, others do not; the same file again is the same item.
        var (member, other) = (await _host.AddPersonAsync(Role.Annotator, project), await _host.AddPersonAsync(Role.Annotator));
        Assert.Equal(HttpStatusCode.OK, (await member.Api.GetAsync(url)).Status);
        (await other.Api.GetAsync(url)).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.GetAsync($"/api/v1/projects/{project}/media/..%2f..%2fannotator.db")).ExpectProblem(HttpStatusCode.NotFound);
        using var again = Multipart(("a.png", "image/png", s_png));
        var repeated = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", again)).Expect(HttpStatusCode.OK)["items"]![0]!;
        Assert.False(repeated["created"]!.GetValue<bool>());
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_host.DataDirectory, "blobs", $"media-{project}")).Length);
    }

    [Fact]
    public async Task What_is_no_upload_is_refused()
    {
        var project = await NewAsync("image", "boxes");
        using var page = Multipart(("page.png", "image/png", "<html>"u8.ToArray()));
        (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", page)).ExpectProblem(HttpStatusCode.BadRequest, "page.png");
        using var none = new MultipartFormDataContent { { new StringContent("x"), "field" } };
        (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", none)).ExpectProblem(HttpStatusCode.BadRequest, "file");
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/media", "{}")).ExpectProblem(HttpStatusCode.UnsupportedMediaType);
        using var texts = Multipart(("a.png", "image/png", s_png));
        (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{await _host.Admin.CreateProjectAsync()}/media", texts)).ExpectProblem(HttpStatusCode.BadRequest, "file");
    }

    [Theory]
    [InlineData("https://example.org/a.png", HttpStatusCode.OK)]
    [InlineData("s3://bucket/a.png", HttpStatusCode.OK)]
    [InlineData("javascript:alert(1)", HttpStatusCode.BadRequest)]
    [InlineData("file:///etc/passwd", HttpStatusCode.BadRequest)]
    [InlineData("data:text/html,x", HttpStatusCode.BadRequest)]
    [InlineData("/api/v1/projects/1/items", HttpStatusCode.BadRequest)]
    [InlineData("", HttpStatusCode.BadRequest)]
    public async Task An_item_of_an_image_has_an_address(string url, HttpStatusCode status)
    {
        var project = await NewAsync("image", "boxes");
        var answer = await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items = new[] { new { key = "k", url } } });
        if (status == HttpStatusCode.BadRequest) answer.ExpectProblem(status, "items[0].url");
        else answer.Expect(status);
    }

    [Theory]
    [InlineData("89504E470D0A1A0A", "image/png", Modality.Image)]
    [InlineData("FFD8FFE0", "image/jpeg", Modality.Image)]
    [InlineData("52494646000000005745425050", "image/webp", Modality.Image)]
    [InlineData("000000206674797069736F6D", "video/mp4", Modality.Video)]
    [InlineData("0000001C6674797061766966", "image/avif", Modality.Image)]
    [InlineData("3C737667", null, Modality.Text)]
    [InlineData("", null, Modality.Text)]
    public void Files_are_told_by_their_bytes(string head, string? contentType, Modality modality)
    {
        var kind = MediaKind.Of(Convert.FromHexString(head));
        Assert.Equal(contentType, kind?.ContentType);
        if (kind is not null) Assert.Equal(modality, kind.Modality);
    }

    private async Task<string> NewAsync(string modality, string type) =>
        (await _host.Admin.PostAsync("/api/v1/projects", new { name = "M", modality, task = new { type, labels = new[] { new { name = "car" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();

    private static MultipartFormDataContent Multipart(params (string Name, string Type, byte[] Bytes)[] files)
    {
        var body = new MultipartFormDataContent();
        foreach (var (name, type, bytes) in files)
        {
            var part = new ByteArrayContent(bytes);
            part.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
            body.Add(part, "file", name);
        }

        return body;
    }
}
