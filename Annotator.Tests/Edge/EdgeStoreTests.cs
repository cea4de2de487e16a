using System.Globalization;
using Annotator.Core.Edge;
using Annotator.Edge.Health;
using Annotator.Edge.Annotating;
using Annotator.Edge.Sources;
using Annotator.Edge.Storage;
using Annotator.Edge.Sync;
using Microsoft.Extensions.Time.Testing;

namespace Annotator.Tests.Edge;

/// <summary>What a device keeps, what it gives up, and what it sends.</summary>
public sealed class EdgeStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("annotator-store-").FullName;

    [Fact]
    public void A_key_counts_once_also_after_its_label_was_sent_and_the_store_opened_again()
    {
        using (var store = Open())
        {
            Assert.Equal([true, true], store.Add([Label("a"), Label("b")]));
            Assert.Equal([false, true], store.Add([Label("a"), Label("c")]));
            store.LabelsSent([.. store.NextLabels(10).Select(l => l.Sequence)]);
            Assert.Equal(0, store.Waiting);
        }

        using var again = Open();
        Assert.Equal([false, true], again.Add([Label("a"), Label("d")]));

        // Numbers are never given again, or a label would be taken for one that has arrived.
        Assert.Equal(4, Assert.Single(again.NextLabels(10)).Sequence);
    }

    [Fact]
    public void When_room_runs_out_items_go_before_labels_the_least_worth_first_and_then_nothing_more_is_taken()
    {
        using var store = Open(mostBytes: 1_000_000);
        var text = new string('x', 10_000);
        var number = 0;
        for (; number < 200; number++) store.Add([Label($"k{number}", text, worth: number)]);
        Assert.True(store.UsedBytes <= 1_000_000, $"{store.UsedBytes} bytes.");
        Assert.Equal(200, store.Waiting);

        store.LabelsSent([.. store.NextLabels(1_000).Select(l => l.Sequence)]);
        var kept = store.NextContents(1_000);
        Assert.InRange(kept.Count, 20, 90);
        Assert.Equal("k199", kept[0].Key);
        Assert.All(kept, c => Assert.True(int.Parse(c.Key[1..], CultureInfo.InvariantCulture) >= 200 - kept.Count));

        // Labels alone fill it in the end: what comes then has to wait at its source.
        Assert.Throws<StoreFullException>(() =>
        {
            for (var i = 0; i < 100_000; i += 500) store.Add([.. Enumerable.Range(i, 500).Select(n => Label($"more{n}"))]);
        });
        store.LabelsSent([.. store.NextLabels(100_000).Select(l => l.Sequence)]);
        Assert.Equal([true], store.Add([Label("again")]));
    }

    [Fact]
    public void Items_are_sent_within_the_budget_of_a_day_also_across_restarts_and_leaps_of_the_clock()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero));
        using (var store = Open())
        {
            var budget = new BandwidthBudget(store, time);
            budget.Use(800);
            Assert.Equal(200, budget.Left(1_000));
        }

        using var again = Open();
        var later = new BandwidthBudget(again, time);
        Assert.Equal(200, later.Left(1_000));
        time.Advance(TimeSpan.FromHours(24));
        Assert.Equal(1_000, later.Left(1_000));
        later.Use(1_000);
        time.AdjustTime(new DateTimeOffset(2026, 4, 1, 0, 0, 0, TimeSpan.Zero));
        Assert.Equal(1_000, later.Left(1_000));
    }

    [Fact]
    public void What_is_sent_follows_the_policy()
    {
        var policy = new EdgePolicy(UploadBelow: 0.7, NovelBelow: 0.4, SampleShare: 0.1, BytesPerDay: 1, ReportSeconds: 1);
        Assert.Equal(EdgeReason.Novel, UploadRules.ReasonOf(policy, "a", new EdgeOpinion("", 0.99, 0.1)));
        Assert.Equal(EdgeReason.Uncertain, UploadRules.ReasonOf(policy, "a", new EdgeOpinion("", 0.5, 0.9)));
        var sample = Enumerable.Range(0, 10_000).Count(i => UploadRules.ReasonOf(policy, $"k{i}", new EdgeOpinion("", 0.99, 1)) == EdgeReason.Sample);
        Assert.InRange(sample, 900, 1_100);
    }

    [Fact]
    public void Drift_is_seen_when_confidences_move_and_not_before()
    {
        var monitor = new DriftMonitor();
        var random = new Random(3);
        for (var i = 0; i < DriftMonitor.Window; i++) monitor.Add(0.8 + (0.2 * random.NextDouble()));
        var kept = DriftMonitor.Read(monitor.Write());
        for (var i = 0; i < DriftMonitor.Window; i++) kept.Add(0.8 + (0.2 * random.NextDouble()));
        Assert.InRange(kept.Value!.Value, 0, 0.1);
        for (var i = 0; i < DriftMonitor.Window; i++) kept.Add(0.3 + (0.4 * random.NextDouble()));
        Assert.True(kept.Value > 0.25, $"{kept.Value}");
    }

    [Fact]
    public void One_odd_frame_does_not_change_what_a_source_shows()
    {
        var state = new SceneState();
        Assert.True(state.Add(new EdgeOpinion("road", 0.9, 1)));
        for (var i = 0; i < 10; i++) Assert.False(state.Add(new EdgeOpinion("road", 0.9, 1)));
        Assert.False(state.Add(new EdgeOpinion("tunnel", 0.95, 1)));
        Assert.Equal("road", state.Opinion.Value);
        var frames = 0;
        while (!state.Add(new EdgeOpinion("tunnel", 0.95, 1))) frames++;
        Assert.InRange(frames, 1, 8);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static NewLabel Label(string key, string? content = null, double worth = 0) => new(key, """{"choice":"a"}""", 0.9, 1, content is null ? EdgeReason.None : EdgeReason.Uncertain, content, worth);

    private EdgeStore Open(long mostBytes = 100_000_000) => EdgeStore.Open(_folder, mostBytes, TimeProvider.System);
}
