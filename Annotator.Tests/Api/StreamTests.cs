using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;
using Annotator.Web.Streaming;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Api;

/// <summary>Items by stream and in a hurry.</summary>
[Collection(ApiCollection.Name)]
public sealed class StreamTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_streamed_in_is_answered_once_it_is_stored_and_decisions_come_back(bool messagePack)
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["refund", "delivery"], settings: new { auditShare = 0, autoAccept = false });
        await using var connection = await ConnectAsync(AppHost.AdminToken, messagePack);
        var decided = new ConcurrentQueue<string>();
        connection.On<JsonElement>("ItemsDecided", m => decided.Enqueue(m.GetRawText()));
        await connection.InvokeAsync("Subscribe", project, TestContext.Current.CancellationToken);

        var answers = await StreamAsync(connection, project, Enumerable.Range(0, 300).Select(i => new StreamItem { Key = $"s{i}", Text = i == 7 ? " " : $"{(i % 2 == 0 ? "a refund" : "my delivery")}, number {i}", Priority = i % 50 == 0 ? "urgent" : null }));
        Assert.Equal(300, answers.Count);
        var refused = Assert.Single(answers, a => a.Error is not null);
        Assert.Equal("s7", refused.Key);
        Assert.StartsWith("text:", refused.Error, StringComparison.Ordinal);
        Assert.All(answers.Where(a => a.Error is null), a => Assert.True(a is { Created: true, Route: "human" } && a.ItemId is not null));
        Assert.Contains(answers, a => a.Value is { } value && value.GetProperty("choice").GetString() is "refund");
        Assert.All(answers.Where(a => a.Key is "s0" or "s50"), a => Assert.NotNull(a.DueAt));
        Assert.Equal(299, (await _host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["items"]!["total"]!.GetValue<int>());

        // Sent once more: stored once.
        var again = await StreamAsync(connection, project, [new StreamItem { Key = "s1", Text = "another text" }]);
        Assert.False(again[0].Created);
        Assert.Equal(answers.Single(a => a.Key is "s1").ItemId, again[0].ItemId);

        // What is urgent is lent first, with its time; and its decision is told to whoever sent it.
        var lent = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 6 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(lent, i => Assert.NotNull(i!["dueAt"]));
        Assert.All(lent, i => Assert.Equal("urgent", i!["reason"]!.GetValue<string>()));
        var id = lent[0]!["itemId"]!.GetValue<string>();
        var decision = new { itemId = id, lease = lent[0]!["lease"]!.GetValue<string>(), action = "correct", value = new { choice = "delivery" } };
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { decision } })).Expect(HttpStatusCode.OK);
        await Until.TrueAsync(() => Task.FromResult(decided.Any(d => d.Contains($"\"itemId\":\"{id}\"", StringComparison.Ordinal) && d.Contains("delivery", StringComparison.Ordinal))), "the decision is told");
    }

    [Fact]
    public async Task Only_leads_of_the_project_may_stream_into_it()
    {
        var (p, q) = (await _host.Admin.CreateProjectAsync("P"), await _host.Admin.CreateProjectAsync("Q"));
        var annotator = await _host.AddPersonAsync(Role.Annotator, p);
        await using var connection = await ConnectAsync(annotator.Token, messagePack: true);
        foreach (var project in (string[])[p, q, "987654321", "x"])
            await Assert.ThrowsAsync<HubException>(() => StreamAsync(connection, project, [new StreamItem { Key = "a", Text = "b" }]));
        Assert.Empty((await _host.Admin.GetAsync($"/api/v1/projects/{p}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray());
    }

    [Fact]
    public async Task Single_items_of_many_callers_go_through_together_and_each_gets_its_own_answer()
    {
        var project = await _host.Admin.CreateProjectAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 120).Select(i => _host.Admin.PostAsync(
            $"/api/v1/projects/{project}/items", new { items = new[] { new { key = $"k{i / 2}", text = $"text {i / 2}", priority = i % 3 == 0 ? "urgent" : "batch" } } })));
        var items = answers.Select(a => a.Expect(HttpStatusCode.OK)["items"]![0]!).ToList();
        for (var i = 0; i < items.Count; i++) Assert.Equal($"k{i / 2}", items[i]["key"]!.GetValue<string>());

        // Each key was sent twice at once: one of the two made it.
        Assert.All(items.GroupBy(i => i["key"]!.GetValue<string>(), StringComparer.Ordinal), g => Assert.Equal(1, g.Count(i => i["created"]!.GetValue<bool>())));
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items = new[] { new { key = "x", text = "y", priority = "soon" } } })).ExpectProblem(HttpStatusCode.BadRequest);
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { stream = new { decisionSeconds = 1 } } })).ExpectProblem(HttpStatusCode.BadRequest);
    }

    private static async Task<List<StreamAnswer>> StreamAsync(HubConnection connection, string project, IEnumerable<StreamItem> items)
    {
        var sending = Channel.CreateBounded<StreamItem>(16);
        var writing = Task.Run(async () =>
        {
            foreach (var item in items) await sending.Writer.WriteAsync(item);
            sending.Writer.Complete();
        });
        var answers = new List<StreamAnswer>();
        await foreach (var answer in connection.StreamAsync<StreamAnswer>("Annotate", project, sending.Reader, TestContext.Current.CancellationToken)) answers.Add(answer);
        await writing;
        return answers;
    }

    private async Task<HubConnection> ConnectAsync(string token, bool messagePack)
    {
        var builder = new HubConnectionBuilder().WithUrl(string.Create(CultureInfo.InvariantCulture, $"{_host.BaseAddress}hubs/live"), o => o.AccessTokenProvider = () => Task.FromResult<string?>(token));
        if (messagePack) builder.AddMessagePackProtocol(o => o.SerializerOptions = JsonElementFormatter.Options);
        var connection = builder.Build();
        await connection.StartAsync(TestContext.Current.CancellationToken);
        return connection;
    }
}
