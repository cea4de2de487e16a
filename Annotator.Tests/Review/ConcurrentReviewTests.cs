using System.Collections.Concurrent;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Review;

/// <summary>Many people at one queue at a time: nobody gets an item beyond its overlap, nobody twice, and nothing is lost or counted twice.</summary>
public sealed class ConcurrentReviewTests
{
    private static readonly string[] s_labels = ["a", "b", "c"];

    public static MatrixTheoryData<string, int> ProvidersAndOverlaps { get; } = new(["Sqlite", "PostgreSql"], [1, 2, 3]);

    [Theory]
    [MemberData(nameof(ProvidersAndOverlaps))]
    public async Task ManyPeople_DecideEverything_EachItemByItsOverlap(string provider, int overlap)
    {
        const int items = 240;
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        await using var second = await CoreHost.StartAsync(database);
        var project = await ProjectWithAsync(host, items, overlap);
        var people = await host.NewUsersAsync(8);
        var given = new ConcurrentBag<(long Item, long User)>();
        using var over = new CancellationTokenSource();
        var watch = Task.Run(() => WatchAsync(host, project, over.Token));

        // SQLite belongs to one process; on PostgreSQL half of the people are on another node.
        await Task.WhenAll(people.Select((user, n) => Task.Run(() => WorkAsync(provider is "Sqlite" || n % 2 == 0 ? host : second, project, user, seed: n, given))));
        await over.CancelAsync();
        Assert.Empty(await watch);

        Assert.Equal(given.Count, given.Distinct().Count());
        await using var db = await host.Database.OpenAsync();
        var votes = await db.Decisions.Where(d => d.Status == DecisionStatus.Recorded && d.UndoneById == null).GroupBy(d => d.ItemId).Select(g => g.Count()).ToListAsync();
        Assert.Equal(items, votes.Count);
        Assert.All(votes, v => Assert.InRange(v, overlap, overlap == 1 ? 1 : overlap + DecisionRecorder.ExtraVotes));
        Assert.False(await db.Items.AnyAsync(i => i.State != ItemState.Final && !i.Flagged));
        Assert.Empty(await db.Leases.ToListAsync());
        await Consistency.CheckAsync(db, project);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task ExpiredLease_GoesBackToTheQueue_ForSomebodyElse(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await ProjectWithAsync(host, 5, overlap: 1);
        var people = await host.NewUsersAsync(2);
        var first = await host.Get<ReviewQueue>().LeaseAsync(project, people[0], 5);
        Assert.Equal(5, first.Count);
        Assert.Empty(await host.Get<ReviewQueue>().LeaseAsync(project, people[1], 5));

        await ExpireAsync(host, first.Take(3).Select(l => l.Lease.Id));
        var second = await host.Get<ReviewQueue>().LeaseAsync(project, people[1], 5);
        Assert.Equal(first.Take(3).Select(l => l.Item.Id).Order(), second.Select(l => l.Item.Id).Order());
        await Consistency.CheckAsync(host, project);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task DecisionWithAnExpiredLease_IsRecorded_UnlessSomebodyElseDecided(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await ProjectWithAsync(host, 2, overlap: 1);
        var people = await host.NewUsersAsync(2);
        var recorder = host.Get<DecisionRecorder>();
        var lent = await host.Get<ReviewQueue>().LeaseAsync(project, people[0], 2);
        await ExpireAsync(host, lent.Select(l => l.Lease.Id));
        var taken = Assert.Single(await host.Get<ReviewQueue>().LeaseAsync(project, people[1], 1));
        Assert.Equal(DecisionStatus.Recorded, (await DecideAsync(recorder, project, people[1], taken, "b")).Status);

        // The same person, once as an annotator and once as a lead: a lease that has run out never overrules anybody.
        var late = lent.Single(l => l.Item.Id == taken.Item.Id);
        Assert.Equal(DecisionStatus.Conflict, (await DecideAsync(recorder, project, people[0], late, "a")).Status);
        Assert.Equal(DecisionStatus.Conflict, (await DecideAsync(recorder, project, people[0], late, "a", Role.Admin)).Status);
        Assert.Equal(DecisionStatus.Recorded, (await DecideAsync(recorder, project, people[0], lent.Single(l => l.Item.Id != taken.Item.Id), "a")).Status);

        var detail = await host.Get<ItemQueries>().FindAsync(project.Id, taken.Item.Id);
        Assert.Equal("""{"choice":"b"}""", detail!.Item.LabelValue);
        Assert.Equal(3, detail.Decisions.Count);
        await Consistency.CheckAsync(host, project);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task TwoDecideOneItemAtTheSameMoment_OneIsRecorded(string provider)
    {
        const int items = 60;
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await ProjectWithAsync(host, items, overlap: 1);
        var people = await host.NewUsersAsync(6);
        var lent = await host.Get<ReviewQueue>().LeaseAsync(project, people[0], items);
        await ExpireAsync(host, lent.Select(l => l.Lease.Id));
        await host.Get<ReviewQueue>().ReleaseAsync(project.Id, people[0], [.. lent.Select(l => l.Lease.Id)]);

        var results = await Task.WhenAll(people.Select((user, n) => Task.Run(async () =>
        {
            var order = Shuffled([.. lent.Select(l => l.Item.Id)], seed: n);
            var answers = new List<DecisionResult>();
            foreach (var part in order.Chunk(7))
                answers.AddRange(await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Annotator), user, [.. part.Select(i => new NewDecision(i, DecisionAction.Correct, new ChoiceValue(s_labels[n % 3])))]));
            return answers;
        })));
        Assert.Equal(items, results.SelectMany(r => r).Count(r => r.Status == DecisionStatus.Recorded));
        Assert.Equal(items * (people.Length - 1), results.SelectMany(r => r).Count(r => r.Status == DecisionStatus.Conflict));
        await Consistency.CheckAsync(host, project);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task SkippedAfterAnUndo_WithVotesEnough_SomebodyElseIsAsked(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await ProjectWithAsync(host, 1, overlap: 2);
        var people = await host.NewUsersAsync(4);
        var recorder = host.Get<DecisionRecorder>();
        foreach (var (user, label) in people.Take(3).Zip(["a", "b", "a"]))
            await DecideAsync(recorder, project, user, Assert.Single(await host.Get<ReviewQueue>().LeaseAsync(project, user, 1)), label);

        // The one who disagreed takes that back: two of one mind are left. Then they pass.
        var again = await recorder.UndoAsync(project, people[1], null);
        await recorder.RecordAsync(new ProjectGrant(project, Role.Annotator), people[1], [new NewDecision(again!.Item.Id, DecisionAction.Skip, null, again.Lease.Id)]);
        await Consistency.CheckAsync(host, project);
        Assert.Single(await host.Get<ReviewQueue>().LeaseAsync(project, people[3], 1));
    }

    [Theory]
    [MemberData(nameof(ProvidersAndOverlaps))]
    public async Task RandomHistories_KeepQueueAndCountersAsCountedAnew(string provider, int overlap)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await ProjectWithAsync(host, 12, overlap);
        var people = await host.NewUsersAsync(5);
        var history = new History(host, project, people, new Random(7 * overlap));
        for (var step = 0; step < 200; step++)
        {
            var what = await history.StepAsync();
            await using var db = await host.Database.OpenAsync();
            var errors = await Consistency.ErrorsAsync(db, project);
            Assert.True(errors.Count == 0, $"After step {step} ({what}): {string.Join(Environment.NewLine, errors)}");
        }
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task RandomHistories_OfSeveralAtATime_EndConsistent(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await ProjectWithAsync(host, 20, overlap: 2);
        var people = await host.NewUsersAsync(6);
        using var over = new CancellationTokenSource();
        var watch = Task.Run(() => WatchAsync(host, project, over.Token));
        await Task.WhenAll(Enumerable.Range(0, 6).Select(n => Task.Run(async () =>
        {
            var history = new History(host, project, [people[n]], new Random(100 + n));
            for (var step = 0; step < 80; step++) await history.StepAsync();
        })));
        await over.CancelAsync();
        Assert.Empty(await watch);
        await Consistency.CheckAsync(host, project);
    }

    private static async Task<Project> ProjectWithAsync(CoreHost host, int items, int overlap)
    {
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { Overlap = overlap });
        await AddAsync(host, project, items, "i");
        return project;
    }

    private static async Task AddAsync(CoreHost host, Project project, int count, string prefix)
    {
        var stored = await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, count).Select(i => new NewItem($"{prefix}{i}", $"text {prefix} number {i}"))]);
        Assert.True(stored.Succeeded);
    }

    // Decides until there is nothing left for this person: mostly what most would say, sometimes something else.
    private static async Task WorkAsync(CoreHost host, Project project, long user, int seed, ConcurrentBag<(long Item, long User)> given)
    {
        var random = new Random(seed);
        var idle = 0;
        while (idle < 40)
        {
            var lent = await host.Get<ReviewQueue>().LeaseAsync(project, user, random.Next(1, 6));
            idle = lent.Count == 0 ? idle + 1 : 0;
            if (lent.Count == 0) await Task.Delay(5);
            foreach (var item in lent)
            {
                given.Add((item.Item.Id, user));
                var label = random.Next(5) == 0 ? s_labels[random.Next(3)] : s_labels[item.Item.Id % 3];
                Assert.Equal(DecisionStatus.Recorded, (await DecideAsync(host.Get<DecisionRecorder>(), project, user, item, label)).Status);
            }
        }
    }

    // Looks at the rows again and again while others change them: every commit must leave them right.
    private static async Task<IReadOnlyList<string>> WatchAsync(CoreHost host, Project project, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await using var db = await host.Database.OpenAsync(CancellationToken.None);
            var errors = await Consistency.ErrorsAsync(db, project);
            if (errors.Count > 0) return errors;
        }

        return [];
    }

    private static async Task<DecisionResult> DecideAsync(DecisionRecorder recorder, Project project, long user, LeasedItem lent, string label, Role role = Role.Annotator) =>
        Assert.Single(await recorder.RecordAsync(new ProjectGrant(project, role), user, [new NewDecision(lent.Item.Id, DecisionAction.Correct, new ChoiceValue(label), lent.Lease.Id)]));

    private static Task ExpireAsync(CoreHost host, IEnumerable<string> leases)
    {
        var ids = leases.ToList();
        return host.Database.WriteAsync(scope => scope.Db.Leases.Where(l => ids.Contains(l.Id)).ExecuteUpdateAsync(x => x.SetProperty(l => l.ExpiresAt, DateTimeOffset.UnixEpoch)));
    }

    private static long[] Shuffled(long[] values, int seed)
    {
        new Random(seed).Shuffle(values);
        return values;
    }

    /// <summary>Whatever people can do to a queue, at random.</summary>
    private sealed class History(CoreHost host, Project project, long[] people, Random random)
    {
        private readonly List<(long User, LeasedItem Lent)> _lent = [];
        private int _added;

        public async Task<string> StepAsync()
        {
            var user = people[random.Next(people.Length)];
            switch (random.Next(20))
            {
                case < 6:
                    foreach (var lent in await host.Get<ReviewQueue>().LeaseAsync(project, user, random.Next(1, 4))) _lent.Add((user, lent));
                    return "lease";
                case < 12:
                    return await DecideAsync(user, role: Role.Annotator);
                case 12:
                    return await DecideAsync(user, role: Role.Lead);
                case < 15:
                    if (await host.Get<DecisionRecorder>().UndoAsync(project, user, null) is { } again) _lent.Add((user, again));
                    return "undo";
                case 15:
                    await ExpireAsync(host, _lent.Where(_ => random.Next(2) == 0).Select(l => l.Lent.Lease.Id));
                    return "expiry";
                case 16:
                    await host.Get<ReviewQueue>().ReleaseAsync(project.Id, user, [.. _lent.Where(l => l.User == user && random.Next(2) == 0).Select(l => l.Lent.Lease.Id)]);
                    return "release";
                case 17:
                    await host.Get<ReviewQueue>().RecallSkippedAsync(project.Id, user);
                    return "recall";
                case 18:
                    await host.Get<ReviewQueue>().RenewAsync(project, user, [.. _lent.Where(l => l.User == user).Select(l => l.Lent.Lease.Id)]);
                    return "renew";
                default:
                    await AddAsync(host, project, 1, $"more-{user}-{_added++}-");
                    return "add";
            }
        }

        private async Task<string> DecideAsync(long user, Role role)
        {
            // Of what was lent, at any time and whether the lease still holds or not.
            var mine = _lent.Where(l => l.User == user).ToList();
            if (mine.Count == 0) return "nothing";
            var count = Math.Min(mine.Count, random.Next(1, 3));
            var decisions = Enumerable.Range(0, count).Select(_ => mine[random.Next(mine.Count)].Lent).Select(lent => random.Next(8) switch
            {
                0 => new NewDecision(lent.Item.Id, DecisionAction.Skip, null, lent.Lease.Id),
                1 => new NewDecision(lent.Item.Id, DecisionAction.Flag, null, lent.Lease.Id, Comment: "?"),
                2 => new NewDecision(lent.Item.Id, DecisionAction.Reject, null, random.Next(2) == 0 ? lent.Lease.Id : null),
                3 => new NewDecision(lent.Item.Id, DecisionAction.Accept, null, lent.Lease.Id),
                _ => new NewDecision(lent.Item.Id, DecisionAction.Correct, new ChoiceValue(s_labels[random.Next(3)]), random.Next(3) == 0 ? null : lent.Lease.Id),
            }).ToList();
            await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, role), user, decisions);
            return $"{role}: {string.Join(", ", decisions.Select(d => $"{d.Action} {d.ItemId}"))}";
        }
    }
}
