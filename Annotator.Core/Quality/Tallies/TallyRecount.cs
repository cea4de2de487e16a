using Annotator.Core.Items;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality.Tallies;

/// <summary>Counts the tallies of a project anew from its facts: for data of older versions, and to prove that what is kept is right.</summary>
public sealed class TallyRecount(AnnotatorDatabase database)
{
    private const int Batch = 5_000;

    /// <summary>What the tallies should be, counted from the facts.</summary>
    public Task<List<Tally>> CountAsync(long projectId, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => CountAsync(db, projectId, cancellationToken), cancellationToken);

    /// <summary>Replaces the tallies of a project by what is counted from its facts, in one transaction.</summary>
    /// <returns>How many rows were different.</returns>
    public Task<int> RepairAsync(long projectId, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync(
        async scope =>
        {
            await scope.Dialect.HoldFactsAsync(scope.Db, cancellationToken);
            var right = await CountAsync(scope.Db, projectId, cancellationToken);
            List<long> under = [projectId, .. await scope.Db.Set<Slice>().Where(s => s.ProjectId == projectId).Select(s => -s.Id).ToListAsync(cancellationToken)];
            var kept = await scope.Db.Tallies.AsNoTracking().Where(t => under.Contains(t.ProjectId)).ToListAsync(cancellationToken);
            var sums = new TallySums();
            foreach (var row in right) sums.Add(KeyOf(row), row.Count, row.Extra, row.Amount);
            foreach (var row in kept) sums.Add(KeyOf(row), -row.Count, -row.Extra, -row.Amount);
            var differences = sums.Rows();
            if (differences.Count > 0) await scope.Dialect.AddAsync(scope.Db, differences, cancellationToken);
            await scope.Db.Tallies.Where(t => under.Contains(t.ProjectId) && t.Count == 0 && t.Extra == 0 && t.Amount == 0).ExecuteDeleteAsync(cancellationToken);
            return differences.Count;
        },
        cancellationToken);

    private static async Task<List<Tally>> CountAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        var sums = new TallySums();
        var slices = await db.Set<Slice>().AsNoTracking().Where(s => s.ProjectId == projectId).ToListAsync(cancellationToken);
        var pairs = slices.ConvertAll(s => (s.Field, s.Value));
        long after = 0;
        while (true)
        {
            var items = await db.Items.AsNoTracking().Where(i => i.ProjectId == projectId && i.Id > after).OrderBy(i => i.Id).Take(Batch)
                .Select(i => new { i.Id, i.LabelValue, i.LabelSource, i.DecidedAt, Metadata = slices.Count > 0 ? i.Metadata : null }).ToListAsync(cancellationToken);
            if (items.Count == 0) return sums.Rows();
            var (first, last) = (items[0].Id, items[^1].Id);

            // Each fact counts for the project, and for the slices of its item.
            var under = new Dictionary<long, List<long>>();
            foreach (var item in items.Where(i => i.Metadata is not null)) under[item.Id] = [.. Slices.Of(item.Metadata, slices, pairs)];
            IEnumerable<long> Under(long item) => (under.GetValueOrDefault(item) ?? []).Prepend(projectId);
            foreach (var item in items)
            {
                foreach (var u in Under(item.Id)) TallyRules.Label(sums, u, item.LabelValue, item.LabelSource, item.DecidedAt, 1);
                foreach (var slice in Under(item.Id).Skip(1)) TallyRules.Item(sums, slice);
            }

            var decisions = await db.Decisions.AsNoTracking().Where(d => d.ProjectId == projectId && d.ItemId >= first && d.ItemId <= last && d.UndoneById == null && d.Status == DecisionStatus.Recorded).ToListAsync(cancellationToken);
            foreach (var decision in decisions.Where(TallyBook.Stands))
            {
                foreach (var u in Under(decision.ItemId)) TallyRules.Decision(sums, u, decision, 1);
            }

            foreach (var votes in decisions.Where(TallyBook.Stands).Where(TallyBook.IsVote).GroupBy(d => d.ItemId))
            {
                foreach (var u in Under(votes.Key)) TallyRules.Votes(sums, u, votes.Select(TallyBook.VoteOf), 1);
            }

            after = last;
        }
    }

    private static TallyKey KeyOf(Tally t) => new(t.ProjectId, t.Kind, t.Hour, t.UserId, t.OtherId, t.Source, t.Outcome, t.Label, t.Other);
}

/// <summary>The run that counts the tallies of a project anew.</summary>
internal sealed class RecountHandler(TallyRecount recount) : IRunHandler
{
    public const string RunKind = "recount";

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var differences = await recount.RepairAsync(run.ProjectId, cancellationToken);
        await run.CheckpointAsync(_ => Task.CompletedTask, null, message: differences == 0 ? "All counts were right." : $"{differences} counts were put right.", cancellationToken: cancellationToken);
    }
}
