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
/// <param name="TakesBack">Whether it is proposed in the place of a label that stands and is no longer believed.</param>
internal sealed record Proposal(int Class, string Value, double Risk, LabelSource Source, int Version, QueueReason Reason, bool Follows, bool TakesBack = false);

/// <summary>Proposals for the items of a project: near-duplicates get one, and labels that stand keep theirs while they are believed.</summary>
internal sealed class Proposals
{
    // An accepted label is taken back where the models have come to believe less than this in it.
    private const double TakeBackBelow = 0.5;

    // A copy that is wrong more often than this does not go with its group unseen. It stands in the queue by its risk, and is seen where that is worth it.
    private const double CopyDoubt = 0.1;

    private readonly SteeredItems _steered;
    private readonly bool _settled;
    private readonly string[] _values;
    private readonly Dictionary<long, Item> _leaders;
    private readonly Dictionary<long, Proposal?> _made = [];

    private Proposals(SteeredItems steered, bool settled)
    {
        (_steered, _settled) = (steered, settled);
        _values = [.. steered.Names.Select(n => LabelJson.Write(new ChoiceValue(n)))];
        _leaders = steered.Items.Where(i => i.GroupId == i.Id).ToDictionary(i => i.Id);
    }

    /// <summary>Makes them.</summary>
    /// <param name="steered">The items, and what the models say of them.</param>
    /// <param name="settled">Whether an audit has proved the labels that stand: then more is needed to take one back.</param>
    public static Proposals Of(SteeredItems steered, bool settled) => new(steered, settled);

    /// <summary>The proposal for an item; null where its label is none of the schema's, so that only a person can say.</summary>
    public Proposal? Of(Item item)
    {
        if (!_made.TryGetValue(item.Id, out var proposal)) _made[item.Id] = proposal = Make(item);
        return proposal;
    }

    /// <summary>Whether a copy may wait for the first of its group: a group is asked about by the member that is most in doubt.</summary>
    public bool MayWait(Item item) =>
        Of(item) is { Follows: true, Risk: var risk } && (risk <= CopyDoubt || (_leaders.TryGetValue(item.GroupId!.Value, out var leader) && Of(leader) is { } first && first.Risk >= risk));

    private Proposal? Make(Item item)
    {
        var (view, row) = (_steered.View, _steered.RowOf(item.Id));
        var leader = item.GroupId is { } group && group != item.Id ? _leaders.GetValueOrDefault(group) : null;
        var follows = leader is not null && item.Votes == 0;
        var takesBack = false;
        if (item is { State: ItemState.Final, LabelValue: { } label })
        {
            if (_steered.ClassOf(label) is not (>= 0 and var standing)) return null;
            var belief = view.Fused[row][standing];
            var risk = view.Proposals[row] == standing ? view.Risks[row] : Math.Clamp(1 - belief, 0.0005, 0.999);
            takesBack = item.LabelSource switch
            {
                LabelSource.Auto => belief < TakeBackBelow,
                // The first of a group has its label from another member too, where that one was asked about.
                LabelSource.Propagated => _settled ? belief < TakeBackBelow : risk > CopyDoubt,
                _ => false,
            };
            if (!takesBack) return New(standing, risk, row, QueueReason.TakenBack, follows);
        }

        var best = view.Proposals[row];
        var answer = _steered.Llm[row];
        var reason = takesBack ? QueueReason.TakenBack : answer >= 0 && answer != view.StudentClasses[row] ? QueueReason.Disagreement : QueueReason.Uncertain;
        return New(best, view.Risks[row], row, reason, follows) with { TakesBack = takesBack };
    }

    private Proposal New(int best, double risk, int row, QueueReason reason, bool follows)
    {
        var byLlm = _steered.Llm[row] == best && _steered.View.StudentClasses[row] != best;
        return new Proposal(best, _values[best], risk, byLlm ? LabelSource.Llm : LabelSource.Student, _steered.StudentVersion, reason, follows);
    }
}
