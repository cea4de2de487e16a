using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using SplitMix = Annotator.Core.Quality.Certificate.SplitMix;

namespace Annotator.Tests.Learning;

/// <summary>How a project comes to its end: the models, the audit and its facts, and the whole way through the real program.</summary>
public sealed class SteeringTests
{
    private static readonly string[] s_labels = ["weather", "sport", "music", "money"];

    private static readonly string[][] s_words =
    [
        ["rain", "storm", "sunny", "cloud", "wind", "snow", "frost", "humid", "forecast", "thunder"],
        ["goal", "match", "league", "coach", "striker", "tennis", "final", "referee", "stadium", "medal"],
        ["guitar", "album", "concert", "singer", "melody", "drums", "chorus", "violin", "lyrics", "stage"],
        ["bank", "loan", "invoice", "salary", "market", "tax", "profit", "budget", "credit", "price"],
    ];

    [Fact]
    public void Learn_FromAWeakLabellerAndFewDecisions_IsBetterThanTheLabeller()
    {
        var random = new SplitMix(5);
        var (texts, truth) = Texts(600, ref random);
        var features = new TextFeatures();
        var rows = new SparseRows();
        features.Append(texts, rows);
        var answers = truth.Select(t => random.NextDouble() < 0.75 ? t : (t + 1 + random.Next(3)) % 4).ToArray();
        var decided = Enumerable.Range(0, texts.Length).Select(i => i % 15 == 0 ? truth[i] : -1).ToArray();
        var input = new SteeringInput(rows, 4, decided, [new(answers)], row => row);
        var view = SteeringModel.Learn(input, new SoftmaxTrainer(features.Options, new SoftmaxOptions { Balanced = true }), null, TestContext.Current.CancellationToken);

        var open = Enumerable.Range(0, texts.Length).Where(i => decided[i] < 0).ToList();
        var byLabeller = open.Count(i => answers[i] == truth[i]) / (double)open.Count;
        var together = open.Count(i => view.Proposals[i] == truth[i]) / (double)open.Count;
        Assert.True(together > byLabeller + 0.05, $"{together:F3} against {byLabeller:F3}");

        // The risks know where the mistakes are.
        var risky = open.OrderByDescending(i => view.Risks[i]).Take(open.Count / 4).Count(i => view.Proposals[i] != truth[i]);
        Assert.True(risky * 2 >= open.Count(i => view.Proposals[i] != truth[i]));
        Assert.InRange(view.Fused.Labellers[0].Accuracy, 0.65, 0.85);
    }

    [Fact]
    public void Audit_ReplayedFromItsFacts_IsTheSameAudit()
    {
        var random = new SplitMix(11);
        var frozen = new FrozenProposals([.. Enumerable.Range(0, 400).Select(i => 1_000L + i)], [.. Enumerable.Range(0, 400).Select(_ => random.Next(4))], [.. Enumerable.Range(0, 400).Select(_ => (float)(random.NextDouble() * 0.2))]);
        Assert.Equal(frozen.Items, FrozenProposals.FromBytes(frozen.ToBytes()).Items);
        Assert.Equal(frozen.Risks, FrozenProposals.FromBytes(frozen.ToBytes()).Risks);
        Assert.Throws<InvalidDataException>(() => FrozenProposals.FromBytes(frozen.ToBytes().AsSpan(0, 100)));

        var audit = new Audit { ProjectId = 1, Number = 1, Seed = 77, Alpha = 0.04, Allowed = 20, Population = 400, Classes = "[]", Blob = "" };
        var session = AuditSession.Replay(audit, frozen, []);
        for (var i = 0; i < 60; i++) session.Draw(DateTimeOffset.UnixEpoch);
        foreach (var record in session.Records.ToList().Where((_, i) => i % 3 != 1)) session.Answer(record.ItemId, random.NextDouble() < 0.1, DateTimeOffset.UnixEpoch);

        // Somebody decided items that nobody drew.
        foreach (var id in frozen.Items.Where(id => session.RecordOf(id) is null).Take(10).ToList()) session.Answer(id, wrong: false, DateTimeOffset.UnixEpoch);
        for (var i = 0; i < 10; i++) session.Draw(DateTimeOffset.UnixEpoch);

        var again = AuditSession.Replay(audit, FrozenProposals.FromBytes(frozen.ToBytes()), session.Records);
        Assert.Equal((session.Test.RemainingErrors, session.Test.Audited, session.Test.Found, session.OpenDraws), (again.Test.RemainingErrors, again.Test.Audited, again.Test.Found, again.OpenDraws));
        Assert.Equal(session.Draw(DateTimeOffset.UnixEpoch)!.ItemId, again.Draw(DateTimeOffset.UnixEpoch)!.ItemId);
        Assert.Throws<InvalidDataException>(() => AuditSession.Replay(new Audit { ProjectId = 1, Number = 1, Seed = 78, Alpha = 0.04, Allowed = 20, Population = 400, Classes = "[]", Blob = "" }, frozen, session.Records));
    }

    [Fact]
    public async Task Project_WithAnLlm_EndsByItself_WithinItsTarget_AndSaysSo()
    {
        var random = new SplitMix(3);
        var (texts, truth) = Texts(700, ref random);
        var answers = texts.Select((t, i) => (t, Answer: random.NextDouble() < 0.85 ? truth[i] : (truth[i] + 1 + random.Next(3)) % 4)).ToDictionary(p => p.t, p => p.Answer, StringComparer.Ordinal);
        await using var llm = await FakeLlmServer.StartAsync(request => FakeLlmReply.Good(request, text => s_labels[answers[text]]));
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "a-model"));
        var api = host.Admin;
        var project = await api.CreateProjectAsync(labels: s_labels, settings: new { targetAccuracy = 0.95, groupDuplicates = false, llm = new { itemsPerCall = 40 } });
        await api.AddTextsAsync(project, texts);
        var keyed = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < texts.Length; i++) keyed[texts[i]] = truth[i];

        var (decisions, blind, deadline) = (0, 0, TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(3));
        while (true)
        {
            Assert.True(TimeProvider.System.GetUtcNow() < deadline, "The project does not come to its end.");
            var lent = (await api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 20 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
            if (lent.Count == 0)
            {
                var items = (await api.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["items"]!;
                if (items["final"]!.GetValue<int>() == texts.Length) break;
                await Task.Delay(50, TestContext.Current.CancellationToken);
                continue;
            }

            blind += lent.Count(i => i!["prediction"] is null);
            decisions += lent.Count;
            var said = lent.Select(i => new { itemId = i!["itemId"]!.GetValue<string>(), lease = i["lease"]!.GetValue<string>(), action = "correct", value = new { choice = s_labels[keyed[i["data"]!["text"]!.GetValue<string>()]] } });
            (await api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = said })).Expect(HttpStatusCode.OK);
        }

        var metrics = (await api.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK);
        var certificate = metrics["certificate"]!;
        Assert.True(certificate["lowerBound"]!.GetValue<double>() >= 0.95, metrics.ToJsonString());
        Assert.True(certificate["audited"]!.GetValue<int>() > 0 && blind > 0);
        Assert.Equal("done", metrics["steering"]!["phase"]!.GetValue<string>());
        Assert.True(decisions < texts.Length * 0.6, $"{decisions} decisions");

        var all = (await api.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var right = all.Count(i => string.Equals(i!["label"]!["choice"]!.GetValue<string>(), s_labels[keyed[i["text"]!.GetValue<string>()]], StringComparison.Ordinal));
        Assert.True(right >= 0.95 * texts.Length, $"{right} of {texts.Length}");
        Assert.Contains(all, i => i!["source"]!.GetValue<string>() is "auto");

        // The statement goes with the labels, with all that it rests on.
        var statement = (await api.GetAsync($"/api/v1/projects/{project}/certificate")).Expect(HttpStatusCode.OK);
        Assert.Equal(certificate["lowerBound"]!.GetValue<double>(), statement["lowerBound"]!.GetValue<double>());
        Assert.Equal(texts.Length, statement["decided"]!.GetValue<int>() + statement["accepted"]!.GetValue<int>());
        Assert.Null(statement["people"]?.GetValue<object>());
        var (lower, estimate, upper) = (statement["lowerBound"]!.GetValue<double>(), statement["estimate"]!.GetValue<double>(), statement["upperBound"]!.GetValue<double>());
        Assert.Equal(upper, certificate["upperBound"]!.GetValue<double>());
        Assert.InRange(estimate, lower, upper);
        Assert.InRange(right / (double)texts.Length, lower, upper);
        await ChecksAsync(api, project, statement["audited"]!.GetValue<int>());
        using var export = await api.Http.GetAsync($"/api/v1/projects/{project}/export?format=csv", TestContext.Current.CancellationToken);
        Assert.Equal(statement["lowerBound"]!.GetValue<double>(), JsonNode.Parse(export.Headers.GetValues("Annotator-Certificate").Single())!["lowerBound"]!.GetValue<double>());
    }

    // What the bound rests on, in parts: the parts are the whole, and each has its interval.
    private static async Task ChecksAsync(ApiClient api, string project, int audited)
    {
        async Task<JsonNode> ReadAsync(string query) => (await api.GetAsync($"/api/v1/projects/{project}/certificate/checks{query}")).Expect(HttpStatusCode.OK);
        var all = await ReadAsync("");
        Assert.Equal(audited, all["checked"]!["draws"]!.GetValue<int>());
        Assert.Equal(audited, all["labels"]!.AsArray().Sum(l => l!["checked"]!["draws"]!.GetValue<int>()));
        Assert.Equal(all["checked"]!.ToJsonString(), all["overTime"]!.AsArray()[^1]!["checked"]!.ToJsonString());
        Assert.All(all["labels"]!.AsArray(), l => Assert.InRange(l!["checked"]!["accuracy"]!.GetValue<double>(), l["checked"]!["lower"]!.GetValue<double>(), l["checked"]!["upper"]!.GetValue<double>()));
        var label = all["labels"]!.AsArray()[0]!;
        var part = await ReadAsync($"?label={Uri.EscapeDataString(label["label"]!.GetValue<string>())}");
        Assert.Equal(label["checked"]!.ToJsonString(), part["checked"]!.ToJsonString());
        Assert.All(part["checks"]!.AsArray(), c => Assert.Equal(label["label"]!.GetValue<string>(), c!["proposed"]!.GetValue<string>()));
        var by = all["checks"]!.AsArray()[0]!["userId"]!.GetValue<string>();
        Assert.Equal(audited, (await ReadAsync($"?annotator={by}"))["checked"]!["draws"]!.GetValue<int>());
        Assert.Null((await ReadAsync("?slice=lang=ko"))["checked"]);
        Assert.Null((await ReadAsync("?to=2020-01-01"))["checked"]);
    }

    [Fact]
    public async Task Queue_WherePeopleRunAheadOfTheLearning_WaitsForIt()
    {
        var random = new SplitMix(4);
        var (texts, _) = Texts(600, ref random);
        await using var host = await AppHost.StartAsync(("Annotator:Node:Role", "Web"));
        var api = host.Admin;
        var project = await api.CreateProjectAsync(labels: s_labels, settings: new { groupDuplicates = false });
        await api.AddTextsAsync(project, texts);
        var lent = (await api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 100 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(50, lent.Count);
        var said = lent.Select((i, n) => new { itemId = i!["itemId"]!.GetValue<string>(), lease = i["lease"]!.GetValue<string>(), action = "correct", value = new { choice = s_labels[n % 4] } });
        (await api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = said })).Expect(HttpStatusCode.OK);

        // Nothing learns on this node: the training waits, and so does the queue.
        Assert.Empty((await api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 10 })).Expect(HttpStatusCode.OK)["items"]!.AsArray());
    }

    [Fact]
    public async Task Queue_OfAnLlmsAnswersThatNoTrainingHasHeard_LendsFew()
    {
        var random = new SplitMix(6);
        var (texts, truth) = Texts(600, ref random);
        await using var host = await AppHost.StartAsync(("Annotator:Node:Role", "Web"));
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { groupDuplicates = false });
        await host.Admin.AddTextsAsync(project, texts);
        await AnswerAsync(host.Database, long.Parse(project, System.Globalization.CultureInfo.InvariantCulture), truth, texts.Length);
        var lent = (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 100 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(10, lent.Count);
    }

    [Fact]
    public async Task Training_WhileAnLlmIsAsked_PutsWhatItHasNotAnsweredBehind_UntilItHas()
    {
        var random = new SplitMix(8);
        var (texts, truth) = Texts(600, ref random);
        await using var host = await LearningHost.StartAsync(s_labels);
        var ids = await host.SendAsync(texts);
        await host.RunAllAsync();
        await AnswerAsync(host.Database, host.Project.Id, truth, 300);
        await host.DecideAsync(ids.Take(12).Select((id, i) => (id, s_labels[truth[i]])));
        var asking = await host.Database.WriteAsync(async scope =>
        {
            var run = new Run { ProjectId = host.Project.Id, Kind = "prelabel", State = RunState.Running, CreatedAt = scope.Now };
            scope.Db.Runs.Add(run);
            await scope.Db.SaveChangesAsync();
            return run.Id;
        });
        await host.RunAsync("train");
        Assert.All(await RanksAsync(), r => Assert.Equal(r.Item < ids[300], r.Rank < 0.001));
        Assert.Equal(10, await AheadAsync());

        // It has ended, and the next training has heard all that it said.
        await AnswerAsync(host.Database, host.Project.Id, truth, 600);
        await host.Database.WriteAsync(scope => scope.Db.Runs.Where(r => r.Id == asking).ExecuteUpdateAsync(x => x.SetProperty(r => r.State, RunState.Succeeded)));
        await host.RunAsync("train");
        Assert.All(await RanksAsync(), r => Assert.True(r.Rank < 0.001));
        Assert.True(await AheadAsync() > 10);

        // Answers of labels that are gone were heard too: nobody waits for more of them.
        var gone = LabelJson.Write(new ChoiceValue("gone"));
        await host.Database.WriteAsync(scope => scope.Db.Predictions.Where(p => p.ProjectId == host.Project.Id && p.ItemId >= ids[200]).ExecuteUpdateAsync(x => x.SetProperty(p => p.Value, gone)));
        await host.RunAsync("train");
        Assert.True(await AheadAsync() > 10);

        Task<List<(long Item, double Rank)>> RanksAsync() => host.Database.ReadAsync(
            async db => (await db.Queue.Where(q => q.ProjectId == host.Project.Id).Select(q => new { q.ItemId, q.Rank }).ToListAsync()).ConvertAll(q => (q.ItemId, q.Rank)));
        Task<long> AheadAsync() => host.Database.ReadAsync(db => db.Counters.Where(c => c.ProjectId == host.Project.Id && c.Name == "steering:ahead").Select(c => c.Value).SingleAsync());
    }

    // As an LLM that is right in four of five would have.
    private static async Task AnswerAsync(AnnotatorDatabase database, long project, int[] truth, int count) => await database.WriteAsync(async scope =>
    {
        var items = await scope.Db.Items.Where(i => i.ProjectId == project).OrderBy(i => i.Id).Select(i => i.Id).Take(count).ToListAsync();
        var known = (await scope.Db.Predictions.Where(p => p.ProjectId == project && p.Source == LabelSource.Llm).Select(p => p.ItemId).ToListAsync()).ToHashSet();
        scope.Db.Predictions.AddRange(items.Select((id, i) => (Id: id, Class: i % 5 == 0 ? (truth[i] + 1) % 4 : truth[i])).Where(a => !known.Contains(a.Id)).Select(a => new Prediction
        {
            ProjectId = project, ItemId = a.Id, Source = LabelSource.Llm, Version = 1, Value = LabelJson.Write(new ChoiceValue(s_labels[a.Class])), Confidence = 0.97, CreatedAt = scope.Now,
        }));
    });

    private static (string[] Texts, int[] Truth) Texts(int count, ref SplitMix random)
    {
        var (texts, truth) = (new string[count], new int[count]);
        for (var i = 0; i < count; i++)
        {
            truth[i] = random.Next(4);
            var words = new List<string> { $"n{i}" };
            for (var w = 0; w < 7; w++) words.Add(random.NextDouble() < 0.6 ? s_words[truth[i]][random.Next(10)] : s_words[random.Next(4)][random.Next(10)]);
            texts[i] = string.Join(' ', words);
        }

        return (texts, truth);
    }
}
