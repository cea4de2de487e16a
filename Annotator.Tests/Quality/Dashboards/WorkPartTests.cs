using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Agreement;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Core.Review.Checks;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Quality.Dashboards;

/// <summary>Every chart follows every filter: what no counts are kept by is counted from the facts, to the same figures.</summary>
public sealed class WorkPartTests
{
    private static readonly string[] s_labels = ["cat", "dog", "owl"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task EveryFigure_FollowsMetadataSourceLabelAndAnnotator(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { Overlap = 3, AutoAccept = false, GroupDuplicates = false, Slices = [new SliceSettings { Field = "lang", Value = "ko" }] });
        var added = await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, 60).Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), string.Create(CultureInfo.InvariantCulture, $"text {i}"), Metadata: i % 2 == 0 ? """{"lang":"ko","tongue":"ko"}""" : """{"lang":"en","tongue":"en"}"""))]);
        var people = await host.NewUsersAsync(4);
        var random = new Random(3);
        foreach (var item in added.Value.Select(a => a.Item.Id))
        {
            var shown = random.Next(3) == 0 ? null : new ShownPrelabel(new ChoiceValue(s_labels[random.Next(3)]), 0.2 + (0.7 * random.NextDouble()), random.Next(2) == 0 ? LabelSource.Student : LabelSource.Llm, 1);
            foreach (var user in people.OrderBy(_ => random.Next()).Take(3))
            {
                var action = random.Next(12) == 0 ? DecisionAction.Skip : DecisionAction.Correct;
                await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Lead), user, [new NewDecision(item, action, action == DecisionAction.Skip ? null : new ChoiceValue(s_labels[random.NextDouble() < 0.7 ? (int)(item % 3) : random.Next(3)]), Comment: "unclear", Seconds: 1 + (random.Next(64) / 8.0), Shown: shown)]);
            }
        }

        var reader = host.Get<DashboardReader>();
        async Task<Dashboard> ReadAsync(DashboardFilter filter) => await reader.ReadAsync(project, filter, Token);

        // The same items by a slice that is counted apart, and by metadata that are not.
        var kept = await ReadAsync(new DashboardFilter(Slice: new SliceSettings { Field = "lang", Value = "ko" }));
        var counted = await ReadAsync(new DashboardFilter(Slice: new SliceSettings { Field = "tongue", Value = "ko" }));
        Assert.Null(kept.Counted);
        Assert.Equal(new CountedPart(30, true), counted.Counted);
        Assert.Equal(Figures(kept), Figures(counted));
        Assert.Equal((30, kept.Final), (counted.Items, counted.Final));
        Assert.True(counted.Work.Decisions > 60);

        // By annotator and source: what the facts say.
        var facts = await host.Database.ReadAsync(db => db.Decisions.Where(d => d.ProjectId == project.Id && d.UndoneById == null && d.Status == DecisionStatus.Recorded).ToListAsync());
        var mine = await ReadAsync(new DashboardFilter(UserId: people[1]));
        Assert.Equal(facts.Count(d => d.UserId == people[1] && d.ShownValue != null && d.Action is DecisionAction.Accept or DecisionAction.Correct && d.UserId == people[1]), mine.Calibration.Sum(c => c.Bins.Sum(b => b.Right.Count)));
        var touched = facts.Where(d => d.UserId == people[1]).Select(d => d.ItemId).ToHashSet();
        var items = await host.Database.ReadAsync(db => db.Items.Where(i => i.ProjectId == project.Id && i.LabelValue != null).ToListAsync());
        Assert.Equal(items.Count(i => touched.Contains(i.Id)), mine.Distribution.Sum(d => d.Count));
        Assert.NotNull(mine.Agreement!.Alpha);
        Assert.Equal(mine.Agreement.Equal.Count, mine.Agreement.Pairs.Sum(p => p.Equal.Count));
        var shownByLlm = await ReadAsync(new DashboardFilter(Source: LabelSource.Llm));
        var llm = facts.Where(d => d.ShownSource == LabelSource.Llm).Select(d => d.ItemId).ToHashSet();
        Assert.Equal(items.Count(i => llm.Contains(i.Id)), shownByLlm.OverTime.Sum(b => b.Final.Values.Sum()));
        Assert.Equal([LabelSource.Llm], shownByLlm.Calibration.Select(c => c.Source));
        Assert.True(shownByLlm.FirstPass.Count < (await ReadAsync(DashboardFilter.None)).FirstPass.Count);
        var cats = await ReadAsync(new DashboardFilter(Label: "cat"));
        Assert.Equal(items.Count(i => i.LabelValue!.Contains("cat", StringComparison.Ordinal)), cats.OverTime.Sum(b => b.Final.Values.Sum()));
        Assert.All(cats.Agreement!.Confused, p => Assert.Contains("cat", (string[])[p.Shown, p.Given]));

        // Active time has its interval everywhere, over decisions.
        var all = await ReadAsync(DashboardFilter.None);
        Assert.All(all.Annotators, a => Assert.InRange(a.Work.SecondsEach!.Value, a.SecondsInterval!.Value.Lower, a.SecondsInterval.Value.Upper));
        Assert.All(all.OverTime.Where(b => b.Work.Timed >= 5), b => Assert.InRange(b.SecondsInterval!.Value.Upper - b.SecondsInterval.Value.Lower, 0.01, 3));
        Assert.InRange(all.SecondsInterval!.Value.Upper - all.SecondsInterval.Value.Lower, 0.1, 1.5);

        // Agreement with others, and answers to known items, follow as well.
        var annotators = host.Get<AnnotatorReader>();
        var ever = await annotators.ReadAsync(project, DashboardFilter.None, Token);
        var today = await annotators.ReadAsync(project, new DashboardFilter(From: TimeProvider.System.GetUtcNow().AddDays(-1)), Token);
        Assert.Equal(ever.Select(a => (a.UserId, a.Decisions, a.Skipped, a.Others, a.Audit, a.Gold)), today.Select(a => (a.UserId, a.Decisions, a.Skipped, a.Others, a.Audit, a.Gold)));
        Assert.Empty(await annotators.ReadAsync(project, new DashboardFilter(To: TimeProvider.System.GetUtcNow().AddDays(-1)), Token));
        var korean = await annotators.ReadAsync(project, new DashboardFilter(Slice: new SliceSettings { Field = "tongue", Value = "ko" }), Token);
        var english = await annotators.ReadAsync(project, new DashboardFilter(Slice: new SliceSettings { Field = "tongue", Value = "en" }), Token);
        Assert.Equal(ever.Select(a => a.Others.Count), korean.Zip(english).Select(a => a.First.Others.Count + a.Second.Others.Count));
        var checks = host.Get<CheckReader>();
        await host.Database.WriteAsync(async scope => await scope.Dialect.InsertAsync(
            scope.Db,
            [.. items.Take(20).Select((item, n) => new QualityCheck
            {
                Id = Guid.NewGuid().ToString("n"), ProjectId = project.Id, ItemId = item.Id, UserId = people[n % 2], Kind = n % 4 < 2 ? CheckKind.Gold : CheckKind.Repeat, Expected = LabelJson.Write(new ChoiceValue("cat")),
                Given = LabelJson.Write(new ChoiceValue(n % 5 == 0 ? "dog" : "cat")), Correct = n % 5 != 0, CreatedAt = scope.Now, ExpiresAt = scope.Now, AnsweredAt = scope.Now.AddDays(n < 8 ? -10 : 0),
            })],
            ignoreConflicts: false, Token));
        async Task<(int Gold, int Repeats)> KnownAsync(DashboardFilter filter) => (await checks.ReadAsync(project.Id, filter, Token)) is var found ? (found.Sum(c => c.Gold.Count), found.Sum(c => c.Repeats.Count)) : default;
        Assert.Equal((10, 10), await KnownAsync(DashboardFilter.None));
        Assert.Equal((6, 6), await KnownAsync(new DashboardFilter(From: TimeProvider.System.GetUtcNow().AddDays(-1))));
        Assert.Equal((4, 4), await KnownAsync(new DashboardFilter(To: TimeProvider.System.GetUtcNow().AddDays(-1))));
        Assert.Equal((5, 5), await KnownAsync(new DashboardFilter(UserId: people[0])));
        Assert.Equal((10, 10), await KnownAsync(new DashboardFilter(Label: "cat")));
        Assert.Equal((0, 0), await KnownAsync(new DashboardFilter(Label: "owl")));
        Assert.Equal(4, await KnownAsync(new DashboardFilter(Label: "dog")) is var (g, r) ? g + r : 0);
        Assert.Equal((0, 0), await KnownAsync(new DashboardFilter(Source: LabelSource.Llm)));
        var (inKorean, inEnglish) = (await KnownAsync(new DashboardFilter(Slice: new SliceSettings { Field = "tongue", Value = "ko" })), await KnownAsync(new DashboardFilter(Slice: new SliceSettings { Field = "lang", Value = "en" })));
        Assert.Equal((10, 10), (inKorean.Gold + inEnglish.Gold, inKorean.Repeats + inEnglish.Repeats));
        Assert.True(inKorean.Gold > 0 && inEnglish.Gold > 0);

        // And the coefficients over votes.
        var team = host.Get<TeamQualityReader>();
        var whole = (await team.AgreementAsync(project, cancellationToken: Token))!;
        Assert.Equal(all.Agreement!.Alpha!.Value, whole.Alpha.Value!.Value, 9);
        var part = (await team.AgreementAsync(project, filter: new DashboardFilter(Slice: new SliceSettings { Field = "tongue", Value = "ko" }), cancellationToken: Token))!;
        Assert.Equal(kept.Agreement!.Alpha!.Value, part.Alpha.Value!.Value, 9);
        Assert.Null(whole.WeightedCohen.Value);
        var ranks = (await team.AgreementAsync(project, MeasurementScale.Ordinal, cancellationToken: Token))!;
        Assert.NotEqual(whole.Alpha.Value, ranks.Alpha.Value);
        Assert.NotNull(ranks.WeightedCohen.Value);
        foreach (var method in Enum.GetValues<ConsensusMethod>())
        {
            var (found, _) = (await team.ConsensusAsync(project, method, cancellationToken: Token))!.Value;
            Assert.Equal(4, found.Annotators.Count);
            Assert.All(found.Annotators, a => Assert.Equal(a.Count, a.Confusion.Sum(), 3));
            Assert.True(found.Items.Count(i => i.Value == LabelJson.Write(new ChoiceValue(s_labels[i.ItemId % 3]))) > 0.8 * found.Items.Count, $"{method} finds most of the labels");
        }
    }

    private static string Figures(Dashboard d) => string.Join(
        '\n',
        d.Work, d.FirstPass, string.Join('|', d.OverTime.Select(b => $"{b.At:O} {b.Work} {string.Join(',', b.Final.OrderBy(f => f.Key))} {b.SecondsInterval}")), string.Join('|', d.Labels), string.Join('|', d.Confusion),
        string.Join('|', d.Annotators.Select(a => $"{a} {a.SecondsInterval}")), string.Join('|', d.Calibration.Select(c => $"{c.Source} {c.Ece:F9} {string.Join(',', c.Bins)}")),
        string.Join('|', d.Distribution.Select(l => $"{l.Label} {l.Count} {string.Join(',', l.BySource.OrderBy(s => s.Key))}")), d.Agreement!.Equal, d.Agreement.Alpha, string.Join('|', d.Agreement.Confused), string.Join('|', d.Agreement.Pairs), d.SecondsInterval);
}
