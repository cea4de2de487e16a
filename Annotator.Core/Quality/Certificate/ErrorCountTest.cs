namespace Annotator.Core.Quality.Certificate;

/// <summary>
/// Anytime-valid bounds on the number of wrong labels in a finite population, from weighted random draws without replacement: each end holds by itself with the
/// confidence that is asked for.
/// </summary>
/// <remarks>
/// Shekhar, Xu, Lipton, Liang and Ramdas, "Risk-limiting financial audits via weighted sampling without replacement" (UAI 2023). If item i is drawn with
/// probability q(i) among those left and e(i) says whether its label is wrong, then e/q is, on average, the number of wrong labels left. A gambler who claims
/// that fewer than m are left multiplies his capital by 1 + lambda (m - e/q) at each draw: a supermartingale when m or more are left. The stake
/// lambda is fixed before the draw and is the best one if the predicted risks are true; wrong predictions make the bound wide, never false.
/// Items that people decide without a draw only leave the population, and what was found in them is subtracted.
/// Candidates are counted in cells [g, h) at 1 % steps: a gambler who attacks g also attacks every count of the cell. The other end is the same game mirrored: a
/// gambler who claims that more than m are left multiplies by 1 + lambda (e/q - m), a supermartingale when m or fewer are left, and attacks a cell at its last count.
/// </remarks>
internal sealed class ErrorCountTest
{
    private const double PredictionWorth = 20;

    // Risks are predicted with caution, so that an audit does not begin too early. A gambler who believes all of it stakes too little, and plans more reviews than pay: over eight
    // audits of 8,000 items, 200 times each, 0.7 to 0.85 of it took 2 to 3 % fewer decisions.
    private const double Believed = 0.8;

    private readonly int[] _edges;
    private readonly double[] _capital;
    private readonly double[] _bets;
    private readonly double[] _capitalOnMore;
    private readonly double[] _betsOnMore;
    private readonly double _limit;
    private readonly double[] _priorRisks;
    private readonly double[] _foundInBin = new double[RiskBins.Length];
    private readonly double[] _seenInBin = new double[RiskBins.Length];
    private double _expected;
    private int _top;
    private int _bottom;

    /// <param name="bins">The population; taken over, and kept current by this test.</param>
    /// <param name="alpha">Probability, in (0, 1), that the upper bound is ever below the truth, and that the lower one is ever above it.</param>
    public ErrorCountTest(RiskBins bins, double alpha)
    {
        Bins = bins;
        Population = (int)Math.Round(bins.Items());
        _limit = -Math.Log(alpha);
        _priorRisks = [.. bins.Risks];
        for (var b = 0; b < RiskBins.Length; b++) bins.Risks[b] *= Believed;
        List<int> edges = [];
        for (var edge = 0; edge <= Population; edge = Math.Max(edge + 1, (int)(edge * 1.01))) edges.Add(edge);
        _edges = [.. edges, Population + 1];
        _capital = new double[edges.Count];
        _bets = new double[edges.Count];
        _capitalOnMore = new double[edges.Count];
        _betsOnMore = new double[edges.Count];
        _top = edges.Count - 1;
    }

    /// <summary>What is left: counts by risk, with the risks that the gambler believes after what the draws showed.</summary>
    public RiskBins Bins { get; }

    /// <summary>Wrong labels expected among those left: the predicted risks, corrected by what was found.</summary>
    public double ExpectedErrors => Bins.ExpectedErrors() / Believed;

    /// <summary>Items at the start.</summary>
    public int Population { get; }

    /// <summary>Items left.</summary>
    public int Remaining => (int)Math.Round(Bins.Items());

    /// <summary>Wrong labels found so far, by draw or by review.</summary>
    public int Found { get; private set; }

    /// <summary>Random draws so far.</summary>
    public int Draws { get; private set; }

    /// <summary>At most this many wrong labels are left.</summary>
    public int RemainingErrors => Math.Max(0, Math.Min(_edges[_top + 1] - 1 - Found, Remaining));

    /// <summary>At least this many wrong labels are left.</summary>
    public int FewestErrors => Math.Clamp(_edges[_bottom] - Found, 0, RemainingErrors);

    /// <summary>
    /// Logarithm of the capital won so far against the claim that is hardest to rule out before at most <paramref name="remaining"/> wrong labels are known to be
    /// left, if <paramref name="found"/> more of them are found by then; infinite where it is ruled out already.
    /// </summary>
    public double CapitalAgainst(double remaining, double found)
    {
        var most = Found + found + remaining;
        for (var cell = 0; cell <= _top; cell++)
        {
            if (_edges[cell + 1] - 1 > most) return _capital[cell];
        }

        return double.PositiveInfinity;
    }

    /// <summary>A random draw from the population by the weights of <see cref="Bins"/>, and what the person said.</summary>
    public void Draw(int bin, bool wrong)
    {
        var inverse = Bins.TotalWeight() / Bins.Weights[bin];
        var odds = Bins.Odds();
        for (var cell = 0; cell <= _top; cell++)
        {
            double claimed = Math.Max(0, _edges[cell] - Found);
            if (double.IsPositiveInfinity(_capital[cell])) continue;
            _bets[cell] = odds.BestBet(claimed, _bets[cell]);
            if (_bets[cell] == 0) continue;
            _capital[cell] += Math.Log(1 + (_bets[cell] * (claimed - (wrong ? inverse : 0))));
            if (_capital[cell] >= _limit) _capital[cell] = double.PositiveInfinity;
        }

        // Cell 0 (nothing was wrong) is never ruled out: nobody bets against what cannot be lower.
        while (_top > 0 && double.IsPositiveInfinity(_capital[_top])) _top--;
        BetOnMore(odds, wrong ? inverse : 0);
        Draws++;
        Remove(bin, wrong);
    }

    private void BetOnMore(in DrawOdds odds, double estimate)
    {
        // Cells beyond what is believed are nobody's bet; none of them can fall before those below do.
        for (var cell = _bottom; cell < _capitalOnMore.Length; cell++)
        {
            double claimed = _edges[cell + 1] - 1 - Found;
            if (claimed >= odds.Errors) break;
            if (claimed <= 0 || double.IsPositiveInfinity(_capitalOnMore[cell])) continue;
            _betsOnMore[cell] = odds.BestBetOnMore(claimed, _betsOnMore[cell]);
            if (_betsOnMore[cell] == 0) continue;
            _capitalOnMore[cell] += Math.Log(1 + (_betsOnMore[cell] * (estimate - claimed)));
            if (_capitalOnMore[cell] >= _limit) _capitalOnMore[cell] = double.PositiveInfinity;
        }
    }

    /// <summary>An item leaves the population by a decision that no draw asked for.</summary>
    public void Remove(int bin, bool wrong)
    {
        if (Bins.Counts[bin] < 0.5) throw new InvalidOperationException("The bin is empty.");
        Bins.Counts[bin]--;
        _expected += _priorRisks[bin];
        _seenInBin[bin]++;
        if (wrong)
        {
            Found++;
            _foundInBin[bin]++;
        }

        // What was found cannot be fewer.
        while (_bottom < _capitalOnMore.Length - 1 && (double.IsPositiveInfinity(_capitalOnMore[_bottom]) || _edges[_bottom + 1] <= Found)) _bottom++;

        // Risks as a gambler's belief: the prediction is worth 20 expected errors overall and 4 in a bin; then what was found weighs more. Less worth overall lets
        // chance among the first draws turn the plan.
        var scale = (PredictionWorth + Found) / (PredictionWorth + _expected);
        for (var b = 0; b < RiskBins.Length; b++)
        {
            if (Bins.Counts[b] < 0.5) continue;
            var risk = Math.Min(0.95, _priorRisks[b] * scale);
            Bins.Risks[b] = Believed * (4 + _foundInBin[b]) / ((4 / risk) + _seenInBin[b]);
        }
    }
}
