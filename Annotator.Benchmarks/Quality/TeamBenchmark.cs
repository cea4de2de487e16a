using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Review.Checks;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Benchmarks.Quality;

/// <summary>
/// <c>quality team [items=600] [seeds=1,2,3] [labels=4,20] [overlaps=2,3] [gold=0]</c>: twelve simulated people work through the program's own queue: eight with care, two carelessly, one wrong on purpose,
/// one who exchanges two labels. Whom the dashboards name, whether they are those, and what became of the labels; beside it eight careful people alone, and twelve of whom nobody is to be named.
/// </summary>
internal static class TeamBenchmark
{
    private const int Careful = 8;
    private const double Care = 0.95;
    private const double LeadsCare = 0.98;

    public static async Task RunAsync(string[] args)
    {
        int[] Numbers(string name, string usual) => [.. Student.StudentBenchmark.Value(args, name, usual).Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
        var (items, gold) = (Numbers("items", "600")[0], Numbers("gold", "0")[0]);
        Console.WriteLine("| labels | overlap | seed | careless named | adversarial named | confusing named, with the pair | others named | nobody to name: named | right labels, team of 12 | after the lead acted | the 8 careful alone | all votes together, 12 | decisions an item: 12, with the lead's action, 8 | taken back by known items |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (var labels in Numbers("labels", "4,20"))
        {
            foreach (var overlap in Numbers("overlaps", "2,3"))
            {
                foreach (var seed in Numbers("seeds", "1,2,3"))
                {
                    var mixed = await WorkAsync(12, Careful, labels, overlap, items, seed, gold);
                    var alone = await WorkAsync(Careful, Careful, labels, overlap, items, seed, gold);
                    var even = await WorkAsync(12, 12, labels, overlap, items, seed, 0);
                    bool Named(int who, AnnotatorFinding finding) => mixed.Findings[who].Finding == finding;
                    var careless = Enumerable.Range(8, 2).Count(w => Named(w, AnnotatorFinding.Careless));
                    var pair = Named(11, AnnotatorFinding.Confuses) && mixed.Findings[11].Pair is (0, 1) or (1, 0);
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"| {labels} | {overlap} | {seed} | {careless} of 2 | {(Named(10, AnnotatorFinding.Adversarial) ? "yes" : mixed.Findings[10].Finding.ToString())} | {(pair ? "yes" : mixed.Findings[11].Finding.ToString())} | {Enumerable.Range(0, Careful).Count(w => !Named(w, AnnotatorFinding.None))} of 8 | {even.Findings.Count(f => f.Finding != AnnotatorFinding.None)} of 12 | {mixed.Right:F4} | {mixed.Acted:F4} | {alone.Right:F4} | {mixed.Together:F4} | {mixed.Decisions:F2}, {mixed.DecisionsActed:F2}, {alone.Decisions:F2} | {mixed.TakenBack} |"));
                }
            }
        }
    }

    private static async Task<Outcome> WorkAsync(int people, int careful, int labels, int overlap, int items, int seed, int gold)
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var settings = new ProjectSettings { Overlap = overlap, AutoAccept = false, GroupDuplicates = false, AuditShare = 0, Checks = gold == 0 ? new CheckSettings() : new CheckSettings { GoldShare = gold / 100.0, PauseBelow = 0.8, PauseAfter = 8 } };
        var project = await host.NewProjectAsync(Enumerable.Range(0, labels).Select(Name), settings);
        var random = new Random(seed);
        var truth = new Dictionary<long, int>();
        foreach (var part in Enumerable.Range(0, items).Chunk(500))
        {
            var stored = await host.Get<ItemIntake>().StoreAsync(project, [.. part.Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), string.Create(CultureInfo.InvariantCulture, $"text {i}")))]);
            foreach (var item in stored.Value) truth[item.Item.Id] = random.Next(labels);
        }

        var users = await host.NewUsersAsync(people);
        var lead = (await host.NewUsersAsync(1, Role.Lead))[0];
        if (gold > 0)
        {
            foreach (var item in truth.Keys.Order().Take(Math.Min(60, items / 4))) await host.Get<GoldCatalog>().SetAsync(project, lead, item, new ChoiceValue(Name(truth[item])), null);
        }

        int Said(int who, int right) => who < careful ? random.NextDouble() < Care ? right : random.Next(labels)
            : who is 8 or 9 ? random.NextDouble() < 0.5 ? right : random.Next(labels)
            : who == 10 ? (right + 1 + random.Next(labels - 1)) % labels
            : right < 2 && random.NextDouble() < 0.85 ? 1 - right : random.NextDouble() < Care ? right : random.Next(labels);
        var (queue, recorder) = (host.Get<ReviewQueue>(), host.Get<DecisionRecorder>());
        async Task WorkOutAsync()
        {
            while (true)
            {
                var lentAny = false;
                foreach (var who in Enumerable.Range(0, people).OrderBy(_ => random.Next()).ToList())
                {
                    var lent = await queue.LeaseAsync(project, users[who], 5);
                    if (lent.Count == 0) continue;
                    lentAny = true;
                    await recorder.RecordAsync(
                        new ProjectGrant(project, Role.Annotator), users[who],
                        [.. lent.Select(l => new NewDecision(l.Item.Id, DecisionAction.Correct, new ChoiceValue(Name(Said(who, truth[l.Item.Id]))), l.Lease.Id, 3))]);
                }

                await host.RunAllAsync();
                if (lentAny) continue;

                // What the people cannot settle, a lead does, who errs now and then.
                var disputes = await host.Get<AdjudicationReader>().NextAsync(project.Id, 0, 500);
                if (disputes.Count == 0) break;
                await recorder.RecordAsync(
                    new ProjectGrant(project, Role.Lead), lead,
                    [.. disputes.Select(d => new NewDecision(d.Item.Id, DecisionAction.Correct, new ChoiceValue(Name(random.NextDouble() < LeadsCare ? truth[d.Item.Id] : random.Next(labels))), Settles: true))]);
            }
        }

        await WorkOutAsync();
        var team = host.Get<TeamQualityReader>();
        var estimates = (await team.EstimatesAsync(project))!;
        var (consensus, _) = (await team.ConsensusAsync(project, ConsensusMethod.DawidSkene))!.Value;
        var together = consensus.Items.ToDictionary(i => i.ItemId, i => i.Value);
        var (rows, decisions, back) = await host.Database.ReadAsync(async db => (
            await db.Items.Where(i => i.ProjectId == project.Id && i.LabelValue != null).Select(i => new { i.Id, i.LabelValue }).ToListAsync(),
            await db.Decisions.CountAsync(d => d.ProjectId == project.Id && d.UndoneById == null && d.Value != null && d.UserId != lead), await db.Decisions.CountAsync(d => d.ProjectId == project.Id && d.Action == DecisionAction.Undo)));
        string Value(int label) => LabelJson.Write(new ChoiceValue(Name(label)));
        var right = rows.Count(r => r.LabelValue == Value(truth[r.Id])) / (double)items;
        var rightTogether = rows.Count(r => together.GetValueOrDefault(r.Id, r.LabelValue!) == Value(truth[r.Id])) / (double)items;

        // The lead acts on what is shown: those who stand out are paused, and others label anew what theirs were needed for.
        var pausedAlready = new HashSet<long>();
        for (var round = 0; round < 3; round++)
        {
            var named = (await team.EstimatesAsync(project))?.Annotators.Values.Where(e => e.Finding != AnnotatorFinding.None && pausedAlready.Add(e.UserId)).ToList() ?? [];
            if (named.Count == 0) break;
            foreach (var e in named) await host.Get<CheckReader>().PauseAsync(new ProjectGrant(project, Role.Lead), lead, e.UserId, paused: true, takeBack: true);
            await host.RunAllAsync();
            await WorkOutAsync();
        }

        var (acted, more) = await host.Database.ReadAsync(async db => (
            await db.Items.Where(i => i.ProjectId == project.Id && i.LabelValue != null).Select(i => new { i.Id, i.LabelValue }).ToListAsync(), await db.Decisions.CountAsync(d => d.ProjectId == project.Id && d.Value != null && d.UserId != lead)));
        return new Outcome(
            [.. users.Select(u => estimates.Annotators.GetValueOrDefault(u)).Select(e => (e?.Finding ?? AnnotatorFinding.None, e?.Confused is { } c ? (Number(c.Right), Number(c.Given)) : (-1, -1)))],
            right, rightTogether, acted.Count(r => r.LabelValue == Value(truth[r.Id])) / (double)items, (double)decisions / items, (double)more / items, back);

        int Number(string value) => Enumerable.Range(0, labels).First(l => Value(l) == value);
    }

    private static string Name(int label) => string.Create(CultureInfo.InvariantCulture, $"label {label:00}");

    private sealed record Outcome((AnnotatorFinding Finding, (int Right, int Given) Pair)[] Findings, double Right, double Together, double Acted, double Decisions, double DecisionsActed, int TakenBack);
}
