using Annotator.Core.Quality;
using Annotator.Core.Quality.Dashboards;

namespace Annotator.Tests.Quality.Dashboards;

/// <summary>What is pointed at stands out by more than chance and by enough to act on.</summary>
public class AttentionTests
{
    [Fact]
    public void WhoIsCertainlyBelowTheOthers_IsNamed_FarthestFirst()
    {
        var found = Attention.Below([("Ada", Of(190, 200)), ("Boram", Of(188, 200)), ("Lena", Of(120, 200)), ("Karl", Of(20, 200))]);
        Assert.Equal(["Karl", "Lena"], found.Select(f => f.Part));
        Assert.Equal((190 + 188 + 120) / 600.0, found[0].Others, 9);
    }

    [Theory]
    [InlineData(9, 20)] // too few cases
    [InlineData(176, 200)] // no less than chance brings
    [InlineData(9_150, 10_000)] // certain, and too little to act on
    public void WhatMayBeChance_OrMattersLittle_IsNotPointedAt(int right, int count) =>
        Assert.DoesNotContain(Attention.Below([("this", Of(right, count)), ("Ada", Of(1_880, 2_000)), ("Boram", Of(1_880, 2_000))]), f => f.Part is "this");

    [Fact]
    public void NobodyIsBelowWhereThereIsNobodyElse() => Assert.Empty(Attention.Below([("Ada", Of(10, 200)), ("Boram", new MeasuredShare(null, null, null, 0))]));

    private static MeasuredShare Of(int right, int count) => ProportionInterval.Wilson(right, count) is { } i ? new MeasuredShare(i.Estimate, i.Lower, i.Upper, count) : new MeasuredShare(null, null, null, 0);
}
