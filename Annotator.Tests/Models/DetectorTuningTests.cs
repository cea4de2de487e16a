using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Labels;
using Annotator.Core.Quality.Detection;
using Annotator.Core.Student;
using Annotator.Tests.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Models;

/// <summary>From which score boxes are shown, by what people correct.</summary>
[Collection(ApiCollection.Name)]
public class DetectorTuningTests(SharedHost shared)
{
    private const int Images = 14;
    private readonly AppHost _host = shared.Host;

    [Fact]
    public void The_line_lies_where_right_and_wrong_part()
    {
        // Of cars those from 0.5 on are right, the usual line lets eight wrong ones through; of dogs there are too few; people are found as well as can be.
        var truth = Enumerable.Range(0, 20).Select(i => (IReadOnlyList<Box>)[At("car", 0), At("person", 100), .. i < 3 ? [At("dog", 200)] : (Box[])[]]).ToList();
        List<ScoredBox> found = [.. Enumerable.Range(0, 20).SelectMany(i => (ScoredBox[])
        [
            new(i, At("car", 2), 0.5 + (i * 0.02)), new(i, At("car", 300), 0.2 + (i * 0.01)), new(i, At("person", 100), 0.9), new(i, At("dog", 200), 0.1),
        ])];
        var tuned = ScoreTuning.Tune(truth, found, 0.3, ["person", "dog", "car"]);
        Assert.Equal(["car", "person"], tuned.Select(t => t.Label));
        Assert.InRange(tuned[0].Line, 0.39, 0.5);
        Assert.Equal((20, 1, 1, 1), (tuned[0].Boxes, tuned[0].Precision, tuned[0].Recall, tuned[0].F1));
        Assert.Equal(40.0 / (20 + 30), tuned[0].Before, 6);
        Assert.Equal((0.3, 1.0), (tuned[1].Line, tuned[1].F1));
    }

    [Fact]
    public void A_line_that_hides_what_is_right_is_lowered()
    {
        var truth = Enumerable.Range(0, 12).Select(_ => (IReadOnlyList<Box>)[At("car", 0)]).ToList();
        var tuned = Assert.Single(ScoreTuning.Tune(truth, [.. Enumerable.Range(0, 12).Select(i => new ScoredBox(i, At("car", 1), 0.15 + (i * 0.01)))], 0.3, ["car"]));
        Assert.InRange(tuned.Line, 0.01, 0.15);
        Assert.Equal((0.0, 1.0), (tuned.Before, tuned.Recall));
    }

    [Fact]
    public void A_score_is_worth_what_people_left_of_such_boxes() => CsCheck.Check.Sample(CsCheck.Gen.Select(CsCheck.Gen.Int[0, 1_000_000], CsCheck.Gen.Double[0.4, 1.5], CsCheck.Gen.Double[-1.5, 1.5]), (seed, slope, intercept) =>
    {
        // Boxes that are right as often as a slope and an intercept say.
        var (random, truth) = (new Random(seed), new ScoreCalibration(slope, intercept));
        var boxes = Enumerable.Range(0, 3_000).Select(_ => 0.03 + (0.94 * random.NextDouble())).Select(s => (s, random.NextDouble() < truth.Of(s))).ToList();
        var found = ScoreCalibration.Fit(boxes);
        foreach (var score in (double[])[0.1, 0.3, 0.5, 0.7, 0.9]) Assert.InRange(found.Of(score), truth.Of(score) - 0.06, truth.Of(score) + 0.06);
        Assert.True(found.ErrorOn(boxes) <= ScoreCalibration.None.ErrorOn(boxes) + 0.02);

        // Without boxes a score is what it is, and a few change little.
        Assert.Equal(0.4, ScoreCalibration.Fit([]).Of(0.4), 3);
        Assert.InRange(ScoreCalibration.Fit([(0.9, false)]).Of(0.9), 0.6, 0.9);
    }, iter: 20);

    [Fact]
    public async Task What_people_take_away_is_not_shown_again()
    {
        using var file = new ByteArrayContent(TwoBoxes());
        var spec = JsonSerializer.Serialize(new { kind = "detector", labels = new[] { "thing" }, divisor = 1, threshold = 0.3 });
        var model = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Two&spec={Uri.EscapeDataString(spec)}", file)).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        var project = (await _host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Taught", modality = "image", task = new { type = "boxes", labels = new[] { new { name = "thing" } } }, settings = new { auditShare = 0, vision = new { model } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var body = new MultipartFormDataContent();
        for (var i = 0; i < Images; i++) body.Add(new ByteArrayContent(Pictures.Plain(64, 64)), "file", $"{i.ToString(CultureInfo.InvariantCulture)}.png");
        var items = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", body)).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(items, i => Assert.Equal(2, i!["prediction"]!["value"]!["boxes"]!.AsArray().Count));

        // Twelve times a person leaves the first box and takes the second away.
        var decisions = items.Take(12).Select(i =>
        {
            var value = i!["prediction"]!["value"]!.DeepClone();
            value["boxes"]!.AsArray().RemoveAt(1);
            return new { itemId = i["id"]!.GetValue<string>(), action = "correct", value };
        });
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        var last = items[^1]!["id"]!.GetValue<string>();
        var shown = await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items/{last}", i => i["prediction"]!["value"]!["boxes"]!.AsArray().Count == 1);
        Assert.Equal(16, shown["prediction"]!["value"]!["boxes"]![0]!["x"]!.GetValue<double>());
        var taught = (await _host.Admin.GetAsync($"/api/v1/models/{model}/tuning")).Expect(HttpStatusCode.OK)["items"]![0]!;
        Assert.Equal(project, taught["projectId"]!.GetValue<string>());
        Assert.Equal(0.65, taught["labels"]![0]!["line"]!.GetValue<double>(), 3);

        // Twelve of twelve were right at that score: more than the detector says itself.
        Assert.True(shown["prediction"]!["confidence"]!.GetValue<double>() > 0.93, shown["prediction"]!.ToJsonString());
        Assert.True(taught["labels"]![0]!["error"]!.GetValue<double>() < taught["labels"]![0]!["errorBefore"]!.GetValue<double>());
    }

    private static Box At(string label, double x) => new(label, x, 10, 40, 40);

    // Two boxes whatever the image, of scores 0.9 and 0.4: in the layout of YOLOv8, [1, 4 + 1, 2].
    private static byte[] TwoBoxes()
    {
        var graph = new OnnxGraph("two");
        var image = graph.Input("images", OnnxType.Float, "1", "3", "64", "64");
        var nothing = graph.Node("Mul", [graph.Node("ReduceMean", [image], ("keepdims", 0)), graph.Constant([0f], 1)]);
        float[] boxes = [24, 48, 24, 48, 16, 10, 16, 10, 0.9f, 0.4f];
        graph.Output("output0", graph.Node("Add", [graph.Constant(boxes, 1, 5, 2), nothing]), OnnxType.Float, "1", "5", "2");
        return graph.Build("test", "1");
    }
}
