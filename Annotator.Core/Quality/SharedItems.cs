using System.Collections.Concurrent;
using Annotator.Core.Labels;
using Annotator.Core.Quality.Agreement;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>What one person said of an item.</summary>
/// <param name="UserId">Who; 0 for the label that came with the data and names nobody.</param>
/// <param name="Value">The label, as canonical JSON.</param>
/// <param name="Audit">Whether it was given blind, for the audit.</param>
internal readonly record struct Vote(long UserId, string Value, bool Audit);

/// <summary>
/// The labels of items that several people decided, kept in memory and brought up to date by the decisions made since: after the first look a new
/// decision costs reading its item, whatever the size of the project. Decisions that stand count, those that came with the data included.
/// </summary>
public sealed class SharedItems(AnnotatorDatabase database)
{
    // Processes number their decisions from blocks of their own: so many blocks may be in use, each filled nearly in order.
    private const int BlocksWatched = 32;
    private const int LookBack = 256;
    private const int Part = 500;

    private readonly ConcurrentDictionary<long, Entry> _projects = new();

    /// <summary>Computes something from the votes, at most once per change; the votes of an item are of different people.</summary>
    internal Task<T> ComputeAsync<T>(long projectId, Func<IReadOnlyCollection<Vote[]>, T> compute, CancellationToken cancellationToken)
        where T : class? => ComputeByItemAsync(projectId, "", votes => compute((IReadOnlyCollection<Vote[]>)votes.Values), cancellationToken);

    /// <summary>Computes something from the votes by item, at most once per change and variant.</summary>
    internal Task<T> ComputeByItemAsync<T>(long projectId, string variant, Func<IReadOnlyDictionary<long, Vote[]>, T> compute, CancellationToken cancellationToken)
        where T : class? => ComputeAsync(projectId, variant, (votes, _) => compute(votes), cancellationToken);

    /// <summary>
    /// Computes something from the votes and the final labels by item, at most once per change and variant. The labels are those at the last vote on an item: what is shown of them
    /// is to be read once more.
    /// </summary>
    internal async Task<T> ComputeAsync<T>(long projectId, string variant, Func<IReadOnlyDictionary<long, Vote[]>, IReadOnlyDictionary<long, string>, T> compute, CancellationToken cancellationToken)
        where T : class?
    {
        var entry = _projects.GetOrAdd(projectId, _ => new Entry());
        await entry.Gate.WaitAsync(cancellationToken);
        try
        {
            try
            {
                if (await RefreshAsync(projectId, entry, cancellationToken)) entry.Computed.Clear();
            }
            catch
            {
                // Half brought up to date: begin anew next time.
                entry.Seen = null;
                entry.Votes.Clear();
                entry.Labels.Clear();
                entry.Computed.Clear();
                throw;
            }

            if (entry.Computed.TryGetValue((typeof(T), variant), out var known)) return (T)known!;
            var value = await Task.Run(() => compute(entry.Votes, entry.Labels), cancellationToken);
            entry.Computed[(typeof(T), variant)] = value;
            return value;
        }
        finally
        {
            entry.Gate.Release();
        }
    }

    private async Task<bool> RefreshAsync(long projectId, Entry entry, CancellationToken cancellationToken)
    {
        var first = entry.Seen is null;
        var changed = await NewAsync(projectId, entry, cancellationToken);
        if (first)
        {
            changed = await database.ReadAsync(
                db => db.Decisions.Where(d => d.ProjectId == projectId && d.Value != null && d.UndoneById == null && d.Status == DecisionStatus.Recorded)
                    .GroupBy(d => d.ItemId).Where(g => g.Count() > 1).Select(g => g.Key).ToListAsync(cancellationToken),
                cancellationToken);
        }

        var difference = false;
        foreach (var part in changed.Distinct().Chunk(Part)) difference |= await LoadAsync(projectId, entry, part, cancellationToken);
        return difference;
    }

    // Items of the decisions made since the last look; by ranges of the key alone, so that nothing else is read.
    private Task<List<long>> NewAsync(long projectId, Entry entry, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var seen = entry.Seen ?? [];
            var changed = new List<long>();
            var end = await db.IdBlocks.Where(b => b.Name == "decision").Select(b => b.Next).SingleAsync(cancellationToken);
            var last = (end - 2) / IdAllocator.BlockSize;
            for (var block = Math.Max(0, last - BlocksWatched + 1); block <= last; block++)
            {
                var (from, to) = ((block * IdAllocator.BlockSize) + 1, ((block + 1) * IdAllocator.BlockSize) + 1);
                if (!seen.TryGetValue(block, out var before))
                {
                    // At the first look only the newest ones are of use: all items are looked at anyway.
                    var newest = entry.Seen is null ? await db.Decisions.Where(d => d.Id >= from && d.Id < to).MaxAsync(d => (long?)d.Id, cancellationToken) ?? from : from;
                    before = (newest, []);
                }

                var after = Math.Max(from - 1, before.Newest - LookBack);
                var rows = await db.Decisions.Where(d => d.Id > after && d.Id < to).OrderBy(d => d.Id).Select(d => new { d.Id, d.ProjectId, d.ItemId }).ToListAsync(cancellationToken);
                changed.AddRange(rows.Where(r => r.ProjectId == projectId && !before.Recent.Contains(r.Id)).Select(r => r.ItemId));
                var top = rows.Count == 0 ? before.Newest : rows[^1].Id;
                seen[block] = (top, [.. rows.Where(r => r.Id > top - LookBack).Select(r => r.Id)]);
            }

            entry.Seen = seen;
            return changed;
        },
        cancellationToken);

    private async Task<bool> LoadAsync(long projectId, Entry entry, long[] items, CancellationToken cancellationToken)
    {
        var (rows, labels) = await database.ReadAsync(
            async db => (await db.Decisions
                .Where(d => d.ProjectId == projectId && items.Contains(d.ItemId) && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.Value != null
                    && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct || d.Action == DecisionAction.Import))
                .OrderBy(d => d.Id).Select(d => new { d.ItemId, d.UserId, d.Value, d.Audit, d.Blind }).ToListAsync(cancellationToken),
                await db.Items.Where(i => i.ProjectId == projectId && items.Contains(i.Id) && i.LabelValue != null).Select(i => new { i.Id, i.LabelValue }).ToDictionaryAsync(i => i.Id, i => i.LabelValue!, cancellationToken)),
            cancellationToken);
        var difference = false;
        var votes = rows.GroupBy(r => r.ItemId).ToDictionary(
            g => g.Key, g => g.GroupBy(r => r.UserId ?? 0).Select(u => u.Last()).Select(r => new Vote(r.UserId ?? 0, entry.Shared(r.Value!), r.Audit && r.Blind)).ToArray());
        foreach (var item in items)
        {
            var now = votes.GetValueOrDefault(item);
            difference |= Relabel(entry, item, now is { Length: > 1 } ? labels.GetValueOrDefault(item) : null);
            var had = entry.Votes.TryGetValue(item, out var before);
            if (now is { Length: > 1 })
            {
                if (had && before!.AsSpan().SequenceEqual(now)) continue;
                entry.Votes[item] = now;
                difference = true;
            }
            else if (had)
            {
                entry.Votes.Remove(item);
                difference = true;
            }
        }

        return difference;
    }

    private static bool Relabel(Entry entry, long item, string? label)
    {
        if (label is null) return entry.Labels.Remove(item);
        if (entry.Labels.TryGetValue(item, out var before) && string.Equals(before, label, StringComparison.Ordinal)) return false;
        entry.Labels[item] = entry.Shared(label);
        return true;
    }

    private sealed class Entry
    {
        private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

        public SemaphoreSlim Gate { get; } = new(1, 1);

        /// <summary>Of each block of numbers: the greatest seen and those shortly before it.</summary>
        public Dictionary<long, (long Newest, HashSet<long> Recent)>? Seen { get; set; }

        public SortedDictionary<long, Vote[]> Votes { get; } = [];

        public Dictionary<long, string> Labels { get; } = [];

        public Dictionary<(Type Type, string Variant), object?> Computed { get; } = [];

        /// <summary>One string for equal labels: most items have one of a few.</summary>
        public string Shared(string value)
        {
            if (_values.TryGetValue(value, out var known)) return known;
            if (_values.Count < 10_000) _values[value] = value;
            return value;
        }
    }
}

/// <summary>Agreement of the people of a project.</summary>
internal static class TeamAgreement
{
    /// <summary>With more labels than these, tables of all pairs of labels are not made.</summary>
    public const int MostCategories = 2_000;

    private const long BootstrapWork = 20_000_000;

    /// <summary>The figures; null where no two people decided the same item.</summary>
    public static AgreementMetrics? Of(IReadOnlyCollection<Vote[]> items)
    {
        if (items.SelectMany(i => i).FirstOrDefault() is { Value: { } any } && LabelLikeness.IsDrawn(any))
        {
            IReadOnlyList<IReadOnlyList<string>> drawn = [.. items.Select(i => i.Where(v => v.UserId != 0).Select(v => v.Value).ToList()).Where(v => v.Count > 1)];
            return drawn.Count == 0 ? null : DrawnAgreement.Of(drawn);
        }

        if (RatingsOf(items) is not { } ratings) return null;

        // The table of coincidences of labels that hardly repeat would be larger than it is worth.
        var countable = ratings.Categories <= MostCategories;
        var alpha = countable ? Krippendorff.Alpha(ratings) : null;
        var resamples = (int)Math.Clamp(BootstrapWork / ratings.Count, 0, 500);
        var interval = alpha is { } a && ratings.Units >= 10 && resamples >= 50 ? Bootstrap.Of(a, random => Krippendorff.Alpha(ratings.Resample(random)), resamples) : null;
        return new AgreementMetrics(
            countable ? Kappa.CohenPairwise(ratings) : null, Kappa.Fleiss(ratings), alpha, Kappa.Percent(ratings), Kappa.GwetAc1(ratings), interval, ratings.Units, ratings.Count);
    }

    /// <summary>The labels of items that two people or more decided, as numbers; null where there are none.</summary>
    public static Ratings? RatingsOf(IReadOnlyCollection<Vote[]> items)
    {
        List<int> units = [], raters = [], categories = [];
        var people = new Dictionary<long, int>();
        var values = new Dictionary<string, int>(StringComparer.Ordinal);
        var unit = 0;
        foreach (var votes in items)
        {
            if (votes.Count(v => v.UserId != 0) < 2) continue;
            foreach (var vote in votes.Where(v => v.UserId != 0))
            {
                units.Add(unit);
                raters.Add(Number(people, vote.UserId));
                categories.Add(Number(values, vote.Value));
            }

            unit++;
        }

        return unit == 0 ? null : Ratings.Create(units.ToArray(), raters.ToArray(), categories.ToArray(), unit, people.Count, values.Count);
    }

    private static int Number<T>(Dictionary<T, int> numbers, T key)
        where T : notnull
    {
        if (!numbers.TryGetValue(key, out var number)) numbers[key] = number = numbers.Count;
        return number;
    }
}
