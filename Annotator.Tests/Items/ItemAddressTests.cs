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

    [Fact]
    public void PartOfADashboard_GoesIntoTheAddressOfItsItems()
    {
        var items = new Web.Quality.QualityAddress(7, "models", Period: "7d", Label: "a", By: 3, Source: LabelSource.Student, Slice: "lang=ko").Items with { Shown = "a", Given = "b" };
        Assert.Equal("/projects/7/items?shown=a&given=b&by=3&about=a&shownBy=student&slice=lang%3Dko&period=7d", items.ToString());
        var now = new DateTimeOffset(2026, 3, 10, 15, 0, 0, TimeSpan.Zero);
        var filter = items.FilterAt(now);
        Assert.Equal(("lang", "ko"), (filter.Slice!.Field, filter.Slice.Value));
        Assert.Equal((new DateTimeOffset(2026, 3, 3, 0, 0, 0, TimeSpan.Zero), null, LabelSource.Student), (filter.Decided!.From, filter.Decided.To, filter.Decided.ShownBy));

        // Where nothing else of decisions is asked for, the time is that of the label.
        var labelled = new Web.Quality.QualityAddress(7, From: new DateOnly(2026, 3, 1), To: new DateOnly(2026, 3, 2)).Labelled("a").FilterAt(now);
        Assert.Null(labelled.Decided);
        Assert.Equal((new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2026, 3, 3, 0, 0, 0, TimeSpan.Zero)), (labelled.LabelledFrom!.Value, labelled.LabelledTo!.Value));
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
