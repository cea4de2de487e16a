using Annotator.Core.Edge;

namespace Annotator.Tests.Edge;

/// <summary>Which devices get a rollout, and what becomes of it.</summary>
public sealed class RolloutRulesTests
{
    private static readonly DateTimeOffset s_start = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly EdgeSettings s_settings = new() { Stages = [10, 50, 100], StageSeconds = 60, MostErrors = 0.05 };

    [Fact]
    public void A_larger_share_has_all_of_a_smaller_one_none_is_empty_and_each_rollout_begins_elsewhere()
    {
        var devices = Enumerable.Range(1, 200).Select(i => (long)i).ToList();
        Assert.Equal(20, RolloutRules.Chosen(4, 10, devices).Count);
        Assert.True(RolloutRules.Chosen(4, 10, devices).IsSubsetOf(RolloutRules.Chosen(4, 50, devices)));
        Assert.Equal(200, RolloutRules.Chosen(4, 100, devices).Count);
        Assert.Single(RolloutRules.Chosen(4, 1, [9]));
        Assert.False(RolloutRules.Chosen(4, 10, devices).SetEquals(RolloutRules.Chosen(5, 10, devices)));
    }

    [Fact]
    public void It_goes_on_after_its_time_where_a_device_has_it()
    {
        var rollout = Rollout(percent: 10);
        RolloutDevice[] without = [.. Enumerable.Range(1, 20).Select(i => new RolloutDevice(i, 4, 100, 0, false))];
        RolloutDevice[] with = [new(50, 5, 3, 0, false), .. without];
        Assert.Equal(10, RolloutRules.Judge(rollout, with, s_settings, s_start.AddSeconds(59)).Percent);
        Assert.Equal(10, RolloutRules.Judge(rollout, without, s_settings, s_start.AddHours(9)).Percent);
        Assert.Equal(50, RolloutRules.Judge(rollout, with, s_settings, s_start.AddSeconds(60)).Percent);
        Assert.Equal(10, RolloutRules.Judge(Rollout(percent: 10, automatic: false), with, s_settings, s_start.AddHours(9)).Percent);
    }

    [Fact]
    public void Errors_take_it_back_and_one_broken_item_does_not()
    {
        var rollout = Rollout(percent: 50);
        Assert.Null(RolloutRules.Judge(rollout, [new(1, 5, 10, 1, false)], s_settings, s_start).Back);
        Assert.Null(RolloutRules.Judge(rollout, [new(1, 5, 99, 1, false)], s_settings, s_start).Back);
        Assert.NotNull(RolloutRules.Judge(rollout, [new(1, 5, 90, 10, false)], s_settings, s_start).Back);

        // Errors under another version say nothing of this one.
        Assert.Null(RolloutRules.Judge(rollout, [new(1, 4, 90, 10, false)], s_settings, s_start).Back);
        Assert.NotNull(RolloutRules.Judge(Rollout(percent: 100), [new(1, 4, 0, 0, true), new(2, 4, 0, 0, false)], s_settings, s_start).Back);
    }

    private static EdgeRollout Rollout(int percent, bool automatic = true) => new() { ProjectId = 1, Serial = 5, Version = 9, BaseSerial = 4, Percent = percent, State = RolloutState.Rolling, Automatic = automatic, StageSince = s_start };
}
