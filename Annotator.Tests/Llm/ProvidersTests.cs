using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Core.Llm;
using Annotator.Core.Outbound;
using Annotator.Tests.Support;
using Microsoft.Data.Sqlite;

namespace Annotator.Tests.Llm;

public class ProvidersTests
{
    private const string Key = "sk-very-secret-0123456789";
    private static readonly string[] s_labels = ["fruit", "vehicle"];

    [Fact]
    public async Task Provider_IsConnected_Tested_Chosen_AndItsKeyIsNeverShown()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => r.Json["messages"]![0]!["content"] is JsonArray ? FakeLlmReply.Content("white") : FakeLlmReply.Good(r, t => t.Contains("apple", StringComparison.Ordinal) ? "fruit" : "vehicle"));
        await using var host = await AppHost.StartAsync();
        var body = new { name = "Local", settings = new { baseUrl = llm.BaseUrl, model = "m1", concurrency = 3, promptPrice = 1, completionPrice = 2 }, apiKey = Key };
        var made = await host.Admin.PostAsync("/api/v1/llm/providers", body);
        var provider = made.Expect(HttpStatusCode.Created);
        var id = provider["id"]!.GetValue<string>();
        Assert.True(provider["hasKey"]!.GetValue<bool>());

        var probe = (await host.Admin.PostAsync($"/api/v1/llm/providers/{id}/test")).Expect(HttpStatusCode.OK);
        Assert.True(probe["works"]!.GetValue<bool>(), probe.ToJsonString());
        Assert.True(probe["structured"]!.GetValue<bool>());
        Assert.False(probe["logProbabilities"]!.GetValue<bool>());
        Assert.True(probe["images"]!.GetValue<bool>());

        // It takes an image and does not see what colour it is.
        Assert.False(probe["imagesSeen"]!.GetValue<bool>());
        Assert.False(probe["batch"]!.GetValue<bool>());
        Assert.All(llm.Requests, r => Assert.Equal("Bearer " + Key, r.Authorization));

        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { llm = new { enabled = true, provider = id } });
        await host.Admin.AddTextsAsync(project, ["an apple", "a car"]);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"] is { } l && l["items"]!.GetValue<long>() == 2);

        // Not in any answer, not in the log, not in the database.
        var list = await host.Admin.GetAsync("/api/v1/llm/providers");
        Assert.Equal(id, list.Expect(HttpStatusCode.OK)["items"]![0]!["id"]!.GetValue<string>());
        foreach (var text in (string[])[made.Text, list.Text, (await host.Admin.GetAsync($"/api/v1/llm/providers/{id}")).Text]) Assert.DoesNotContain(Key, text, StringComparison.Ordinal);
        Assert.DoesNotContain(host.Logs, l => l.Message.Contains(Key, StringComparison.Ordinal) || l.Exception?.ToString().Contains(Key, StringComparison.Ordinal) == true);
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
        foreach (var file in Directory.EnumerateFiles(host.DataDirectory, "*", SearchOption.AllDirectories))
            Assert.False((await File.ReadAllBytesAsync(file)).AsSpan().IndexOf("sk-very-secret"u8) >= 0, file);

        // The key is still there after a restart.
        await host.StartAgainAsync();
        Assert.True((await host.Admin.PostAsync($"/api/v1/llm/providers/{id}/test")).Expect(HttpStatusCode.OK)["works"]!.GetValue<bool>());
        Assert.Equal("Bearer " + Key, llm.Requests[^1].Authorization);
    }

    [Fact]
    public async Task Provider_AtAnotherHost_DoesNotGetTheKeyOfTheFirst()
    {
        await using var first = await FakeLlmServer.StartAsync();
        await using var second = await FakeLlmServer.StartAsync();
        await using var host = await AppHost.StartAsync();
        var id = (await host.Admin.PostAsync("/api/v1/llm/providers", new { name = "A", settings = new { baseUrl = first.BaseUrl, model = "m" }, apiKey = Key })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        var kept = (await host.Admin.PutAsync($"/api/v1/llm/providers/{id}", new { name = "A", settings = new { baseUrl = first.BaseUrl, model = "m2" } })).Expect(HttpStatusCode.OK);
        Assert.True(kept["hasKey"]!.GetValue<bool>());
        var moved = (await host.Admin.PutAsync($"/api/v1/llm/providers/{id}", new { name = "A", settings = new { baseUrl = second.BaseUrl, model = "m2" } })).Expect(HttpStatusCode.OK);
        Assert.False(moved["hasKey"]!.GetValue<bool>());
        await host.Admin.PostAsync($"/api/v1/llm/providers/{id}/test");
        Assert.NotEmpty(second.Requests);
        Assert.All(second.Requests, r => Assert.DoesNotContain(Key, r.Authorization, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Provider_BadInput_IsNamed()
    {
        await using var host = await AppHost.StartAsync();
        var answer = await host.Admin.PostAsync("/api/v1/llm/providers", new { name = " ", settings = new { baseUrl = "file:///etc/passwd", model = "", concurrency = 0, timeoutSeconds = 0 }, apiKey = "with blank" });
        var errors = answer.Expect(HttpStatusCode.BadRequest)["errors"]!.AsObject();
        foreach (var field in (string[])["name", "settings.baseUrl", "settings.model", "settings.concurrency", "settings.timeoutSeconds", "apiKey"]) Assert.True(errors.ContainsKey(field), field + " in " + answer.Text);
        (await host.Admin.GetAsync("/api/v1/llm/providers/77")).Expect(HttpStatusCode.NotFound);
        (await host.Admin.PostAsync("/api/v1/llm/providers/77/test")).Expect(HttpStatusCode.NotFound);
        (await host.Admin.PostAsync("/api/v1/llm/providers/default/test")).Expect(HttpStatusCode.NotFound);
        var lead = await host.AddPersonAsync(Role.Lead);
        Assert.Equal(HttpStatusCode.Forbidden, (await lead.Api.GetAsync("/api/v1/llm/providers")).Status);
    }

    [Theory]
    [InlineData("no schema, no JSON mode", true, false, false)]
    [InlineData("JSON mode only", true, false, true)]
    [InlineData("wrong key", false, false, null)]
    [InlineData("prose", false, false, null)]
    public async Task Test_SaysWhatWorks(string kind, bool works, bool structured, bool? jsonMode)
    {
        await using var llm = await FakeLlmServer.StartAsync(r => kind switch
        {
            "wrong key" => FakeLlmReply.Error(401, "secret detail of an inner host"),
            "prose" => FakeLlmReply.Content("An apple is a fruit."),
            "JSON mode only" when r.ResponseFormat == "json_schema" => FakeLlmReply.Error(400, "json_schema unknown"),
            "no schema, no JSON mode" when r.ResponseFormat is not null => FakeLlmReply.Error(400, "response_format unknown"),
            _ => r.Json["messages"]![0]!["content"] is JsonArray ? FakeLlmReply.Error(400) : FakeLlmReply.Good(r, _ => "fruit"),
        });
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var answer = await host.Admin.PostAsync("/api/v1/llm/providers/default/test");
        var probe = answer.Expect(HttpStatusCode.OK);
        Assert.Equal(works, probe["works"]!.GetValue<bool>());
        Assert.Equal(structured, probe["structured"]!.GetValue<bool>());
        if (works) Assert.Equal(jsonMode, probe["jsonMode"]?.GetValue<bool>());
        else Assert.NotNull(probe["error"]);
        Assert.DoesNotContain("secret detail", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", true, false)]
    [InlineData("10.0.0.1", true, false)]
    [InlineData("192.168.1.1", true, false)]
    [InlineData("100.64.0.1", true, false)]
    [InlineData("::1", true, false)]
    [InlineData("fd00::1", true, false)]
    [InlineData("::ffff:10.0.0.1", true, false)]
    [InlineData("64:ff9b::a00:1", true, false)]
    [InlineData("2002:7f00:1::", true, false)]
    [InlineData("169.254.169.254", true, true)]
    [InlineData("fe80::1", true, true)]
    [InlineData("0.0.0.0", true, true)]
    [InlineData("64:ff9b::a9fe:a9fe", true, true)]
    [InlineData("224.0.0.1", true, true)]
    [InlineData("8.8.8.8", false, false)]
    [InlineData("2606:4700::1111", false, false)]
    public void Address_IsJudged(string address, bool isPrivate, bool never)
    {
        Assert.Equal(isPrivate, OutboundAddress.IsPrivate(IPAddress.Parse(address)));
        Assert.Equal(never, OutboundAddress.IsNeverReached(IPAddress.Parse(address)));
    }

    [Fact]
    public async Task Outbound_NamesAreJudgedWhereTheyLead_AndRedirectsAreNotFollowed()
    {
        await using var canary = await FakeLlmServer.StartAsync();
        using var closed = OutboundHttp.Create(allowPrivate: false);
        var port = new Uri(canary.BaseUrl).Port;
        foreach (var host in (string[])["127.0.0.1", "localhost", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "0", "2130706433", "0x7f.1", "127.1"])
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => closed.PostAsync($"http://{host}:{port}/v1/chat/completions", new StringContent("{}")));
        Assert.Empty(canary.Requests);
        using var labeller = OutboundHttp.Create(allowPrivate: true);
        using var answer = await labeller.PostAsync(canary.BaseUrl + "/chat/completions", new StringContent("{\"messages\":[],\"response_format\":{\"json_schema\":{\"schema\":{\"enum\":[\"a\"]}}}}"));
        Assert.Single(canary.Requests);
    }
}
