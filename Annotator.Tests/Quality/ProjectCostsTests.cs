using Annotator.Core.Quality;

namespace Annotator.Tests.Quality;

/// <summary>What labels cost beside labelling everything by hand.</summary>
public class ProjectCostsTests
{
    [Fact]
    public void Spared_CountsWhatPeopleDidNotDecide()
    {
        var costs = new ProjectCosts(Decisions: 200, Timed: 100, Seconds: 300, SecondsEach: 3, Money: 0, Labels: 1_000, ByHandDecisions: 1_000);
        Assert.Equal(0.8, costs.Spared!.Value, 10);
        Assert.Equal(3_000, costs.ByHandSeconds);
        Assert.Equal(600, costs.PeopleSeconds);
    }

    [Fact]
    public void Spared_MoreDecisionsThanLabels_IsNothing() =>
        Assert.Equal(0, new ProjectCosts(50, 0, 0, null, 0, 40, 40).Spared);

    [Fact]
    public void Spared_NoLabelYet_IsUnknown()
    {
        var costs = new ProjectCosts(3, 3, 9, null, 0, 0, 0);
        Assert.Null(costs.Spared);
        Assert.Null(costs.PeopleSeconds);
    }
}
