using Annotator.Core.Items;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality.Tallies;

/// <summary>What a transaction changes in the tallies of the dashboards: told of facts as they are written, it writes the sums at the commit.</summary>
public sealed class TallyBook
{
    private const int Part = 500;

    private readonly TallySums _sums = new();

    // The same once more for the slices of the item, known at the commit.
    private readonly List<(long Project, long Item, Action<TallySums, long> Add)> _notes = [];
    private readonly Dictionary<(long Project, long Item), List<Decision>> _given = [];
    private readonly Dictionary<(long Project, long Item), List<Decision>> _taken = [];

    /// <summary>Notes decisions that are stored by this transaction; those that do not count are left out.</summary>
    public void Decided(IEnumerable<Decision> decisions)
    {
        foreach (var decision in decisions)
        {
            if (!Stands(decision)) continue;
            TallyRules.Decision(_sums, decision.ProjectId, decision, 1);
            _notes.Add((decision.ProjectId, decision.ItemId, (sums, slice) => TallyRules.Decision(sums, slice, decision, 1)));
            if (IsVote(decision)) Of(_given, decision).Add(decision);
        }
    }

    /// <summary>Notes decisions that were stored before and are taken back by this transaction.</summary>
    public void TakenBack(IEnumerable<Decision> decisions)
    {
        foreach (var decision in decisions)
        {
            if (decision.Status != DecisionStatus.Recorded || decision.Action == DecisionAction.Undo) continue;
            TallyRules.Decision(_sums, decision.ProjectId, decision, -1);
            _notes.Add((decision.ProjectId, decision.ItemId, (sums, slice) => TallyRules.Decision(sums, slice, decision, -1)));
            if (IsVote(decision)) Of(_taken, decision).Add(decision);
        }
    }

    /// <summary>Notes an item that has just been stored.</summary>
    public void Stored(long projectId, long itemId) => _notes.Add((projectId, itemId, TallyRules.Item));

    /// <summary>Notes the label that an item gets, or loses.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="itemId">The item.</param>
    /// <param name="value">The label as canonical JSON; null: none.</param>
    /// <param name="source">Where it comes from.</param>
    /// <param name="at">When it was decided.</param>
    /// <param name="sign">1 for a label that is there now, -1 for one that was.</param>
    public void Labelled(long projectId, long itemId, string? value, LabelSource? source, DateTimeOffset? at, int sign)
    {
        if (value is null) return;
        TallyRules.Label(_sums, projectId, value, source, at, sign);
        _notes.Add((projectId, itemId, (sums, slice) => TallyRules.Label(sums, slice, value, source, at, sign)));
    }

    /// <summary>Whether a decision counts.</summary>
    internal static bool Stands(Decision decision) => decision is { Status: DecisionStatus.Recorded, UndoneById: null } && decision.Action != DecisionAction.Undo;

    /// <summary>Whether a decision is a label of a person.</summary>
    internal static bool IsVote(Decision decision) => decision is { UserId: not null, Value: not null, Action: DecisionAction.Accept or DecisionAction.Correct or DecisionAction.Import };

    internal static StandingVote VoteOf(Decision d) => new(d.Id, d.UserId!.Value, d.Value!, d.CreatedAt, d.Action == DecisionAction.Import);

    internal async Task WriteAsync(WriteScope scope)
    {
        var slices = await SlicesAsync(scope);
        if (slices.Count > 0)
        {
            foreach (var (project, item, add) in _notes)
            {
                foreach (var slice in slices.GetValueOrDefault((project, item)) ?? []) add(_sums, slice);
            }
        }

        await CompareAsync(scope, slices);
        var rows = _sums.Rows();
        if (rows.Count > 0) await scope.Dialect.AddAsync(scope.Db, rows, scope.CancellationToken);
    }

    // The votes of an item as they are now tell, with what this transaction gave and took, how they were before.
    private async Task CompareAsync(WriteScope scope, Dictionary<(long Project, long Item), List<long>> slices)
    {
        foreach (var project in _given.Keys.Concat(_taken.Keys).Distinct().GroupBy(k => k.Project))
        {
            foreach (var part in project.Select(k => k.Item).Chunk(Part))
            {
                var rows = await scope.Db.Decisions.AsNoTracking()
                    .Where(d => d.ProjectId == project.Key && part.Contains(d.ItemId) && d.UserId != null && d.Value != null && d.UndoneById == null && d.Status == DecisionStatus.Recorded
                        && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct || d.Action == DecisionAction.Import))
                    .Select(d => new { d.ItemId, Vote = new StandingVote(d.Id, d.UserId!.Value, d.Value!, d.CreatedAt, d.Action == DecisionAction.Import) }).ToListAsync(scope.CancellationToken);
                var now = rows.ToLookup(r => r.ItemId, r => r.Vote);
                foreach (var item in part)
                {
                    var given = _given.GetValueOrDefault((project.Key, item))?.Select(d => d.Id).ToHashSet() ?? [];
                    var taken = _taken.GetValueOrDefault((project.Key, item)) ?? [];
                    List<StandingVote> before = [.. now[item].Where(v => !given.Contains(v.DecisionId)), .. taken.Select(VoteOf)];
                    foreach (var under in (slices.GetValueOrDefault((project.Key, item)) ?? []).Prepend(project.Key))
                    {
                        TallyRules.Votes(_sums, under, before, -1);
                        TallyRules.Votes(_sums, under, now[item], 1);
                    }
                }
            }
        }
    }

    // The slices of all items that were noted; nothing is read of them in projects without slices.
    private async Task<Dictionary<(long Project, long Item), List<long>>> SlicesAsync(WriteScope scope)
    {
        var found = new Dictionary<(long Project, long Item), List<long>>();
        var projects = _notes.Select(n => n.Project).Distinct().ToList();
        if (projects.Count == 0) return found;
        var slices = await scope.Db.Set<Slice>().AsNoTracking().Where(s => projects.Contains(s.ProjectId)).ToListAsync(scope.CancellationToken);
        foreach (var ofProject in slices.GroupBy(s => s.ProjectId))
        {
            List<Slice> all = [.. ofProject];
            var pairs = all.ConvertAll(s => (s.Field, s.Value));
            foreach (var part in _notes.Where(n => n.Project == ofProject.Key).Select(n => n.Item).Distinct().Chunk(Part))
            {
                var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == ofProject.Key && part.Contains(i.Id) && i.Metadata != null).Select(i => new { i.Id, i.Metadata }).ToListAsync(scope.CancellationToken);
                foreach (var item in items)
                {
                    List<long> of = [.. Slices.Of(item.Metadata, all, pairs)];
                    if (of.Count > 0) found[(ofProject.Key, item.Id)] = of;
                }
            }
        }

        return found;
    }

    private static List<Decision> Of(Dictionary<(long Project, long Item), List<Decision>> lists, Decision decision)
    {
        if (!lists.TryGetValue((decision.ProjectId, decision.ItemId), out var list)) lists[(decision.ProjectId, decision.ItemId)] = list = [];
        return list;
    }
}
