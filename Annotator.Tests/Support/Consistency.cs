using System.Data;
using System.Data.Common;
using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Support;

/// <summary>What must hold of a project's rows at every commit, whatever happened before: checked by counting anew.</summary>
public static class Consistency
{
    /// <summary>Everything that does not hold; empty where all is well.</summary>
    public static async Task<IReadOnlyList<string>> ErrorsAsync(AnnotatorDbContext db, Project project)
    {
        // One snapshot for all questions, without a lock on those who write.
        await db.Database.OpenConnectionAsync();
        await using DbTransaction transaction = db.Database.GetDbConnection() is SqliteConnection sqlite
            ? sqlite.BeginTransaction(deferred: true)
            : await db.Database.GetDbConnection().BeginTransactionAsync(IsolationLevel.RepeatableRead);
        await db.Database.UseTransactionAsync(transaction);
        var items = await db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id).Select(i => new Row(i.Id, i.State, i.LabelSource, i.LabelValue, i.Votes, i.Flagged)).ToDictionaryAsync(i => i.Id);
        var queue = await db.Queue.AsNoTracking().Where(q => q.ProjectId == project.Id).ToDictionaryAsync(q => q.ItemId);
        var leases = await db.Leases.AsNoTracking().Where(l => l.ProjectId == project.Id).ToListAsync();
        var decisions = await db.Decisions.AsNoTracking().Where(d => d.ProjectId == project.Id).ToListAsync();
        var counters = await db.Counters.AsNoTracking().Where(c => c.ProjectId == project.Id).ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal);

        var errors = new List<string>();
        Counters(items.Values, decisions, counters, errors);
        Places(items, queue, leases, decisions, project, errors);
        return errors;
    }

    /// <summary>Fails where something does not hold.</summary>
    public static async Task CheckAsync(AnnotatorDbContext db, Project project)
    {
        var errors = await ErrorsAsync(db, project);
        Assert.True(errors.Count == 0, string.Join(Environment.NewLine, errors.Take(20)));
    }

    /// <summary>Fails where something does not hold.</summary>
    public static async Task CheckAsync(CoreHost host, Project project)
    {
        await using var db = await host.Database.OpenAsync();
        await CheckAsync(db, project);
    }

    private static void Counters(IReadOnlyCollection<Row> items, List<Decision> decisions, Dictionary<string, long> counters, List<string> errors)
    {
        void Same(string name, long counted)
        {
            var kept = counters.GetValueOrDefault(name);
            if (kept != counted) errors.Add($"Counter {name} is {kept}; counted anew it is {counted}.");
        }

        foreach (var state in Enum.GetValues<ItemState>()) Same(CounterNames.State(state), items.Count(i => i.State == state));
        foreach (var source in Enum.GetValues<LabelSource>()) Same(CounterNames.Label(source), items.Count(i => i.Label == source));
        Same(CounterNames.HumanDecisions, decisions.Count(d => d is { Action: DecisionAction.Accept or DecisionAction.Correct, Status: DecisionStatus.Recorded, UndoneById: null, UserId: not null }));
    }

    private static void Places(Dictionary<long, Row> items, Dictionary<long, QueueEntry> queue, List<Lease> leases, List<Decision> decisions, Project project, List<string> errors)
    {
        var held = leases.ToLookup(l => l.ItemId);
        var votes = decisions.Where(d => d is { Action: DecisionAction.Accept or DecisionAction.Correct, Status: DecisionStatus.Recorded, UndoneById: null, UserId: not null }).ToLookup(d => d.ItemId);
        foreach (var lease in leases.Where(l => !queue.ContainsKey(l.ItemId))) errors.Add($"Item {lease.ItemId} is lent, and not in the queue.");
        foreach (var id in queue.Keys.Where(id => !items.ContainsKey(id))) errors.Add($"Item {id} is in the queue, and not there.");
        foreach (var item in items.Values)
        {
            if (item.State == ItemState.Queued != queue.TryGetValue(item.Id, out var place))
            {
                errors.Add($"Item {item.Id} is {item.State}, and {(place is null ? "not " : "")}in the queue.");
                continue;
            }

            if (item.State == ItemState.Final != (item.Value is not null)) errors.Add($"Item {item.Id} is {item.State} with the label {item.Value ?? "null"}.");
            var voters = votes[item.Id].ToList();
            if (voters.Select(v => v.UserId).Distinct().Count() != voters.Count) errors.Add($"Somebody's decision counts twice on item {item.Id}.");
            if (place is null) continue;
            var (open, lent, needed) = (place.Open, held[item.Id].Count(), Needed(project.Settings.Overlap, voters));
            if (item.Votes != voters.Count) errors.Add($"Item {item.Id} has {item.Votes} votes; counted anew {voters.Count}.");
            if (open < 0) errors.Add($"Item {item.Id} has {open} open places.");
            if (open + lent > Math.Max(1, needed - voters.Count)) errors.Add($"Item {item.Id} is open {open} times and lent {lent} times, with {voters.Count} of {needed} votes.");
            if (open + lent == 0 && !item.Flagged) errors.Add($"Item {item.Id} waits for people, and nobody is asked.");
        }
    }

    // As the documentation of the overlap says: its number of people, and up to two more while they disagree.
    private static int Needed(int overlap, List<Decision> votes)
    {
        if (votes.Exists(v => v.Settles)) return votes.Count;
        if (votes.Count < overlap) return overlap;
        var most = votes.GroupBy(v => v.Value, StringComparer.Ordinal).Max(g => g.Count());
        return most * 2 > votes.Count ? overlap : Math.Min(votes.Count + 1, overlap + DecisionRecorder.ExtraVotes);
    }

    private sealed record Row(long Id, ItemState State, LabelSource? Label, string? Value, int Votes, bool Flagged);
}
