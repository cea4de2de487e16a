using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Labels;
using Annotator.Core.Models;
using Annotator.Core.Quality.Detection;
using Annotator.Core.Student;
using Annotator.Tests.Learning;
using Annotator.Tests.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Models;

/// <summary>Uploaded models: checked before they are taken, and pre-labelling boxes.</summary>
[Collection(ApiCollection.Name)]
public class VisionModelTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task A_detector_is_checked_taken_and_prelabels_boxes()
    {
        var file = Detector();
        var spec = JsonSerializer.Serialize(new { kind = "detector", labels = new[] { "thing" }, divisor = 1, threshold = 0.3 });
        using var body = new ByteArrayContent(file);
        var model = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Toy&spec={Uri.EscapeDataString(spec)}", body)).Expect(HttpStatusCode.Created);
        Assert.Equal("yolov8", model["spec"]!["layout"]!.GetValue<string>());
        var id = model["id"]!.GetValue<string>();

        var project = (await _host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Boxes", modality = "image", task = new { type = "boxes", labels = new[] { new { name = "thing" } } }, settings = new { vision = new { model = id } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var archive = new ByteArrayContent(Pictures.Zip([("a.png", Pictures.Plain(64, 64)), ("b.png", Pictures.Plain(128, 64))]));
        var run = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=zip", archive)).Expect(HttpStatusCode.Accepted);
        await _host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        var items = (await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items?limit=10", a => a["items"]!.AsArray() is { Count: 2 } all && all.All(i => i!["prediction"] is not null)))["items"]!.AsArray();
        Assert.Equal("model", items[0]!["prediction"]!["source"]!.GetValue<string>());

        // The toy finds a box of 16 x 16 about 32, 32 of its 64 x 64: of an image twice as wide it is twice as large.
        var boxes = items.Select(i => i!["prediction"]!["value"]!["boxes"]![0]!.ToJsonString()).ToList();
        Assert.Equal("""{"label":"thing","x":24,"y":24,"width":16,"height":16}""", boxes[0]);
        Assert.Equal("""{"label":"thing","x":48,"y":48,"width":32,"height":16}""", boxes[1]);

        // A project names what is there and can do it, and one that vanished since stands in no other change's way; a run says that it did.
        await RefusedAsync("boxes", new { model = "987654321" }, "settings.vision.model");
        await RefusedAsync("boxes", new { model = "../etc" }, "settings.vision.model");
        await RefusedAsync("classification", new { encoder = "987654321" }, "settings.vision.encoder");
        await RefusedAsync("classification", new { model = id }, "settings.vision.model");
        await RefusedAsync("classification", new { encoder = id }, "settings.vision.encoder");
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { vision = new { model = "987654321" } } })).ExpectProblem(HttpStatusCode.BadRequest, "settings.vision.model");

        (await _host.Admin.DeleteAsync($"/api/v1/models/{id}")).Expect(HttpStatusCode.NoContent);
        (await _host.Admin.GetAsync($"/api/v1/models/{id}")).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { vision = new { threshold = 0.4 } } })).Expect(HttpStatusCode.OK);
        var again = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "prelabel" })).Expect(HttpStatusCode.Accepted);
        var said = await _host.Admin.WaitRunAsync(again["id"]!.GetValue<string>());
        Assert.Contains($"The model {id}", said["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    private async Task RefusedAsync(string type, object vision, string field) =>
        (await _host.Admin.PostAsync("/api/v1/projects", new { name = "Refused", modality = "image", task = new { type, labels = new[] { new { name = "thing" }, new { name = "other" } } }, settings = new { vision } })).ExpectProblem(HttpStatusCode.BadRequest, field);

    [Theory]
    [InlineData("pickle")]
    [InlineData("empty")]
    [InlineData("cut")]
    [InlineData("labels")]
    [InlineData("external")]
    public async Task What_is_no_model_is_refused_with_the_reason(string kind)
    {
        var file = kind switch
        {
            "pickle" => [0x80, 0x04, .. "csklearn\nSVC\n"u8],
            "empty" => [],
            "cut" => Detector()[..40],
            "external" => External(),
            _ => Detector(),
        };
        var spec = JsonSerializer.Serialize(new { kind = "detector", labels = kind == "labels" ? new[] { "a", "b", "c" } : ["thing"] });
        using var body = new ByteArrayContent(file);
        var answer = await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Bad&spec={Uri.EscapeDataString(spec)}", body);
        answer.ExpectProblem(HttpStatusCode.BadRequest, "file");
        var person = await _host.AddPersonAsync(Core.Accounts.Role.Lead);
        using var again = new ByteArrayContent(file);
        (await person.Api.SendAsync(HttpMethod.Post, "/api/v1/models?name=Bad&spec={}", again)).ExpectProblem(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_check_that_takes_too_long_is_ended()
    {
        var command = new ModelCheckCommand("sh", ["-c", "sleep 30"]);
        var report = await ModelCheck.CheckAsync(command, [1], new ModelSpec { Labels = ["a"] }, new ModelOptions { CheckSeconds = 1 }, TestContext.Current.CancellationToken);
        Assert.Equal("The model took longer than 1 seconds.", report.Refused);
    }

    [Fact]
    public void The_program_checks_where_it_is_told_to()
    {
        Assert.Null(ModelCheck.Run([]));
        Assert.Null(ModelCheck.Run(["--urls", "http://localhost:5000"]));
        foreach (var incomplete in (string[][])[["check-model"], ["check-model", "model.onnx"], ["check-model", "model.onnx", "spec.json", "vocab.txt"], ["check-encoder"], ["check-encoder", "model.onnx", "spec.json"]]) Assert.Equal(2, ModelCheck.Run(incomplete));
    }

    [Fact]
    public void Yolox_finds_what_people_see()
    {
        var folder = SharedData.Locate("coco128");
        if (!Directory.Exists(folder)) Programs.Missing("coco128 is not here");
        var labels = File.ReadAllLines(SharedData.Locate("onnx-models/coco80.txt"));
        using var session = VisionSession.Open(File.ReadAllBytes(SharedData.Locate("onnx-models/yolox_nano.onnx")), new ModelSpec { Labels = labels, Bgr = true, Divisor = 1 });
        Assert.Equal(DetectorLayout.Yolox, session.Spec.Layout);
        var truth = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "boxes.json")))!;
        var images = truth["images"]!.AsArray().Take(12).ToList();
        var boxes = images.Select(i => (IReadOnlyList<Box>)[.. truth["annotations"]!.AsArray().Where(a => a!["image_id"]!.GetValue<long>() == i!["id"]!.GetValue<long>())
            .Select(a => new Box(labels[a!["category_id"]!.GetValue<int>()], a["bbox"]![0]!.GetValue<double>(), a["bbox"]![1]!.GetValue<double>(), a["bbox"]![2]!.GetValue<double>(), a["bbox"]![3]!.GetValue<double>()))]).ToList();
        var found = images.SelectMany((image, i) => session.Detect(File.ReadAllBytes(Path.Combine(folder, image!["file_name"]!.GetValue<string>())), 0.01).Select(d => new ScoredBox(i, d.Box, d.Score))).ToList();
        var figures = AveragePrecision.Compute(boxes, found);
        Assert.True(figures.MeanAveragePrecision > 0.35, $"{figures.MeanAveragePrecision}");
    }

    // One box in the middle, with one sure class, whatever the image: of the layout of YOLOv8, [1, 4 + 1, 2].
    private static byte[] Detector()
    {
        var graph = new OnnxGraph("toy");
        var image = graph.Input("images", OnnxType.Float, "1", "3", "64", "64");
        var nothing = graph.Node("Mul", [graph.Node("ReduceMean", [image], ("keepdims", 0)), graph.Constant([0f], 1)]);
        float[] boxes = [32, 5, 32, 5, 16, 2, 16, 2, 0.9f, 0.01f];
        graph.Output("output0", graph.Node("Add", [graph.Constant(boxes, 1, 5, 2), nothing]), OnnxType.Float, "1", "5", "2");
        return graph.Build("test", "1");
    }

    private static byte[] External()
    {
        var proto = Core.Student.Onnx.ModelProto.Parser.ParseFrom(Detector());
        var tensor = proto.Graph.Initializer[0];
        tensor.RawData = Google.Protobuf.ByteString.Empty;
        tensor.DataLocation = 1;
        tensor.ExternalData.Add(new Core.Student.Onnx.StringStringEntryProto { Key = "location", Value = "/etc/passwd" });
        return Google.Protobuf.MessageExtensions.ToByteArray(proto);
    }
}
