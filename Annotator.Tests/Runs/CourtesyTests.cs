using Annotator.Core.Runs;
using Microsoft.Extensions.Time.Testing;

namespace Annotator.Tests.Runs;

/// <summary>Background work rests while people are served, and only then.</summary>
public class CourtesyTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void NobodyThere_NoRest()
    {
        var courtesy = new Courtesy(_time);
        Assert.False(courtesy.SomebodyWorks);
        Assert.True(courtesy.RestAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken).IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData(20, 40)]
    [InlineData(5_000, 500)]
    public void SomebodyServed_RestsInProportion_ButNotForLong(int worked, int rests)
    {
        var courtesy = new Courtesy(_time);
        courtesy.Served();
        Assert.True(courtesy.SomebodyWorks);
        var rest = courtesy.RestAsync(TimeSpan.FromMilliseconds(worked), TestContext.Current.CancellationToken);
        _time.Advance(TimeSpan.FromMilliseconds(rests - 1));
        Assert.False(rest.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(rest.IsCompletedSuccessfully);
    }

    [Fact]
    public void SomebodyHasLeft_FullSpeedAgain()
    {
        var courtesy = new Courtesy(_time);
        courtesy.Served();
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.False(courtesy.SomebodyWorks);
        Assert.True(courtesy.RestAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken).IsCompletedSuccessfully);
    }
}
