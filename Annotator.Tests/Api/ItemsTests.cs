using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"Items": single items, lists, imports.</summary>
[Collection(ApiCollection.Name)]
public class ItemsTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task Items_are_stored_and_annotated_in_the_same_call()
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["card arrival", "refund"]);
        var body = """{"items":[{"key":"a1","text":"when does my card arrive","metadata":{"channel":"chat","n":[1,2]}},{"key":"a2","text":"x"}]}""";
        var items = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", body)).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(["a1", "a2"], items.Select(i => i!["key"]!.GetValue<string>()));
        Assert.All(items, i =>
        {
            Assert.True(i!["created"]!.GetValue<bool>());
            Assert.Contains(i["route"]!.GetValue<string>(), (string[])["auto", "llm", "human"]);
            Assert.True(i.AsObject().ContainsKey("prediction"));
        });
        var again = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", body)).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(again, i => Assert.False(i!["created"]!.GetValue<bool>()));
        Assert.Equal(items.Select(i => i!["id"]!.GetValue<string>()), again.Select(i => i!["id"]!.GetValue<string>()));

        var item = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{items[0]!["id"]!.GetValue<string>()}")).Expect(HttpStatusCode.OK);
        Assert.Equal("chat", item["metadata"]!["channel"]!.GetValue<string>());
        Assert.Equal("queued", item["state"]!.GetValue<string>());
        Assert.True(item.AsObject().ContainsKey("group"));
        foreach (var part in (string[])["predictions", "annotations", "history"]) Assert.IsType<JsonArray>(item[part]);
        (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/987654321")).ExpectProblem(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("""{"items":[]}""", "items")]
    [InlineData("""{}""", "items")]
    [InlineData("""{"items":[null]}""", "items[0]")]
    [InlineData("""{"items":[{"key":"a","text":"x"},{"key":"b","text":" "}]}""", "items[1].text")]
    [InlineData("""{"items":[{"key":"a","text":"x","metadata":[1]}]}""", "items[0].metadata")]
    [InlineData("""{"items":[{"key":"a","text":5}]}""", "items[0].text")]
    public async Task Wrong_items_are_named_by_place(string body, string field)
    {
        var project = await _host.Admin.CreateProjectAsync();
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", body)).ExpectProblem(HttpStatusCode.BadRequest, field);
    }

    [Fact]
    public async Task A_thousand_items_at_most()
    {
        var project = await _host.Admin.CreateProjectAsync();
        Assert.Equal(1_000, (await _host.Admin.AddTextsAsync(project, Enumerable.Range(0, 1_000).Select(i => $"text {i}"))).Count);
        var body = new { items = Enumerable.Range(0, 1_001).Select(i => new { key = $"k{i}", text = "x" }) };
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", body)).ExpectProblem(HttpStatusCode.BadRequest, "items");
    }

    [Fact]
    public async Task Lists_are_filtered()
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["red", "blue"]);
        var file = "key,text,colour\n1,first,red\n2,second,blue\n3,third,\n";
        await ImportAsync(project, "format=csv&text=text&key=key&label=colour", file);
        var path = $"/api/v1/projects/{project}/items";
        async Task<IEnumerable<string>> KeysAsync(string query) => [.. (await _host.Admin.GetAsync($"{path}?{query}")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Select(i => i!["key"]!.GetValue<string>()).Order(StringComparer.Ordinal)];
        await _host.Admin.WaitAsync($"{path}?state=queued", a => a["items"]!.AsArray().Count == 1);
        Assert.Equal(["1", "2"], await KeysAsync("state=final"));
        Assert.Equal(["1"], await KeysAsync("label=red&state=final"));
        Assert.Equal(["1", "2"], await KeysAsync("source=import"));
        Assert.Equal(["2"], await KeysAsync("q=seco"));
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 1 })).Expect(HttpStatusCode.OK);
        Assert.Equal(["3"], await KeysAsync("state=inReview"));
        (await _host.Admin.GetAsync($"{path}?state=odd")).ExpectProblem(HttpStatusCode.BadRequest, "state");
        (await _host.Admin.GetAsync($"{path}?source=odd")).ExpectProblem(HttpStatusCode.BadRequest, "source");
        (await _host.Admin.GetAsync($"{path}?flagged=odd")).ExpectProblem(HttpStatusCode.BadRequest, "flagged");
    }

    [Fact]
    public async Task An_import_counts_what_it_cannot_read_and_takes_the_rest()
    {
        var project = await _host.Admin.CreateProjectAsync();
        var file = "{\"id\":1,\"text\":\"one\"}\nnot json\n{\"id\":3}\n{\"id\":4,\"text\":\"four\"}\n{\"id\":1,\"text\":\"one again\"}\n";
        var answer = await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=jsonl&text=text&key=id", file);
        var started = answer.Expect(HttpStatusCode.Accepted);
        Assert.Equal("import", started["kind"]!.GetValue<string>());
        Assert.Equal($"/api/v1/runs/{started["id"]!.GetValue<string>()}", answer.Location);
        var run = await _host.Admin.WaitRunAsync(started["id"]!.GetValue<string>());
        Assert.Equal("succeeded", run["state"]!.GetValue<string>());
        Assert.Equal(2, run["rejected"]!.GetValue<long>());
        Assert.Equal(2, run["result"]!["created"]!.GetValue<long>());
        var rejections = (await _host.Admin.GetAsync($"{answer.Location}/rejections")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal([2L, 3L], rejections.Select(r => r!["line"]!.GetValue<long>()));
        Assert.All(rejections, r => Assert.False(string.IsNullOrWhiteSpace(r!["reason"]!.GetValue<string>())));
    }

    [Theory]
    [InlineData("format=docx", "format")]
    [InlineData("format=csv&text=nothing", "text")]
    [InlineData("format=csv&text=text&key=nothing", "key")]
    [InlineData("format=csv&text=text&label=nothing", "label")]
    public async Task An_import_that_cannot_begin_names_the_field(string query, string field)
    {
        var project = await _host.Admin.CreateProjectAsync();
        (await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?{query}", "id,text\n1,one\n", "text/csv")).ExpectProblem(HttpStatusCode.BadRequest, field);
    }

    [Fact]
    public async Task Labels_of_several_annotators_are_kept_by_name_and_aggregated()
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["cat", "dog"]);
        var file = new StringBuilder("id,text,label,who\n");
        file.Append("1,it barks,dog,Ann\n1,it barks,dog,Ben\n1,it barks,cat,Cem\n2,it purrs,cat,Ann\n2,it purrs,cat,Ben\n3,no label,,Ann\n");
        await ImportAsync(project, "format=csv&text=text&key=id&label=label&annotator=who", file.ToString());
        var lines = await ExportAsync(project, "format=jsonl&state=all");
        Assert.Equal(3, lines.Count);
        Assert.Equal("""{"choice":"dog"}""", lines[0]["label"]!.ToJsonString());
        Assert.Equal(["Ann", "Ben", "Cem"], lines[0]["annotators"]!.AsArray().Select(a => a!.GetValue<string>()).Order(StringComparer.Ordinal));
        Assert.Equal("import", lines[0]["source"]!.GetValue<string>());
        Assert.Equal("""{"choice":"cat"}""", lines[1]["label"]!.ToJsonString());
        Assert.Null(lines[2]["label"]);

        var item = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{lines[0]["id"]!.GetValue<string>()}")).Expect(HttpStatusCode.OK);
        Assert.Equal(3, item["annotations"]!.AsArray().Count);

        // Annotators of the data have no account.
        var users = (await _host.Admin.GetAsync("/api/v1/users?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.DoesNotContain(users, u => u!["name"]!.GetValue<string>() is "Ann" or "Ben" or "Cem");
    }

    [Fact]
    public async Task Imported_labels_train_the_student()
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["weather", "food"], settings: new { autoAccept = false });
        var file = new StringBuilder("text,label\n");
        for (var i = 0; i < 60; i++) file.Append(i % 2 == 0 ? $"the rain and the wind of day {i},weather\n" : $"soup and bread for dinner {i},food\n");
        await ImportAsync(project, "format=csv&text=text&label=label", file.ToString());
        var model = await _host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"] is not null);
        Assert.Equal(60, model["student"]!["trainedOn"]!.GetValue<int>());

        // A new student is in service within two seconds.
        JsonNode? stored = null;
        for (var i = 0; stored?["prediction"]?["source"]?.GetValue<string>() is not "student"; i++)
        {
            Assert.True(i < 100, "The student does not come into service.");
            if (i > 0) await Task.Delay(200);
            stored = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items = new[] { new { key = $"new{i}", text = "wind and rain again" } } })).Expect(HttpStatusCode.OK)["items"]![0]!;
        }

        Assert.Equal("weather", stored!["prediction"]!["value"]!["choice"]!.GetValue<string>());
        Assert.InRange(stored["prediction"]!["confidence"]!.GetValue<double>(), 0.5, 1);
    }

    private async Task ImportAsync(string project, string query, string file)
    {
        var run = (await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?{query}", file)).Expect(HttpStatusCode.Accepted);
        Assert.Equal("succeeded", (await _host.Admin.WaitRunAsync(run["id"]!.GetValue<string>()))["state"]!.GetValue<string>());
    }

    private async Task<List<JsonNode>> ExportAsync(string project, string query)
    {
        var answer = await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?{query}");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        return [.. answer.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)];
    }
}
