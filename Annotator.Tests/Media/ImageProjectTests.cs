using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Core.Student;
using Annotator.Tests.Support;

namespace Annotator.Tests.Media;

/// <summary>A project of images from the upload to the labels, over the public API.</summary>
[Collection(ApiCollection.Name)]
public class ImageProjectTests(SharedHost shared)
{
    private static readonly string[] s_names = ["disc", "square", "cross"];
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task Images_are_learned_from_decisions_and_the_student_is_one_file_from_image_to_label()
    {
        var project = await NewAsync("classification", s_names);
        var archive = Pictures.Zip(Enumerable.Range(0, 90).Select(i => ($"shapes/{i:D3}.png", Pictures.Shape(i % 3, i))));
        var run = await ImportAsync(project, "zip", archive);
        Assert.Equal(90, run["result"]!["created"]!.GetValue<int>());

        var items = (await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items?limit=200", a => a["items"]!.AsArray().Count == 90))["items"]!.AsArray();
        Assert.Equal("shapes/000.png", items[0]!["key"]!.GetValue<string>());
        using var thumbnail = await _host.Admin.Http.GetAsync(items[0]!["url"]!.GetValue<string>() + "/thumbnail", TestContext.Current.CancellationToken);
        Assert.Equal("image/webp", thumbnail.Content.Headers.ContentType!.MediaType);

        await DecideAsync(project, items.Take(45));
        var model = await _host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"]?["trainedOn"]?.GetValue<int>() >= 45);
        Assert.True(model["student"]!["accuracy"]!.GetValue<double>() > 0.85, model.ToJsonString());

        // The file that anybody can fetch says of the others what they are, and so do the pre-labels.
        var file = await _host.Admin.Http.GetByteArrayAsync($"/api/v1/projects/{project}/model.onnx", TestContext.Current.CancellationToken);
        using var student = StudentModel.Load(file);
        Assert.True(student.OfImages);
        var said = student.Predict(Enumerable.Range(45, 45).SelectMany(i => ImageFiles.Canvas(Pictures.Shape(i % 3, i))).ToArray(), TestContext.Current.CancellationToken);
        Assert.True(Enumerable.Range(0, 45).Count(i => said.Classes[said.Best[i]] == s_names[i % 3]) >= 40);

        using var form = Pictures.Form(("new.png", Pictures.Shape(2, 1_000)));
        var stored = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK)["items"]![0]!;
        Assert.Equal("student", stored["prediction"]!["source"]!.GetValue<string>());
        Assert.Equal("cross", stored["prediction"]!["value"]!["choice"]!.GetValue<string>());
    }

    [Fact]
    public async Task Folders_of_an_archive_are_classes_where_the_project_has_none()
    {
        var project = await NewAsync("classification", []);
        var run = await ImportAsync(project, "zip", Pictures.Zip(Enumerable.Range(0, 6).Select(i => ($"set/train/{s_names[i % 3]}/{i}.png", Pictures.Shape(i % 3, i)))));
        Assert.Equal(6, run["result"]!["labelled"]!.GetValue<int>());
        var items = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items?state=final&limit=10")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(6, items.Count);
        Assert.Equal("disc/0.png", items[0]!["key"]!.GetValue<string>());
        Assert.Equal("disc", items[0]!["label"]!["choice"]!.GetValue<string>());
    }

    [Fact]
    public async Task Copies_of_a_photograph_are_one_group()
    {
        var project = await NewAsync("classification", s_names);
        var photo = Photo(7);
        using var image = NetVips.Image.NewFromBuffer(photo);
        using var small = image.Resize(0.5);
        var archive = Pictures.Zip([("a.png", photo), ("b.jpg", image.JpegsaveBuffer(q: 40)), ("c.png", small.PngsaveBuffer()), ("other.png", Photo(8))]);
        await ImportAsync(project, "zip", archive);
        var items = (await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items?limit=10", a => a["items"]!.AsArray().Count(i => i!["group"] is not null) == 3))["items"]!.AsArray();
        Assert.Null(items.Single(i => i!["key"]!.GetValue<string>() is "other.png")!["group"]);
    }

    [Fact]
    public async Task Boxes_come_in_as_coco_and_go_out_as_every_format_and_come_back_the_same()
    {
        var project = await NewAsync("boxes", ["cat", "dog"]);
        var images = Enumerable.Range(0, 3).Select(i => ($"images/p{i}.png", Pictures.Plain(64 + i, 48))).ToList();
        const string Coco = """
            {"images":[{"id":7,"file_name":"images/p0.png","width":64,"height":48},{"id":9,"file_name":"images/p1.png","width":65,"height":48},{"id":11,"file_name":"images/missing.png","width":5,"height":5}],
             "categories":[{"id":1,"name":"cat"},{"id":90,"name":"dog"}],
             "annotations":[{"id":1,"image_id":7,"category_id":90,"bbox":[1.5,2,30.25,20],"area":605,"iscrowd":0},{"id":2,"image_id":404,"category_id":1,"bbox":[0,0,1,1]}]}
            """;
        var run = await ImportAsync(project, "coco", Pictures.Zip([.. images, ("annotations/instances.json", System.Text.Encoding.UTF8.GetBytes(Coco))]));
        Assert.Equal(2, run["rejected"]!.GetValue<int>());
        var before = await LabelsAsync(project);
        Assert.Equal("""{"boxes":[{"label":"dog","x":1.5,"y":2,"width":30.25,"height":20}]}""", before["p0.png"]);
        Assert.Equal("""{"boxes":[]}""", before["p1.png"]);
        Assert.Equal(2, before.Count);

        foreach (var format in (string[])["coco", "yolo", "voc"])
        {
            var again = await NewAsync("boxes", ["cat", "dog"]);
            var archive = await _host.Admin.Http.GetByteArrayAsync($"/api/v1/projects/{project}/export?format={format}&media=true", TestContext.Current.CancellationToken);
            var imported = await ImportAsync(again, "zip", archive);
            Assert.True(imported["rejected"]!.GetValue<int>() == 0, $"{format}: {imported}");
            Assert.Equal(before, await LabelsAsync(again));
        }
    }

    /// <summary>Something with as much in it as a photograph has: smooth blobs.</summary>
    internal static byte[] Photo(int seed)
    {
        var random = new Random(seed);
        var blobs = Enumerable.Range(0, 12).Select(_ => (X: random.NextDouble() * 256, Y: random.NextDouble() * 192, R: 15 + (random.NextDouble() * 45), V: (random.NextDouble() * 200) - 100)).ToArray();
        var pixels = new byte[256 * 192 * 3];
        for (var y = 0; y < 192; y++)
        {
            for (var x = 0; x < 256; x++)
            {
                var value = 128 + blobs.Sum(b => b.V * Math.Exp(-(((x - b.X) * (x - b.X)) + ((y - b.Y) * (y - b.Y))) / (2 * b.R * b.R)));
                for (var c = 0; c < 3; c++) pixels[(((y * 256) + x) * 3) + c] = (byte)Math.Clamp(value, 0, 255);
            }
        }

        return Pictures.Png(pixels, 256, 192);
    }

    private async Task<Dictionary<string, string>> LabelsAsync(string project)
    {
        var text = await _host.Admin.Http.GetStringAsync($"/api/v1/projects/{project}/export?format=jsonl", TestContext.Current.CancellationToken);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToDictionary(r => r["key"]!.GetValue<string>(), r => r["label"]!.ToJsonString(), StringComparer.Ordinal);
    }

    private async Task DecideAsync(string project, IEnumerable<JsonNode?> items)
    {
        var decisions = items.Select(i => new
        {
            itemId = i!["id"]!.GetValue<string>(),
            action = "correct",
            value = new { choice = s_names[int.Parse(Path.GetFileNameWithoutExtension(i["key"]!.GetValue<string>()), CultureInfo.InvariantCulture) % 3] },
        });
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
    }

    private async Task<JsonNode> ImportAsync(string project, string format, byte[] archive)
    {
        using var body = new ByteArrayContent(archive);
        var run = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format={format}&name=x.zip", body)).Expect(HttpStatusCode.Accepted);
        var ended = await _host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.True(ended["state"]!.GetValue<string>() is "succeeded", ended.ToJsonString());
        return ended;
    }

    private async Task<string> NewAsync(string type, string[] labels) =>
        (await _host.Admin.PostAsync("/api/v1/projects", new { name = "Images", modality = "image", task = new { type, labels = labels.Select(l => new { name = l }) } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
}
