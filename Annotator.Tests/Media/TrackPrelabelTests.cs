using System.IO.Compression;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Labels;
using Annotator.Core.Student;
using Annotator.Tests.Learning;
using Annotator.Tests.Support;

namespace Annotator.Tests.Media;

/// <summary>Films pre-labelled with tracks: a person corrects a keyframe, and the export has it.</summary>
[Collection(ApiCollection.Name)]
public class TrackPrelabelTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task A_film_is_followed_corrected_at_one_keyframe_and_exported()
    {
        var film = await TestFilm.MadeAsync("color=black:s=64x48:r=25:d=4[b];color=white:s=10x10:r=25:d=4[w];[b][w]overlay=x='4+floor(n/4)*2':y=20:enable='lt(n,70)'");
        var spec = new { kind = "detector", labels = new[] { "thing" }, divisor = 1, threshold = 0.3 };
        var project = await ProjectAsync(BrightSpot(), spec, "thing", trackRate: 5);
        var item = await UploadAsync(project, film);
        Assert.Equal(100, item["metadata"]!["frames"]!.GetValue<int>());
        Assert.Equal(64, item["metadata"]!["width"]!.GetValue<int>());
        using var thumbnail = await _host.Admin.Http.GetAsync($"{item["url"]!.GetValue<string>()}/thumbnail", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, thumbnail.StatusCode);

        var value = (await PrelabelAsync(project, item))["value"]!;
        var track = Assert.Single(((TracksValue)LabelJson.Read(value.ToJsonString())).Tracks);
        Assert.InRange(track.Keyframes.Count, 3, 7);
        Assert.Equal((70, true), (track.Keyframes[^1].Frame, track.Keyframes[^1].Outside));
        for (var f = 0; f < 66; f++) Assert.True(ShapeMatching.Overlap(Of(TrackFrames.At(track, f)!), new Box("", 4 + (f / 4 * 2), 20, 10, 10)) > 0.6, $"frame {f}: {TrackFrames.At(track, f)}");

        // The first keyframe is moved, all others stay.
        var corrected = value.DeepClone();
        corrected["tracks"]![0]!["keyframes"]![0]!["y"] = 12.5;
        var lines = await DecideAndExportAsync(project, item, corrected);
        Assert.Equal(70, lines.Count);
        Assert.Equal("12.5", lines[0].Split(',')[3]);
        Assert.All(lines, l => Assert.Equal("1", l.Split(',')[1]));
    }

    [Fact]
    public async Task Bottles_on_a_belt_go_from_upload_to_exported_tracks()
    {
        var clip = SharedData.Locate("video/bottle-detection.mp4");
        if (!File.Exists(clip)) Programs.Missing("The clip is not here");
        var spec = new { kind = "detector", labels = File.ReadAllLines(SharedData.Locate("onnx-models/coco80.txt")), bgr = true, divisor = 1, threshold = 0.3 };
        var project = await ProjectAsync(await File.ReadAllBytesAsync(SharedData.Locate("onnx-models/yolox_nano.onnx"), TestContext.Current.CancellationToken), spec, "bottle", trackRate: 2);
        var item = await UploadAsync(project, await File.ReadAllBytesAsync(clip, TestContext.Current.CancellationToken));
        Assert.Equal(1189, item["metadata"]!["frames"]!.GetValue<int>());
        var value = (await PrelabelAsync(project, item))["value"]!;
        var tracks = ((TracksValue)LabelJson.Read(value.ToJsonString())).Tracks;
        TestContext.Current.TestOutputHelper?.WriteLine($"{tracks.Count} tracks, {tracks.Sum(t => t.Keyframes.Count)} keyframes");
        Assert.NotEmpty(tracks);
        var corrected = value.DeepClone();
        var (frame, x) = (tracks[0].Keyframes[0].Frame, Math.Max(0, tracks[0].Keyframes[0].X - 3));
        corrected["tracks"]![0]!["keyframes"]![0]!["x"] = x;
        var lines = await DecideAndExportAsync(project, item, corrected);
        Assert.Contains(lines, l => l.Split(',') is [var f, "1", var left, ..] && int.Parse(f, System.Globalization.CultureInfo.InvariantCulture) == frame + 1 && Math.Abs(double.Parse(left, System.Globalization.CultureInfo.InvariantCulture) - x) < 1e-6);
    }

    private async Task<List<string>> DecideAndExportAsync(string project, JsonNode item, JsonNode corrected)
    {
        var lease = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 1 })).Expect(HttpStatusCode.OK)["items"]![0]!;
        Assert.Equal(item["id"]!.GetValue<string>(), lease["itemId"]!.GetValue<string>());
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { new { itemId = lease["itemId"], lease = lease["lease"], action = "correct", value = corrected } } })).Expect(HttpStatusCode.OK);
        await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items/{item["id"]!.GetValue<string>()}", i => i["state"]!.GetValue<string>() is "final");
        var cvat = await EntryAsync(project, "cvat", n => n.EndsWith(".xml", StringComparison.Ordinal));
        Assert.Contains("<track ", cvat, StringComparison.Ordinal);
        return [.. (await EntryAsync(project, "mot", n => n.EndsWith("gt.txt", StringComparison.Ordinal))).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    private async Task<string> EntryAsync(string project, string format, Func<string, bool> wanted)
    {
        var file = await _host.Admin.Http.GetByteArrayAsync($"/api/v1/projects/{project}/export?format={format}", TestContext.Current.CancellationToken);
        await using var archive = new ZipArchive(new MemoryStream(file));
        using var reader = new StreamReader(await archive.Entries.Single(e => wanted(e.FullName)).OpenAsync(TestContext.Current.CancellationToken));
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    private async Task<string> ProjectAsync(byte[] model, object spec, string label, double trackRate)
    {
        using var body = new ByteArrayContent(model);
        var id = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Tracker&spec={Uri.EscapeDataString(JsonSerializer.Serialize(spec))}", body)).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        return (await _host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Films", modality = "video", task = new { type = "tracks", labels = new[] { new { name = label } } }, settings = new { auditShare = 0, vision = new { model = id, trackRate } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
    }

    private async Task<JsonNode> UploadAsync(string project, byte[] film)
    {
        using var body = new MultipartFormDataContent { { new ByteArrayContent(film), "file", "film.mp4" } };
        var id = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", body)).Expect(HttpStatusCode.OK)["items"]![0]!["id"]!.GetValue<string>();
        return (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{id}")).Expect(HttpStatusCode.OK);
    }

    private async Task<JsonNode> PrelabelAsync(string project, JsonNode item)
    {
        var labelled = await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items/{item["id"]!.GetValue<string>()}", i => i["prediction"] is not null);
        Assert.Equal("model", labelled["prediction"]!["source"]!.GetValue<string>());
        return labelled["prediction"]!;
    }

    private static Box Of(Keyframe box) => new("", box.X, box.Y, box.Width, box.Height);

    // Finds one bright spot by its centre of gravity, ten pixels wide, in the layout of YOLOv8: [1, 4 + 1, 1]. Where all is dark its score is 0.
    private static byte[] BrightSpot()
    {
        var graph = new OnnxGraph("spot");
        var image = graph.Input("images", OnnxType.Float, "1", "3", "48", "64");
        var light = graph.Node("Relu", [graph.Node("Sub", [graph.Node("ReduceMean", [image, graph.Constant([1L], 1)], ("keepdims", 1)), graph.Constant([128f], 1)])]);
        var across = graph.Constant([.. Enumerable.Range(0, 64).Select(x => x + 0.5f)], 1, 1, 1, 64);
        var down = graph.Constant([.. Enumerable.Range(0, 48).Select(y => y + 0.5f)], 1, 1, 48, 1);
        string Sum(string value) => graph.Node("Reshape", [graph.Node("ReduceSum", [value], ("keepdims", 0)), graph.Constant([1L, 1L, 1L], 3)]);
        var all = Sum(light);
        var some = graph.Node("Add", [all, graph.Constant([0.001f], 1)]);
        var (x, y) = (graph.Node("Div", [Sum(graph.Node("Mul", [light, across])), some]), graph.Node("Div", [Sum(graph.Node("Mul", [light, down])), some]));
        var score = graph.Node("Min", [graph.Node("Mul", [all, graph.Constant([0.001f], 1)]), graph.Constant([0.9f], 1)]);
        var side = graph.Constant([10f], 1, 1, 1);
        graph.Output("output0", graph.Node("Concat", [x, y, side, side, score], ("axis", 1)), OnnxType.Float, "1", "5", "1");
        return graph.Build("test", "1");
    }
}
