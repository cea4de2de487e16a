using Annotator.Core.Items;
using Annotator.Web.Items;

namespace Annotator.Tests.Items;

/// <summary>The address of the page of items carries what it shows.</summary>
public class ItemAddressTests
{
    [Fact]
    public void Address_NamesOnlyWhatIsAskedFor_AndEscapesIt()
    {
        Assert.Equal("/projects/7/items", new ItemAddress(7).ToString());
        Assert.Equal(
            "/projects/7/items?state=final&label=a%20%26%20b&q=50%25&flagged=true&item=3",
            new ItemAddress(7, State: "final", Label: "a & b", Text: "50%", Flagged: true, Item: 3).ToString());
    }

    [Theory]
    [InlineData("final", ItemState.Final, false)]
    [InlineData("inReview", null, true)]
    [InlineData("nonsense", null, false)]
    public void Filter_KnowsTheStatesOfTheApi(string state, ItemState? expected, bool inReview)
    {
        var filter = new ItemAddress(7, State: state).FilterAt(DateTimeOffset.UnixEpoch);
        Assert.Equal(expected, filter.State);
        Assert.Equal(inReview, filter.InReview);
    }

    [Fact]
    public void IsFiltered_OpenItemAndPageAreNoFilter()
    {
        Assert.False(new ItemAddress(7, After: 5, Item: 6).IsFiltered);
        Assert.True(new ItemAddress(7, Group: 5).IsFiltered);
    }
}
