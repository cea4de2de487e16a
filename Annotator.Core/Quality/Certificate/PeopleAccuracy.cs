namespace Annotator.Core.Quality.Certificate;

/// <summary>
/// How often people's own decisions are right, measured by gold items (whose label is known) and repeats (items shown to the same person, or to
/// another, again).
/// </summary>
/// <param name="Estimate">Estimated accuracy of one decision; 1 when nothing was measured.</param>
/// <param name="Lower">Lower bound, anytime-valid; 1 when nothing was measured, for then the certificate speaks of agreement with the reviewers only.</param>
/// <param name="Upper">Upper bound, anytime-valid together with the lower one; 1 when nothing was measured.</param>
/// <param name="Gold">Gold items answered.</param>
/// <param name="Repeats">Pairs of repeated decisions compared.</param>
public sealed record PeopleAccuracy(double Estimate, double Lower, double Upper, int Gold, int Repeats)
{
    /// <summary>Nothing was measured: the reviewers are the standard.</summary>
    public static PeopleAccuracy Unmeasured { get; } = new(1, 1, 1, 0, 0);

    /// <summary>Whether the accuracy was measured at all.</summary>
    public bool IsMeasured => Gold + Repeats > 0;

    /// <summary>Measures people.</summary>
    /// <remarks>
    /// Gold items count directly. A repeat that differs shows one wrong decision of two, so repeats alone give an estimate of 1 - d/2 for a share d of
    /// differing pairs; errors that a person makes both times stay unseen, so gold items, where there are at least 20, take precedence.
    /// </remarks>
    /// <param name="goldRight">Gold items answered rightly.</param>
    /// <param name="gold">Gold items answered.</param>
    /// <param name="repeatsSame">Pairs of decisions about the same item that agree.</param>
    /// <param name="repeats">Pairs compared.</param>
    /// <param name="alpha">Probability that the true value is ever outside the bounds.</param>
    /// <returns>The measured accuracy, or <see cref="Unmeasured"/> when both totals are 0.</returns>
    public static PeopleAccuracy Measure(int goldRight, int gold, int repeatsSame, int repeats, double alpha)
    {
        if (gold + repeats == 0) return Unmeasured;
        if (gold >= 20 || repeats == 0)
        {
            var direct = ProportionInterval.AnyTime(goldRight, gold, 1 - alpha);
            return new PeopleAccuracy(direct.Estimate, direct.Lower, direct.Upper, gold, repeats);
        }

        var same = ProportionInterval.AnyTime(repeatsSame, repeats, 1 - alpha);
        return new PeopleAccuracy((1 + same.Estimate) / 2, (1 + same.Lower) / 2, (1 + same.Upper) / 2, gold, repeats);
    }
}
