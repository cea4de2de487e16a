using Annotator.Core.Items;
using Annotator.Core.Labels;

namespace Annotator.Core.Learning.Steering;

/// <summary>The label that is proposed for an item, and how likely it is to be wrong.</summary>
/// <param name="Class">Its class.</param>
/// <param name="Value">Its value as canonical JSON.</param>
/// <param name="Risk">Probability that it is wrong.</param>
/// <param name="Source">Who proposes it.</param>
/// <param name="Version">Which version of it.</param>
/// <param name="Reason">Why a person would be asked.</param>
/// <param name="Follows">Whether the item takes the label of the first of its near-duplicate group, and so does not wait by itself.</param>
internal sealed record Proposal(int Class, string Value, double Risk, LabelSource Source, int Version, QueueReason Reason, bool Follows);

/// <summary>Proposals for the items of a project: near-duplicates get one, and labels that stand keep theirs.</summary>
internal sealed class Proposals
{
    private readonly SteeredItems _steered;
    private readonly string[] _values;
    private readonly Dictionary<long, Item> _leaders;
    private readonly Dictionary<long, Proposal?> _made = [];

    private Proposals(SteeredItems steered)
    {
        _steered = steered;
        _values = [.. steered.Names.Select(n => LabelJson.Write(new ChoiceValue(n)))];
        _leaders = steered.Items.Where(i => i.GroupId == i.Id).ToDictionary(i => i.Id);
    }

    public static Proposals Of(SteeredItems steered) => new(steered);

    /// <summary>The proposal for an item; null where its label is none of the schema's, so that only a person can say.</summary>
    public Proposal? Of(Item item)
    {
        if (!_made.TryGetValue(item.Id, out var proposal)) _made[item.Id] = proposal = Make(item);
        return proposal;
    }

    /// <summary>How much the models believe in a label of an item.</summary>
    public double BeliefIn(Item item, string value) => _steered.ClassOf(value) is >= 0 and var c ? _steered.View.Fused[_steered.RowOf(item.Id)][c] : 0;

    /// <summary>Whether a copy may wait for the first of its group: a group is asked about by the member that is most in doubt.</summary>
    /// <param name="item">A copy.</param>
    /// <param name="doubt">A copy of no more risk than this may always wait.</param>
    public bool MayWait(Item item, double doubt) =>
        Of(item) is { Follows: true, Risk: var risk } && (risk <= doubt || (_leaders.TryGetValue(item.GroupId!.Value, out var leader) && Of(leader) is { } first && first.Risk >= risk));

    private Proposal? Make(Item item)
    {
        var (view, row) = (_steered.View, _steered.RowOf(item.Id));
        var leader = item.GroupId is { } group && group != item.Id ? _leaders.GetValueOrDefault(group) : null;
        var follows = leader is not null && item.Votes == 0;
        if (item is { State: ItemState.Final, LabelValue: { } label })
        {
            if (_steered.ClassOf(label) is not (>= 0 and var standing)) return null;
            var risk = view.Proposals[row] == standing ? view.Risks[row] : Math.Clamp(1 - BeliefIn(item, label), 0.0005, 0.999);
            return New(standing, risk, row, QueueReason.TakenBack, follows);
        }

        var best = view.Proposals[row];
        var answer = _steered.Llm[row];
        var reason = answer >= 0 && answer != view.StudentClasses[row] ? QueueReason.Disagreement : QueueReason.Uncertain;
        return New(best, view.Risks[row], row, reason, follows);
    }

    private Proposal New(int best, double risk, int row, QueueReason reason, bool follows)
    {
        var byLlm = _steered.Llm[row] == best && _steered.View.StudentClasses[row] != best;
        return new Proposal(best, _values[best], risk, byLlm ? LabelSource.Llm : LabelSource.Student, _steered.StudentVersion, reason, follows);
    }
}
