using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Media;

/// <summary>Files of annotations that must do no harm: what they say is refused with its reason, and the images beside them come in.</summary>
[Collection(ApiCollection.Name)]
public class HostileAnnotationsTests(SharedHost shared)
{
    private const int Deep = 100_000;
    private readonly AppHost _host = shared.Host;

    [Theory]
    [InlineData("deep xml", "64 deep")]
    [InlineData("deep cvat", "64 deep")]
    [InlineData("entities", "DTD")]
    [InlineData("deep json", "no valid JSON")]
    [InlineData("deep yaml", "32 deep")]
    [InlineData("aliases", "no number of a class")]
    [InlineData("no pairs", "cannot be read")]
    [InlineData("negative", null)]
    [InlineData("endless", "no valid JSON")]
    [InlineData("damaged", "damaged")]
    [InlineData("stray", null)]
    public async Task Images_come_in_and_what_is_said_of_them_is_refused(string kind, string? reason)
    {
        var files = FilesOf(kind);
        var archive = Pictures.Zip([("images/a.png", Pictures.Plain(60, 40)), .. files.Select(f => (f.Name, Encoding.UTF8.GetBytes(f.Text)))]);
        if (kind == "damaged") archive[archive.AsSpan().IndexOf("notes.txt"u8) + "notes.txt".Length + 2] ^= 0x55;
        var project = (await _host.Admin.PostAsync("/api/v1/projects", new { name = kind, modality = "image", task = new { type = "boxes", labels = new[] { new { name = "cat" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var body = new ByteArrayContent(archive);
        var id = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=zip&name=x.zip", body)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        var run = await _host.Admin.WaitRunAsync(id);
        Assert.True(run["state"]!.GetValue<string>() is "succeeded", run.ToJsonString());
        Assert.Equal(1, run["result"]!["created"]!.GetValue<int>());
        var rejections = (await _host.Admin.GetAsync($"/api/v1/runs/{id}/rejections?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        if (reason is not null) Assert.True(rejections.Any(r => r!["reason"]!.GetValue<string>().Contains(reason, StringComparison.Ordinal)), rejections.ToJsonString());
        var item = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=10")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Single()!;
        switch (kind)
        {
            case "negative":
                // One box has an area; the others are counted as lost.
                Assert.Equal("""{"boxes":[{"label":"cat","x":1,"y":2,"width":3,"height":4}]}""", item["label"]!.ToJsonString());
                Assert.Contains("without an area", run["result"]!.ToJsonString(), StringComparison.Ordinal);
                break;
            case "stray":
                Assert.Equal("""{"boxes":[{"label":"cat","x":1,"y":2,"width":3,"height":4}]}""", item["label"]!.ToJsonString());
                break;
            default:
                Assert.Null(item["label"]);
                break;
        }
    }

    [Fact]
    public async Task A_track_without_an_end_is_refused()
    {
        var project = (await _host.Admin.PostAsync("/api/v1/projects", new { name = "Endless", modality = "video", task = new { type = "tracks", labels = new[] { new { name = "cat" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items = new[] { new { key = "film.mp4", url = "https://example.org/film.mp4" } } })).Expect(HttpStatusCode.OK);
        using var body = new ByteArrayContent(Encoding.UTF8.GetBytes("1,1,0,0,5,5,1,1,1\n2147483000,1,0,0,5,5,1,1,1\n"));
        var id = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=mot&name=film.mp4.txt", body)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        await _host.Admin.WaitRunAsync(id);
        var rejections = (await _host.Admin.GetAsync($"/api/v1/runs/{id}/rejections?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Contains(rejections, r => r!["reason"]!.GetValue<string>().Contains("after frame 1000000", StringComparison.Ordinal));
    }

    private static List<(string Name, string Text)> FilesOf(string kind) => kind switch
    {
        "deep xml" => [("Annotations/a.xml", Voc(string.Concat(Enumerable.Repeat("<a>", Deep)) + string.Concat(Enumerable.Repeat("</a>", Deep))))],
        "deep cvat" => [("annotations.xml", "<annotations>" + string.Concat(Enumerable.Repeat("<a>", Deep)) + string.Concat(Enumerable.Repeat("</a>", Deep)) + "</annotations>")],
        "entities" => [("Annotations/a.xml", "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;&x;&x;&x;&x;\">]>" + Voc("&y;"))],
        "deep json" => [("instances.json", "{\"images\":" + new string('[', Deep) + new string(']', Deep) + "}")],
        "deep yaml" => [("data.yaml", "names: " + new string('[', Deep) + new string(']', Deep)), ("labels/a.txt", "0 0.5 0.5 0.1 0.1")],
        "aliases" => [("data.yaml", "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: &d [*c, *c, *c, *c]\nnames: [*d, *d]\n"), ("labels/a.txt", "7 0.5 0.5 0.1 0.1")],
        "no pairs" => [("tasks.json", """[{"data":{"image":"a.png"},"annotations":[{"result":[{"type":"polygonlabels","original_width":60,"original_height":40,"value":{"points":[],"polygonlabels":["cat"]}}]}]}]""")],
        "negative" => [("coco.json", Coco("""{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]},{"id":2,"image_id":1,"category_id":1,"bbox":[5,5,-3,4]},{"id":3,"image_id":1,"category_id":1,"bbox":["x",5,3,4]},{"id":4,"image_id":1,"category_id":1,"bbox":[1,1,0,0]}"""))],
        "endless" => [("coco.json", Coco("""{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,NaN]}"""))],
        "damaged" => [("notes.txt", "only some words, and more of them so that they are packed")],
        _ => [("project.xml", "<project><name>somebody's own</name></project>"), ("coco.json", Coco("""{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}""")), ("broken.json", "{\"images\": [")],
    };

    private static string Voc(string name) => $"<annotation><filename>{name}</filename></annotation>";

    private static string Coco(string annotations) => $$"""{"images":[{"id":1,"file_name":"a.png","width":60,"height":40}],"categories":[{"id":1,"name":"cat"}],"annotations":[{{annotations}}]}""";
}
