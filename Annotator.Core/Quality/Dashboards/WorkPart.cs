using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality.Dashboards;

/// <summary>
/// A part of a project's work read from the facts themselves, for what the tallies are not kept by: metadata that are no slice of the settings, labels by annotator,
/// agreement by source and the like. Bounded: the newest items that belong to the part, of the newest decisions.
/// </summary>
internal sealed class WorkPart
{
    /// <summary>Items of a part at the most.</summary>
    public const int MostItems = 5_000;

    // Decisions, and items, that are looked through for those of the part, newest first.
    private const int MostLookedAt = 200_000;
    private const int Part = 1_000;

    private readonly DashboardFilter _filter;
    private readonly bool _contains;
    private readonly List<(long Id, string? Label, LabelSource? Source, DateTimeOffset? At)> _items = [];
    private readonly HashSet<long> _predicted;
    private readonly ILookup<long, Decision> _decisions;

    private WorkPart(DashboardFilter filter, bool contains, List<(long Id, string? Label, LabelSource? Source, DateTimeOffset? At)> items, HashSet<long> predicted, List<Decision> decisions, bool whole) =>
        (_filter, _contains, _items, _predicted, _decisions, Whole) = (filter, contains, items, predicted, decisions.ToLookup(d => d.ItemId), whole);

    /// <summary>Items that were counted.</summary>
    public int Items => _items.Count;

    /// <summary>Whether these are all of the part.</summary>
    public bool Whole { get; }

    /// <summary>Whether a label is asked for that is one of several, or of shapes, in a value: the tallies know whole values only.</summary>
    public static bool AsksWithin(Project project, DashboardFilter filter) => filter.Label is not null && (project.Schema.Multiple || project.Schema.Type != TaskType.Classification);

    /// <summary>Reads a part.</summary>
    public static async Task<WorkPart> ReadAsync(AnnotatorDbContext db, Project project, DashboardFilter filter, CancellationToken cancellationToken)
    {
        var contains = AsksWithin(project, filter);
        var items = (filter.Slice is { } slice ? SliceFilter.Of(db, slice) : db.Items).Where(i => i.ProjectId == project.Id);
        var byDecisions = filter.UserId is not null || filter.Source is not null || filter.Label is not null || (filter.Slice is null && (filter.From is not null || filter.To is not null));
        var whole = true;
        List<long> ids;
        HashSet<long> predicted = [];
        if (byDecisions)
        {
            var floor = await db.Decisions.Where(d => d.ProjectId == project.Id).OrderByDescending(d => d.Id).Skip(MostLookedAt).Select(d => d.Id).FirstOrDefaultAsync(cancellationToken);
            whole = floor == 0;
            var decisions = Matching(db.Decisions.Where(d => d.ProjectId == project.Id && d.Id > floor), filter, contains);
            if (filter.Slice is not null) decisions = decisions.Where(d => items.Any(i => i.Id == d.ItemId));
            ids = [.. (await decisions.OrderByDescending(d => d.Id).Select(d => d.ItemId).Take((2 * MostItems) + 1).ToListAsync(cancellationToken)).Distinct()];
            if (filter is { Source: { } source, UserId: null })
            {
                // What a model labelled and nobody looked at belongs to its part as well.
                var lowest = await db.Items.Where(i => i.ProjectId == project.Id).OrderByDescending(i => i.Id).Skip(MostLookedAt).Select(i => i.Id).FirstOrDefaultAsync(cancellationToken);
                whole &= lowest == 0;
                predicted = [.. await items.Where(i => i.Id > lowest && i.PredictionSource == source && i.LabelValue != null).OrderByDescending(i => i.Id).Select(i => i.Id).Take(MostItems + 1).ToListAsync(cancellationToken)];
                ids = [.. ids.Union(predicted)];
            }
        }
        else
        {
            ids = await items.OrderByDescending(i => i.Id).Select(i => i.Id).Take(MostItems + 1).ToListAsync(cancellationToken);
        }

        if (ids.Count > MostItems) (ids, whole) = (ids.GetRange(0, MostItems), false);
        ids.Sort();
        var found = new List<(long Id, string? Label, LabelSource? Source, DateTimeOffset? At)>(ids.Count);
        var standing = new List<Decision>();
        foreach (var part in ids.Chunk(Part))
        {
            found.AddRange((await db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && part.Contains(i.Id)).Select(i => new { i.Id, i.LabelValue, i.LabelSource, i.DecidedAt }).ToListAsync(cancellationToken))
                .Select(i => (i.Id, i.LabelValue, i.LabelSource, i.DecidedAt)));
            standing.AddRange(await db.Decisions.AsNoTracking().Where(d => d.ProjectId == project.Id && part.Contains(d.ItemId) && d.UndoneById == null && d.Status == DecisionStatus.Recorded).ToListAsync(cancellationToken));
        }

        return new WorkPart(filter, contains, found, predicted, standing.FindAll(TallyBook.Stands), whole);
    }

    /// <summary>The part as the tallies would hold it; what a filter says of time is left to the reader, as there.</summary>
    public List<Tally> Count(long under)
    {
        var sums = new TallySums();
        var pairs = new TallySums();
        var first = new TallySums();
        foreach (var (id, label, source, at) in _items)
        {
            var own = _decisions[id].ToList();
            var mine = own.FindAll(Matches);
            TallyRules.Item(sums, under);
            if (mine.Count > 0 || _predicted.Contains(id) || (_filter.UserId is null && _filter.Source is null)) Label(sums, under, label, source, at);
            foreach (var decision in mine) TallyRules.Decision(sums, under, decision, 1);

            // Who decided more than once counts with the last; a pair belongs to the part as far as the filter speaks of it.
            var votes = own.FindAll(TallyBook.IsVote).GroupBy(d => d.UserId).Select(g => g.MaxBy(d => d.Id)!).OrderBy(d => d.Id).ToList();
            if (_filter is { UserId: null, Source: null, Label: null })
            {
                TallyRules.Votes(sums, under, votes.Select(TallyBook.VoteOf), 1);
                continue;
            }

            var weighed = votes.FindAll(v => _filter.Source is null || v.ShownSource == _filter.Source);
            for (var i = 0; i < weighed.Count; i++)
            {
                for (var j = i + 1; j < weighed.Count; j++)
                {
                    if (_filter.UserId is { } user && weighed[i].UserId != user && weighed[j].UserId != user) continue;
                    if (_filter.Label is not null && !HasLabel(weighed[i].Value) && !HasLabel(weighed[j].Value)) continue;
                    TallyRules.Votes(pairs, under, [TallyBook.VoteOf(weighed[i]), TallyBook.VoteOf(weighed[j])], 1);
                }
            }

            var looked = votes.FindAll(v => v.Action != DecisionAction.Import);
            if (looked.Count > 1 && Matches(looked[0])) TallyRules.Votes(first, under, looked.Take(2).Select(TallyBook.VoteOf), 1);
        }

        return [.. sums.Rows(), .. pairs.Rows().Where(r => r.Kind is TallyKind.People or TallyKind.PeopleLabels or TallyKind.Coincidences), .. first.Rows().Where(r => r.Kind == TallyKind.FirstPass)];
    }

    /// <summary>What people said of the items of the part, in its time; those with several labels.</summary>
    public IReadOnlyDictionary<long, Vote[]> Votes()
    {
        var found = new SortedDictionary<long, Vote[]>();
        foreach (var (id, _, _, _) in _items)
        {
            var votes = _decisions[id].Where(d => TallyBook.IsVote(d) && (_filter.Source is null || d.ShownSource == _filter.Source) && (_filter.From is null || d.CreatedAt >= _filter.From) && (_filter.To is null || d.CreatedAt < _filter.To))
                .GroupBy(d => d.UserId!.Value).Select(g => g.MaxBy(d => d.Id)!).OrderBy(d => d.Id).Select(d => new Vote(d.UserId!.Value, d.Value!, d.Audit && d.Blind)).ToArray();
            if (votes.Length > 1) found[id] = votes;
        }

        return found;
    }

    /// <summary>
    /// All that was said of the items of the part, the label that came with the data included (of nobody, 0); each with whether it is of the part itself, its time included.
    /// </summary>
    public IEnumerable<(Vote Vote, DateTimeOffset At, bool Counts)[]> Compared()
    {
        foreach (var (id, _, _, _) in _items)
        {
            var votes = _decisions[id].Where(d => d.Value is not null && d.Action is DecisionAction.Accept or DecisionAction.Correct or DecisionAction.Import)
                .GroupBy(d => d.UserId ?? 0).Select(g => g.MaxBy(d => d.Id)!).OrderBy(d => d.Id)
                .Select(d => (new Vote(d.UserId ?? 0, d.Value!, d.Audit && d.Blind), d.CreatedAt, d.UserId is not null && Matches(d) && (_filter.From is null || d.CreatedAt >= _filter.From) && (_filter.To is null || d.CreatedAt < _filter.To)))
                .ToArray();
            if (votes.Length > 0) yield return votes;
        }
    }

    private void Label(TallySums sums, long under, string? label, LabelSource? source, DateTimeOffset? at)
    {
        if (_filter.Label is null || label is null)
        {
            TallyRules.Label(sums, under, label, source, at, 1);
            return;
        }

        if (!LabelJson.Read(label).LabelNames.Contains(_filter.Label, StringComparer.Ordinal)) return;
        TallyRules.Label(sums, under, LabelJson.Write(new ChoiceValue(_filter.Label)), source, at, 1);
    }

    private bool Matches(Decision d) =>
        (_filter.UserId is null || d.UserId == _filter.UserId) && (_filter.Source is null || (d.ShownValue is not null && d.ShownSource == _filter.Source)) && (_filter.Label is null || HasLabel(d.Value) || HasLabel(d.ShownValue));

    private bool HasLabel(string? value) => value is not null
        && (_contains ? LabelJson.Read(value).LabelNames.Contains(_filter.Label!, StringComparer.Ordinal) : string.Equals(TallyRules.LabelOf(value), _filter.Label, StringComparison.Ordinal));

    // The same as above, asked of the database; texts within values may say a little more, which is sorted out afterwards.
    private static IQueryable<Decision> Matching(IQueryable<Decision> decisions, DashboardFilter filter, bool contains)
    {
        var some = decisions.Where(d => d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.UserId != null && d.Action != DecisionAction.Undo);
        if (filter.UserId is { } user) some = some.Where(d => d.UserId == user);
        if (filter.Source is { } source) some = some.Where(d => d.ShownSource == source);
        if (filter.From is { } from) some = some.Where(d => d.CreatedAt >= from);
        if (filter.To is { } to) some = some.Where(d => d.CreatedAt < to);
        if (filter.Label is not { } label) return some;
        var one = LabelJson.Write(new ChoiceValue(label));
        var quoted = one["{\"choice\":".Length..^1];
        return contains
            ? some.Where(d => (d.Value != null && d.Value.Contains(quoted)) || (d.ShownValue != null && d.ShownValue.Contains(quoted)))
            : some.Where(d => d.Value == one || d.ShownValue == one);
    }
}
