using System.Globalization;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Learning;

public class LearningRunsTests
{
    private static readonly string[] s_topics = ["card", "loan", "travel"];

    [Fact]
    public async Task Deduplicate_ItemsThatArriveLater_JoinTheirGroupAndItsLabel()
    {
        await using var host = await LearningHost.StartAsync("yes", "no");
        var first = await host.SendAsync(["where is the parcel that I ordered last week", "something else altogether, not like the others"]);
        await host.RunAllAsync();
        Assert.Null((await host.ItemAsync(first[0])).GroupId);

        var later = await host.SendAsync(["Where is the parcel that I ordered last week?", "where is the parcel that I ordred last week"]);
        await host.RunAllAsync();
        foreach (var id in later.Append(first[0])) Assert.Equal(first[0], (await host.ItemAsync(id)).GroupId);
        Assert.Equal([ItemState.Queued, ItemState.Prelabelled], [(await host.ItemAsync(first[0])).State, (await host.ItemAsync(later[0])).State]);

        // The index is gone, the group is decided: what comes now finds both.
        await host.DecideAsync([(first[0], "yes")]);
        await host.RestartAsync();
        var last = await host.SendAsync(["where is the parcel that i ordered last week !"]);
        await host.RunAllAsync();
        var item = await host.ItemAsync(last[0]);
        Assert.Equal((first[0], ItemState.Final, LabelSource.Propagated), (item.GroupId, item.State, item.LabelSource!.Value));
        Assert.Equal("yes", Assert.IsType<ChoiceValue>(item.Label).Choice);
    }

    [Fact]
    public async Task Deduplicate_GroupThatPeopleSplit_StaysSplit()
    {
        await using var host = await LearningHost.StartAsync("yes", "no");
        var ids = await host.SendAsync(["please cancel my order number twelve", "please cancel my order number twelve now"]);
        await host.RunAllAsync();
        Assert.Equal(ids[0], (await host.ItemAsync(ids[1])).GroupId);
        await host.DecideAsync([(ids[0], "yes"), (ids[1], "no")]);
        await host.Database.WriteAsync(scope => scope.Db.Items.Where(i => i.Id == ids[1]).ExecuteUpdateAsync(x => x.SetProperty(i => i.GroupId, (long?)null)));
        foreach (var restart in (bool[])[false, true])
        {
            if (restart) await host.RestartAsync();
            await host.SendAsync([$"please cancel my order number twelve today {(restart ? "again" : "")}"]);
            await host.RunAllAsync();
            Assert.Null((await host.ItemAsync(ids[1])).GroupId);
        }
    }

    [Fact]
    public async Task Represent_ThenSimilarSampleAndClusters()
    {
        await using var host = await LearningHost.StartAsync("card", "loan", "travel");
        Assert.Null(await host.Get<Representations>().SimilarAsync(host.Project.Id, 1, 5));
        var texts = Texts(120, 1).ToList();
        var ids = await host.SendAsync(texts.Select(t => t.Text));
        await host.RunAllAsync();

        var representations = host.Get<Representations>();
        var latest = await representations.LatestAsync(host.Project.Id);
        Assert.Equal(texts.Count, latest!.Items);
        var topic = ids.Zip(texts).ToDictionary(p => p.First, p => p.Second.Topic);
        var similar = await representations.SimilarAsync(host.Project.Id, ids[0], 10);
        Assert.Equal(10, similar!.Count);
        Assert.DoesNotContain(similar, s => s.Id == ids[0]);
        Assert.True(similar.Count(s => string.Equals(topic[s.Id], topic[ids[0]], StringComparison.Ordinal)) >= 8);
        Assert.Equal(similar.Select(s => s.Similarity).OrderDescending(), similar.Select(s => s.Similarity));

        // One that came after the files were written is found by its text.
        var added = await host.SendAsync([texts[0].Text + " once more, thank you"]);
        Assert.True((await representations.SimilarAsync(host.Project.Id, added[0], 10))!.Count(s => string.Equals(topic[s.Id], topic[ids[0]], StringComparison.Ordinal)) >= 7);

        var sample = await host.RunAsync("sample", new SampleOptions { Count = 6 });
        var picks = sample["items"]!.AsArray().Select(i => long.Parse(i!.GetValue<string>(), CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(6, picks.Distinct().Count());
        Assert.Equal(3, picks.Select(p => topic[p]).Distinct(StringComparer.Ordinal).Count());

        var clusters = await representations.ClustersAsync(host.Project.Id, 3);
        Assert.Equal(texts.Count, clusters!.Count);
        Assert.All(clusters, c => Assert.InRange(c.Density, 0, 1));
        foreach (var group in clusters.GroupBy(c => c.Cluster)) Assert.True(group.CountBy(c => topic[c.ItemId], StringComparer.Ordinal).Max(c => c.Value) >= 0.8 * group.Count());
    }

    [Fact]
    public async Task Represent_ItemsByTheApi_AreTakenInAsTheProjectGrows()
    {
        await using var host = await LearningHost.StartAsync("card", "loan", "travel");
        var texts = new Queue<string>(Texts(100, 3).Select(t => t.Text));
        Assert.Empty(await AddAsync(19));
        Assert.Equal([60], await AddAsync(41));
        Assert.Equal([60], await AddAsync(10));

        // However many requests there are, one run is waited for.
        Assert.Equal([76, 60], await AddAsync(3, 3));
        Assert.Equal([76, 60], await AddAsync(1, 1, 1, 1));
        await host.Get<RepresentTrigger>().LookAsync(TestContext.Current.CancellationToken);
        await host.RunAllAsync();
        Assert.Equal([76, 60], await RepresentedAsync());

        async Task<List<long>> AddAsync(params int[] requests)
        {
            foreach (var count in requests)
            {
                var stored = await host.Get<ItemIntake>().StoreAsync(host.Project, [.. Enumerable.Range(0, count).Select(_ => new NewItem(null, texts.Dequeue()))], TestContext.Current.CancellationToken);
                Assert.All(stored.Value, s => Assert.True(s.Created));
                await host.Get<RepresentTrigger>().LookAsync(TestContext.Current.CancellationToken);
            }

            await host.Get<RepresentTrigger>().LookAsync(TestContext.Current.CancellationToken);
            await host.RunAllAsync();
            return await RepresentedAsync();
        }

        async Task<List<long>> RepresentedAsync() =>
            [.. (await host.Get<Core.Runs.RunService>().ListOfKindAsync(host.Project.Id, "represent", 10)).Select(r => System.Text.Json.Nodes.JsonNode.Parse(r.Result!)!["items"]!.GetValue<long>())];
    }

    [Fact]
    public async Task Propagate_FewDecisions_IsOffAndSaysSo()
    {
        await using var host = await LearningHost.StartAsync("card", "loan", "travel");
        var texts = Texts(120, 2).ToList();
        var ids = await host.SendAsync(texts.Select(t => t.Text));
        var result = await host.RunAsync("propagate");
        Assert.False(result["on"]!.GetValue<bool>());
        await host.DecideAsync(ids.Zip(texts).Take(30).Select(p => (p.First, p.Second.Topic)));
        result = await host.RunAsync("propagate");
        Assert.False(result["on"]!.GetValue<bool>());
        var state = await host.Get<PropagationStates>().FindAsync(host.Project.Id);
        Assert.Equal("TooFewChecks", state!.Reason);
        Assert.Contains("off", state.Explanation, StringComparison.Ordinal);
        Assert.Equal(0, await host.Database.ReadAsync(db => db.Predictions.CountAsync(p => p.Source == LabelSource.Propagated)));
    }

    /// <summary>Texts of three topics with words of their own.</summary>
    private static IEnumerable<(string Text, string Topic)> Texts(int count, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var topic = s_topics[i % 3];
            var words = Enumerable.Range(0, 9).Select(_ => random.Next(3) == 0 ? $"the{random.Next(40)}" : $"{topic}{(char)('a' + random.Next(20))}{topic[0]}");
            yield return ($"{string.Join(' ', words)} n{i * 7919 % 10007}", topic);
        }
    }
}
