namespace Annotator.Core.Quality.Certificate;

/// <summary>The believed odds of the next weighted draw, and the best bet against a claim about the number of wrong labels left.</summary>
internal readonly struct DrawOdds
{
    private readonly double[] _mass; // probability of drawing from this bin and finding a wrong label
    private readonly double[] _inverse; // 1 / probability of drawing a given item of the bin
    private readonly double _right; // probability of finding a right label
    private readonly double _largest;

    public DrawOdds(RiskBins bins)
    {
        _mass = new double[RiskBins.Length];
        _inverse = new double[RiskBins.Length];
        var total = bins.TotalWeight();
        var used = 0;
        _right = 1;
        for (var b = 0; b < RiskBins.Length; b++)
        {
            if (bins.Counts[b] < 1e-9 || bins.Weights[b] <= 0) continue;
            _inverse[used] = total / bins.Weights[b];
            _mass[used] = bins.Counts[b] * bins.Risks[b] / _inverse[used];
            _largest = Math.Max(_largest, _inverse[used]);
            _right -= _mass[used++];
            Errors += bins.Counts[b] * bins.Risks[b];
        }

        Bins = used;
    }

    /// <summary>Expected number of wrong labels left.</summary>
    public double Errors { get; }

    private int Bins { get; }

    /// <summary>
    /// The bet that makes capital grow fastest if the risks are true (Kelly): the maximum over lambda of
    /// P(right) ln(1 + lambda m) + sum over bins of P(wrong, bin) ln(1 + lambda (m - 1/q)), where m wrong labels are claimed to remain.
    /// </summary>
    /// <param name="claimed">The claim under attack.</param>
    /// <param name="start">A guess, such as the bet before this one.</param>
    /// <returns>The bet; 0 when the claim looks true.</returns>
    public double BestBet(double claimed, double start)
    {
        if (claimed <= Errors || Bins == 0) return 0;

        // A wrong label among the items drawn most rarely must never cost everything.
        var cap = _largest > claimed ? 0.95 / (_largest - claimed) : 1e3;
        double low = 0, high = cap;
        var bet = start > 0 && start < cap ? start : Math.Min(cap * 0.5, 1);
        for (var round = 0; round < 12; round++)
        {
            // Newton on the derivative, kept inside a bracket that bisection narrows.
            var slope = claimed / (1 + (bet * claimed));
            var curve = _right * slope * slope;
            slope *= _right;
            for (var b = 0; b < Bins; b++)
            {
                var part = claimed - _inverse[b];
                part /= 1 + (bet * part);
                slope += _mass[b] * part;
                curve += _mass[b] * part * part;
            }

            if (slope > 0) low = bet; else high = bet;
            var next = bet + (slope / curve);
            if (!(next > low && next < high)) next = 0.5 * (low + high);
            var change = Math.Abs(next - bet);
            bet = next;
            if (change < 0.01 * next) break;
        }

        return bet;
    }

    /// <summary>
    /// The best bet that more wrong labels are left than claimed, the mirror of <see cref="BestBet"/>: the maximum over lambda of
    /// P(right) ln(1 - lambda m) + sum over bins of P(wrong, bin) ln(1 + lambda (1/q - m)).
    /// </summary>
    /// <param name="claimed">The claim under attack, above 0.</param>
    /// <param name="start">A guess, such as the bet before this one.</param>
    /// <returns>The bet; 0 when the claim looks true.</returns>
    public double BestBetOnMore(double claimed, double start)
    {
        if (claimed >= Errors || Bins == 0) return 0;

        // A right label must never cost everything.
        var cap = 0.95 / claimed;
        double low = 0, high = cap;
        var bet = start > 0 && start < cap ? start : cap * 0.5;
        for (var round = 0; round < 12; round++)
        {
            var slope = -claimed / (1 - (bet * claimed));
            var curve = _right * slope * slope;
            slope *= _right;
            for (var b = 0; b < Bins; b++)
            {
                var part = _inverse[b] - claimed;
                part /= 1 + (bet * part);
                slope += _mass[b] * part;
                curve += _mass[b] * part * part;
            }

            if (slope > 0) low = bet; else high = bet;
            var next = bet + (slope / curve);
            if (!(next > low && next < high)) next = 0.5 * (low + high);
            var change = Math.Abs(next - bet);
            bet = next;
            if (change < 0.01 * next) break;
        }

        return bet;
    }

    /// <summary>Expected logarithmic growth of the capital by one draw.</summary>
    public double Growth(double claimed, double bet)
    {
        if (bet <= 0) return 0;
        var growth = _right * Math.Log(1 + (bet * claimed));
        for (var b = 0; b < Bins; b++) growth += _mass[b] * Math.Log(1 + (bet * (claimed - _inverse[b])));
        return Math.Max(0, growth);
    }
}
