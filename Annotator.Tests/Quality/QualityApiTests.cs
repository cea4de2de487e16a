using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;

namespace Annotator.Tests.Quality;

/// <summary>Agreement, aggregation, suspects and annotators as a client of the API meets them.</summary>
public class QualityApiTests
{
    [Fact]
    public async Task Import_of_several_annotators_is_aggregated_by_how_they_err()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync(labels: ["a", "b", "c"]);

        // Seven annotators: three are careful, four say "a" whatever they see. By majority all would be "a".
        var random = new Random(4);
        var csv = new StringBuilder("key,text,label,annotator\n");
        var truth = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < 300; i++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"k{i}");
            truth[key] = ((string[])["a", "b", "c"])[random.Next(3)];
            for (var w = 0; w < 7; w++)
            {
                var label = w < 3 ? random.NextDouble() < 0.95 ? truth[key] : "a" : random.NextDouble() < 0.9 ? "a" : truth[key];
                csv.Append(CultureInfo.InvariantCulture, $"{key},text number {i},{label},worker {w}\n");
            }
        }

        await ImportAsync(host, project, csv.ToString());
        var labels = await LabelsAsync(host, project);
        Assert.Equal(300, labels.Count);
        Assert.InRange(labels.Count(l => string.Equals(truth[l.Key], l.Value, StringComparison.Ordinal)), 285, 300);

        // What the team agrees on, and who they are.
        var agreement = (await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["agreement"]!;
        Assert.Equal(300, agreement["items"]!.GetValue<int>());
        Assert.Equal(2_100, agreement["ratings"]!.GetValue<int>());
        Assert.InRange(agreement["percent"]!.GetValue<double>(), 0.3, 0.9);
        Assert.InRange(agreement["krippendorffAlpha"]!.GetValue<double>(), -0.1, 0.5);
        Assert.NotNull(agreement["cohenKappa"]);
        Assert.NotNull(agreement["fleissKappa"]);
        var people = (await host.Admin.GetAsync($"/api/v1/projects/{project}/annotators")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(7, people.Count);
        Assert.All(people, p => Assert.True(p!["imported"]!.GetValue<bool>()));
        Assert.All(people, p => Assert.Equal(300, p!["decisions"]!.GetValue<int>()));
        var others = people[0]!["agreementWithOthers"]!;
        Assert.Equal(1_800, others["count"]!.GetValue<int>());
        Assert.InRange(others["share"]!.GetValue<double>(), others["lower"]!.GetValue<double>(), others["upper"]!.GetValue<double>());
    }

    [Fact]
    public async Task Few_shared_items_are_aggregated_by_majority()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync();
        await ImportAsync(host, project, "key,text,label,annotator\nk1,one,yes,u\nk1,one,yes,v\nk1,one,no,w\nk2,two,no,u\n");
        var labels = await LabelsAsync(host, project);
        Assert.Equal("yes", labels["k1"]);
        Assert.Equal("no", labels["k2"]);
    }

    [Fact]
    public async Task Agreement_follows_every_decision_and_undo()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync(settings: new { overlap = 2, autoAccept = false });
        var items = await host.Admin.AddTextsAsync(project, ["one text", "another text", "a third text", "and a fourth"]);
        using var one = await MemberAsync(host, project);
        using var two = await MemberAsync(host, project);
        Assert.Null((await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["agreement"]);

        string[] firstSays = ["yes", "yes", "no", "no"], secondSays = ["yes", "no", "no", "no"];
        for (var i = 0; i < 4; i++)
        {
            await DecideAsync(one, project, items[i], firstSays[i]);
            await DecideAsync(two, project, items[i], secondSays[i]);
        }

        var agreement = (await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["agreement"]!;
        Assert.Equal(0.75, agreement["percent"]!.GetValue<double>(), 9);
        Assert.Equal(0.5, agreement["cohenKappa"]!.GetValue<double>(), 9);

        (await two.PostAsync($"/api/v1/projects/{project}/decisions/undo", new { })).Expect(HttpStatusCode.OK);
        agreement = (await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["agreement"]!;
        Assert.Equal(3, agreement["items"]!.GetValue<int>());
        Assert.Equal(2 / 3.0, agreement["percent"]!.GetValue<double>(), 9);

        // The lead sees everybody, an annotator only their own.
        Assert.Equal(2, (await host.Admin.GetAsync($"/api/v1/projects/{project}/annotators")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Count);
        (await one.GetAsync($"/api/v1/projects/{project}/annotators")).ExpectProblem(HttpStatusCode.Forbidden);
        Assert.Equal(4, (await one.GetAsync($"/api/v1/projects/{project}/annotators/me")).Expect(HttpStatusCode.OK)["decisions"]!.GetValue<int>());
    }

    [Fact]
    public async Task Suspects_are_the_labels_that_were_planted_wrong()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync(labels: ["weather", "money"]);
        var random = new Random(8);
        string[] weather = ["rain", "snow", "wind", "cloud", "storm", "sunny", "forecast"], money = ["bank", "loan", "credit", "account", "payment", "invoice", "cash"];
        var csv = new StringBuilder("key,text,label\n");
        var planted = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 240; i++)
        {
            var words = i % 2 == 0 ? weather : money;
            var label = i % 2 == 0 ? "weather" : "money";
            if (i % 24 == 5 || i % 24 == 18)
            {
                planted.Add(string.Create(CultureInfo.InvariantCulture, $"k{i}"));
                label = i % 2 == 0 ? "money" : "weather";
            }

            csv.Append(CultureInfo.InvariantCulture, $"k{i},the {words[random.Next(7)]} and the {words[random.Next(7)]} of {words[random.Next(7)]} {i},{label}\n");
        }

        await ImportAsync(host, project, csv.ToString());
        var suspects = (await host.Admin.GetAsync($"/api/v1/projects/{project}/suspects?limit=20")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.InRange(suspects.Count(s => planted.Contains(s!["key"]!.GetValue<string>())), 17, 20);
        Assert.All(suspects, s => Assert.False(JsonNode.DeepEquals(s!["label"], s["suggested"])));
        var scores = suspects.Select(s => s!["score"]!.GetValue<double>()).ToArray();
        Assert.Equal(scores.Order(), scores);
        (await host.Admin.GetAsync($"/api/v1/projects/{project}/suspects?limit=0")).ExpectProblem(HttpStatusCode.BadRequest, "limit");

        // A suspect that a person has put right is none any more.
        var worst = suspects[0]!;
        var decision = new { itemId = worst["itemId"]!.GetValue<string>(), action = "correct", value = worst["suggested"] };
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { decision } })).Expect(HttpStatusCode.OK);
        var after = (await host.Admin.GetAsync($"/api/v1/projects/{project}/suspects?limit=20")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.DoesNotContain(after, s => string.Equals(s!["key"]!.GetValue<string>(), worst["key"]!.GetValue<string>(), StringComparison.Ordinal));
    }

    private static async Task ImportAsync(AppHost host, string project, string csv)
    {
        var annotator = csv.StartsWith("key,text,label,annotator", StringComparison.Ordinal) ? "&annotator=annotator" : "";
        var run = (await host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=csv&text=text&key=key&label=label{annotator}", csv, "text/csv")).Expect(HttpStatusCode.Accepted);
        Assert.Equal("succeeded", (await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>()))["state"]!.GetValue<string>());
    }

    private static async Task<Dictionary<string, string>> LabelsAsync(AppHost host, string project) =>
        (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?state=final&limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray()
            .ToDictionary(i => i!["key"]!.GetValue<string>(), i => i!["label"]!["choice"]!.GetValue<string>(), StringComparer.Ordinal);

    [Fact]
    public async Task Agreement_on_spans_tells_places_from_names()
    {
        object Span(int start, int end, string label) => new { start, end, label };
        var figures = await DrawnAsync(
            "text", "spans", ["PER", "LOC"], i => new { key = $"k{i}", text = "Anna lives in Paris with Bob." },
            i => new { spans = i < 6 ? new[] { Span(0, 4, "PER"), Span(14, 19, "LOC") } : [Span(0, 4, "PER")] },
            i => new { spans = i < 6 ? new[] { Span(0, 4, "PER"), Span(14, 19, "PER") } : [Span(0, 5, "PER")] });
        Assert.Equal([0.25, 0.5, 0.5, 0.75, 0.9], figures);
    }

    [Fact]
    public async Task Agreement_on_boxes_is_by_overlap()
    {
        object Box(string label, int height) => new { label, x = 0, y = 0, width = 100, height };
        var figures = await DrawnAsync(
            "image", "boxes", ["car", "bus"], i => new { key = $"k{i}", url = $"https://images.example/{i}.png" },
            i => new { boxes = new[] { Box("car", 100) } },
            i => new { boxes = new[] { i < 6 ? Box("car", 60) : Box("bus", 100) } });
        Assert.Equal([0.5, 1, 0.5, 0, 0.8], figures);
    }

    /// <summary>What two people draw on twelve items, as F1, boundaries, naming, strict F1 and overlap.</summary>
    private static async Task<double[]> DrawnAsync(string modality, string task, string[] labels, Func<int, object> item, Func<int, object> firstDraws, Func<int, object> secondDraws)
    {
        await using var host = await AppHost.StartAsync();
        var project = (await host.Admin.PostAsync("/api/v1/projects", new { name = "Drawn", modality, task = new { type = task, labels = labels.Select(l => new { name = l }) }, settings = new { overlap = 2, autoAccept = false } }))
            .Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        var added = (await host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items = Enumerable.Range(0, 12).Select(item) })).Expect(HttpStatusCode.OK);
        string[] ids = [.. added["items"]!.AsArray().Select(i => i!["id"]!.GetValue<string>())];
        foreach (var draws in (Func<int, object>[])[firstDraws, secondDraws])
        {
            using var person = await MemberAsync(host, project);
            var answer = (await person.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = ids.Select((id, i) => new { itemId = id, action = "correct", value = draws(i) }) })).Expect(HttpStatusCode.OK);
            Assert.All(answer["results"]!.AsArray(), r => Assert.Equal("recorded", r!["status"]!.GetValue<string>()));
        }

        var agreement = (await host.Admin.GetAsync($"/api/v1/projects/{project}/agreement")).Expect(HttpStatusCode.OK);
        Assert.Equal(12, agreement["items"]!.GetValue<int>());
        var drawn = agreement["drawn"]!;
        Assert.InRange(drawn["f1"]!["value"]!.GetValue<double>(), drawn["f1"]!["lower"]!.GetValue<double>(), drawn["f1"]!["upper"]!.GetValue<double>());
        return [.. ((string[])["f1", "boundaries", "naming", "strict", "overlap"]).Select(f => Math.Round(drawn[f]!["value"]!.GetValue<double>(), 9))];
    }

    private static async Task DecideAsync(ApiClient client, string project, string item, string choice)
    {
        var answer = (await client.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { new { itemId = item, action = "correct", value = new { choice } } } })).Expect(HttpStatusCode.OK);
        Assert.Equal("recorded", answer["results"]![0]!["status"]!.GetValue<string>());
    }

    private static async Task<ApiClient> MemberAsync(AppHost host, string project) => (await host.AddPersonAsync(Role.Annotator, project, Role.Annotator)).Api;
}
