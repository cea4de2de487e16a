using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"Getting results": exports, metrics, the model.</summary>
[Collection(ApiCollection.Name)]
public class ResultsTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task A_line_of_the_export_has_the_fields_of_the_contract_in_its_order()
    {
        var project = await _host.Admin.CreateProjectAsync();
        await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", """{"items":[{"key":"a","text":"한국어 \"text\"\nof two lines","metadata":{"n":1}},{"key":"b","text":"other"}]}""");
        await DecideAsync(project, "a");
        var answer = await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?format=jsonl&state=final");
        Assert.Equal("application/x-ndjson", answer.ContentType);
        Assert.Contains("attachment", answer.Headers["Content-Disposition"], StringComparison.Ordinal);
        var line = Assert.Single(answer.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        var json = JsonNode.Parse(line)!.AsObject();
        Assert.Equal(["id", "key", "text", "label", "source", "confidence", "annotators", "predictionVersion", "decidedAt", "metadata"], json.Select(p => p.Key));
        Assert.Equal("한국어 \"text\"\nof two lines", json["text"]!.GetValue<string>());
        Assert.Equal("""{"choice":"yes"}""", json["label"]!.ToJsonString());
        Assert.Equal("human", json["source"]!.GetValue<string>());
        Assert.Equal([AppHost.AdminEmail], json["annotators"]!.AsArray().Select(a => a!.GetValue<string>()));
        Assert.EndsWith("Z", json["decidedAt"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("""{"n":1}""", json["metadata"]!.ToJsonString());
        Assert.Equal(2, (await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?state=all")).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task Spreadsheets_run_nothing_in_the_safe_form_and_the_plain_form_is_exact()
    {
        var project = await _host.Admin.CreateProjectAsync();
        string[] texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "plain"];
        await _host.Admin.AddTextsAsync(project, texts);
        var plain = await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?format=csv&state=all");
        Assert.Equal("text/csv", plain.ContentType);
        foreach (var text in texts) Assert.Contains($",{text},", plain.Text, StringComparison.Ordinal);
        var safe = await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?format=csv&state=all&spreadsheetSafe=true");
        foreach (var text in texts.Take(5)) Assert.Contains($",'{text},", safe.Text, StringComparison.Ordinal);
        Assert.Contains(",plain,", safe.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Label_Studio_gets_tasks_with_annotations_in_its_own_offsets()
    {
        var project = (await _host.Admin.PostAsync("/api/v1/projects", """{"name":"NER","modality":"text","task":{"type":"spans","labels":[{"name":"PER"}]}}""")).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        await ImportAsync(project, "format=jsonl&text=text&key=id&label=label", """{"id":"a","text":"😀 Obama spoke","label":"{\"spans\":[{\"start\":2,\"end\":7,\"label\":\"PER\"}]}"}""" + "\n");
        await _host.Admin.AddTextsAsync(project, ["nothing yet"]);
        var answer = await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?format=label-studio&state=all");
        Assert.Equal("application/json", answer.ContentType);
        var tasks = answer.Json.AsArray();
        Assert.Equal(2, tasks.Count);
        Assert.Equal("😀 Obama spoke", tasks[0]!["data"]!["text"]!.GetValue<string>());
        var value = tasks[0]!["annotations"]![0]!["result"]![0]!["value"]!;
        Assert.Equal((3, 8, "Obama", "PER"), (value["start"]!.GetValue<int>(), value["end"]!.GetValue<int>(), value["text"]!.GetValue<string>(), value["labels"]![0]!.GetValue<string>()));
        Assert.Empty(tasks[1]!["annotations"]!.AsArray());

        // And back again.
        var copy = (await _host.Admin.PostAsync("/api/v1/projects", """{"name":"NER","modality":"text","task":{"type":"spans","labels":[{"name":"PER"}]}}""")).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        await ImportAsync(copy, "format=label-studio", answer.Text);
        var line = JsonNode.Parse((await _host.Admin.GetAsync($"/api/v1/projects/{copy}/export?format=jsonl&state=final")).Text)!;
        Assert.Equal(("a", "😀 Obama spoke", """{"spans":[{"start":2,"end":7,"label":"PER"}]}"""), (line["key"]!.GetValue<string>(), line["text"]!.GetValue<string>(), line["label"]!.ToJsonString()));
        var images = (await _host.Admin.PostAsync("/api/v1/projects", """{"name":"I","modality":"image","task":{"type":"boxes","labels":[{"name":"car"}]}}""")).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        Assert.Empty((await _host.Admin.GetAsync($"/api/v1/projects/{images}/export?format=label-studio")).Expect(HttpStatusCode.OK).AsArray());
        (await _host.Admin.GetAsync($"/api/v1/projects/{copy}/export?format=yolo")).ExpectProblem(HttpStatusCode.BadRequest, "format");
    }

    [Fact]
    public async Task Tasks_of_Label_Studio_bring_the_labels_of_their_annotators()
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["good", "bad"]);
        var file = """
            [{"id":7,"data":{"text":"fine","lang":"en"},"annotations":[
               {"completed_by":{"email":"x@example.org"},"result":[{"type":"choices","value":{"choices":["good"]}}]},
               {"completed_by":2,"result":[{"type":"choices","value":{"choices":["good"]}}]},
               {"completed_by":3,"was_cancelled":true,"result":[{"type":"choices","value":{"choices":["bad"]}}]}]},
             {"id":8,"data":{"other":1}},
             {"text":"a bare one"}]
            """;
        var run = (await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=label-studio", file)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        Assert.Equal(1, (await _host.Admin.WaitRunAsync(run))["rejected"]!.GetValue<int>());
        var lines = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?state=all")).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal(["fine", "a bare one"], lines.Select(l => l["text"]!.GetValue<string>()));
        Assert.Equal("7", lines[0]["key"]!.GetValue<string>());
        Assert.Equal("good", lines[0]["label"]!["choice"]!.GetValue<string>());
        Assert.Equal(["2", "x@example.org"], lines[0]["annotators"]!.AsArray().Select(a => a!.GetValue<string>()).Order(StringComparer.Ordinal));
        Assert.Equal("en", lines[0]["metadata"]!["lang"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("format=docx", "format")]
    [InlineData("state=some", "state")]
    [InlineData("spreadsheetSafe=perhaps", "spreadsheetSafe")]
    public async Task Wrong_exports_are_named(string query, string field)
    {
        var project = await _host.Admin.CreateProjectAsync();
        (await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?{query}")).ExpectProblem(HttpStatusCode.BadRequest, field);
    }

    [Fact]
    public async Task Parquet_holds_what_a_line_holds()
    {
        var project = await _host.Admin.CreateProjectAsync();
        await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", """{"items":[{"key":"a","text":"한국어","metadata":{"n":1}},{"key":"b","text":"other"}]}""");
        await DecideAsync(project, "a");
        using var response = await _host.Admin.Http.GetAsync($"/api/v1/projects/{project}/export?format=parquet&state=all");
        Assert.Equal("application/vnd.apache.parquet", response.Content.Headers.ContentType!.MediaType);
        using var file = new MemoryStream(await response.Content.ReadAsByteArrayAsync());
        await using var reader = await Parquet.ParquetReader.CreateAsync(file);
        Assert.Equal(["id", "key", "text", "label", "source", "confidence", "annotators", "predictionVersion", "decidedAt", "metadata"], reader.Schema.DataFields.Select(f => f.Name));
        using var rows = reader.OpenRowGroupReader(0);
        async Task<string?[]> TextsAsync(string name)
        {
            var values = new string?[2];
            await rows.ReadAsync(reader.Schema.DataFields.Single(f => string.Equals(f.Name, name, StringComparison.Ordinal)), values.AsMemory()!);
            return values;
        }

        Assert.Equal(["한국어", "other"], await TextsAsync("text"));
        Assert.Equal(["{\"choice\":\"yes\"}", null], await TextsAsync("label"));
        Assert.Equal([$"[\"{AppHost.AdminEmail}\"]", "[]"], await TextsAsync("annotators"));
    }

    [Fact]
    public async Task Metrics_have_the_shape_of_the_contract()
    {
        var project = await _host.Admin.CreateProjectAsync();
        await _host.Admin.AddTextsAsync(project, ["a", "b", "c"]);
        await DecideAsync(project, "k0");
        var metrics = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK);
        foreach (var part in (string[])["items", "decisions", "certificate", "student", "llm", "agreement"]) Assert.True(metrics.AsObject().ContainsKey(part), part);
        Assert.Equal((3, 1, 2), (metrics["items"]!["total"]!.GetValue<int>(), metrics["items"]!["final"]!.GetValue<int>(), metrics["items"]!["queued"]!.GetValue<int>()));
        Assert.Equal(3, metrics["items"]!["byState"]!.AsObject().Sum(s => s.Value!.GetValue<int>()));
        Assert.Equal((1, 0, 0), (metrics["decisions"]!["human"]!.GetValue<int>(), metrics["decisions"]!["auto"]!.GetValue<int>(), metrics["decisions"]!["propagated"]!.GetValue<int>()));
    }

    [Fact]
    public async Task The_model_is_one_file_that_is_sent_once()
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["weather", "food"]);
        (await _host.Admin.GetAsync($"/api/v1/projects/{project}/model")).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.GetAsync($"/api/v1/projects/{project}/model.onnx")).ExpectProblem(HttpStatusCode.NotFound);
        var file = new StringBuilder("text,label\n");
        for (var i = 0; i < 40; i++) file.Append(i % 2 == 0 ? $"rain and wind {i},weather\n" : $"soup and bread {i},food\n");
        await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=csv&text=text&label=label", file.ToString());
        await _host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"] is not null);

        var model = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/model")).Expect(HttpStatusCode.OK);
        Assert.Equal(["food", "weather"], model["classes"]!.AsArray().Select(c => c!.GetValue<string>()).Order(StringComparer.Ordinal));
        var onnx = await _host.Admin.GetAsync($"/api/v1/projects/{project}/model.onnx");
        Assert.Equal(HttpStatusCode.OK, onnx.Status);
        var tag = onnx.Headers["ETag"];
        var again = await _host.Admin.GetAsync($"/api/v1/projects/{project}/model.onnx", ("If-None-Match", tag));
        Assert.Equal((HttpStatusCode.NotModified, ""), (again.Status, again.Text));
        Assert.Equal(HttpStatusCode.OK, (await _host.Admin.GetAsync($"/api/v1/projects/{project}/model.onnx", ("If-None-Match", "\"other\""))).Status);
    }

    private async Task ImportAsync(string project, string query, string file)
    {
        var run = (await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?{query}", file)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        Assert.Equal("succeeded", (await _host.Admin.WaitRunAsync(run))["state"]!.GetValue<string>());
    }

    private async Task DecideAsync(string project, string key)
    {
        var lent = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 10 })).Expect(HttpStatusCode.OK)["items"]!.AsArray().First(i => string.Equals(i!["key"]!.GetValue<string>(), key, StringComparison.Ordinal))!;
        var decision = new { itemId = lent["itemId"]!.GetValue<string>(), lease = lent["lease"]!.GetValue<string>(), action = "correct", value = new { choice = "yes" } };
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { decision } })).Expect(HttpStatusCode.OK);
    }
}
