using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Routing;
using Annotator.Core.Learning.Steering;

namespace Annotator.Tests.Learning;

/// <summary>What is proposed for an item, where a label stands and where none does.</summary>
public sealed class ProposalsTests
{
    private const int Classes = 3;

    // What the models believe of the copy: the first class hardly, the second well.
    private static readonly float[] s_belief = [0.02f, 0.95f, 0.03f];

    [Fact]
    public void CopyWhoseLabelIsNotBelieved_IsTakenBack_AndTheModelsProposalStandsInItsPlace()
    {
        var (leader, copy) = Pair(LabelSource.Propagated, standing: 0);
        var proposals = Proposals.Of(Steered([leader, copy]), settled: false);
        var proposal = proposals.Of(copy)!;
        Assert.True(proposal.TakesBack);
        Assert.True(proposal.Follows);
        Assert.Equal((1, QueueReason.TakenBack), (proposal.Class, proposal.Reason));
        Assert.Equal(0.04, proposal.Risk, 1e-6);
    }

    [Fact]
    public void FirstOfAGroup_WhoseLabelCameFromACopy_IsTakenBackLikeAnyOther()
    {
        var (copy, leader) = Pair(LabelSource.Propagated, standing: 0);
        (copy.GroupId, leader.GroupId) = (2, 2);
        var proposal = Proposals.Of(Steered([copy, leader]), settled: false).Of(leader)!;
        Assert.True(proposal.TakesBack);
        Assert.False(proposal.Follows);
        Assert.Equal(1, proposal.Class);
    }

    [Theory]
    [InlineData(LabelSource.Propagated, 1, false)]
    [InlineData(LabelSource.Propagated, 1, true)]
    [InlineData(LabelSource.Auto, 1, true)]
    public void LabelThatIsBelieved_Stands(LabelSource source, int standing, bool settled)
    {
        var (leader, copy) = Pair(source, standing);
        var proposal = Proposals.Of(Steered([leader, copy]), settled).Of(copy)!;
        Assert.False(proposal.TakesBack);
        Assert.Equal((standing, 0.04), (proposal.Class, Math.Round(proposal.Risk, 6)));
    }

    [Theory]
    [InlineData(0.6f, false)]
    [InlineData(0.4f, true)]
    public void LabelThatAnAuditProved_IsTakenBackOnlyWhereItIsMoreLikelyWrongThanRight(float believed, bool taken)
    {
        var (leader, copy) = Pair(LabelSource.Propagated, standing: 1);
        var steered = Steered([leader, copy], [0, believed, 1 - believed], risk: 1 - believed);
        Assert.Equal(taken, Proposals.Of(steered, settled: true).Of(copy)!.TakesBack);
        Assert.True(Proposals.Of(steered, settled: false).Of(copy)!.TakesBack);
    }

    [Fact]
    public void LabelOfNoClass_IsForPeopleAlone()
    {
        var (leader, copy) = Pair(LabelSource.Auto, standing: 1);
        copy.LabelValue = LabelJson.Write(new ChoiceValue("gone"));
        Assert.Null(Proposals.Of(Steered([leader, copy]), settled: true).Of(copy));
    }

    private static (Item Leader, Item Copy) Pair(LabelSource source, int standing) => (
        new Item { ProjectId = 1, Id = 1, Key = "leader", GroupId = 1, State = ItemState.Queued },
        new Item { ProjectId = 1, Id = 2, Key = "copy", GroupId = 1, State = ItemState.Final, LabelSource = source, LabelValue = LabelJson.Write(new ChoiceValue($"c{standing}")) });

    private static SteeredItems Steered(IReadOnlyList<Item> items, float[]? belief = null, double risk = 0.04)
    {
        belief ??= s_belief;
        var best = Array.IndexOf(belief, belief.Max());
        var posterior = items.SelectMany(_ => belief).ToArray();
        var view = new SteeringView(null!, new FusedLabels(Classes, posterior, [], PoolPowers.First), [.. items.Select(_ => best)], [.. items.Select(_ => risk)], [.. items.Select(_ => best)], posterior, 0);
        return new SteeredItems(items, id => (int)id - 1, ["c0", "c1", "c2"], [.. items.Select(_ => -1)], view, 1, 0, 0);
    }
}
