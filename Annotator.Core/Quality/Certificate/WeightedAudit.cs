namespace Annotator.Core.Quality.Certificate;

/// <summary>How an item of an audited population came to be decided by a person.</summary>
public enum AuditEntry
{
    /// <summary>Drawn at random by the audit's weights: this is what the bound rests on.</summary>
    Draw,

    /// <summary>Taken for a reason (the riskiest next, a reader's correction): leaves the population, proves nothing.</summary>
    Review,
}

/// <summary>
/// The audit of a frozen set of proposed labels: draws items at random by predicted risk, takes in what people say about them, and bounds the number of
/// wrong labels among those that nobody has decided. The bound holds at every moment at once.
/// </summary>
/// <remarks>
/// The proposals must not change while the audit runs; a new version of the proposals needs a new audit with its share of the error probability
/// (<see cref="AlphaSpending"/>). Several draws may wait for their answers at once: answers are taken in
/// in the order of the draws, whatever the order in which they come. An entry is a fact (item, kind, answer): the same facts give the same bound.
/// See <see cref="ErrorCountTest"/> for the method.
/// </remarks>
public sealed class WeightedAudit
{
    private readonly byte[] _binOf;
    private readonly List<int>[] _undrawn;
    private readonly int[] _place;
    private readonly RiskBins _open; // what the next draw is taken from
    private readonly ErrorCountTest _test;
    private readonly Queue<(int Item, AuditEntry Kind)> _waiting = new();
    private readonly Dictionary<int, bool> _answers = [];
    private SplitMix _random;

    /// <summary>Starts an audit.</summary>
    /// <param name="risk">Predicted probability, item by item, that the proposed label is wrong. Efficiency depends on it, validity does not.</param>
    /// <param name="allowed">Wrong labels that may remain in this population; what the weights of the draws are chosen for.</param>
    /// <param name="alpha">Probability, in (0, 1), that the bound is ever below the truth; that of its mirror <see cref="FewestErrors"/> alike.</param>
    /// <param name="seed">Seed of the draws.</param>
    public WeightedAudit(ReadOnlySpan<double> risk, double allowed, double alpha, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(allowed, 0);
        if (!(alpha is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "The error probability must lie between 0 and 1.");
        _binOf = new byte[risk.Length];
        _open = RiskBins.Of(risk, _binOf);
        var design = AuditDesign.Choose(_open, allowed, alpha);
        design.Weights.CopyTo(_open.Weights, 0);
        ExpectedDraws = design.Draws;
        Alpha = alpha;
        _test = new ErrorCountTest(new RiskBins(_open), alpha);
        _random = new SplitMix(seed);
        _undrawn = new List<int>[RiskBins.Length];
        for (var b = 0; b < RiskBins.Length; b++) _undrawn[b] = new List<int>((int)_open.Counts[b]);
        _place = new int[risk.Length];
        for (var i = 0; i < risk.Length; i++)
        {
            _place[i] = _undrawn[_binOf[i]].Count;
            _undrawn[_binOf[i]].Add(i);
        }
    }

    /// <summary>Error probability of the bound.</summary>
    public double Alpha { get; }

    /// <summary>Draws that the audit was expected to need when it started.</summary>
    public double ExpectedDraws { get; }

    /// <summary>Items at the start.</summary>
    public int Population => _binOf.Length;

    /// <summary>Items that no person has decided.</summary>
    public int Remaining => _test.Remaining;

    /// <summary>Random draws answered.</summary>
    public int Audited => _test.Draws;

    /// <summary>Wrong labels found by draws and reviews, and mended.</summary>
    public int Found => _test.Found;

    /// <summary>With the stated confidence at most this many of the <see cref="Remaining"/> labels are wrong.</summary>
    public int RemainingErrors => _test.RemainingErrors;

    /// <summary>With the stated confidence, apart from <see cref="RemainingErrors"/>, at least this many of the <see cref="Remaining"/> labels are wrong.</summary>
    public int FewestErrors => _test.FewestErrors;

    /// <summary>Expected number of wrong labels among the <see cref="Remaining"/>: predicted risks corrected by what was found.</summary>
    public double ExpectedErrors => _test.ExpectedErrors;

    /// <summary>Draws that are still expected to be needed until at most this many wrong labels are known to remain.</summary>
    /// <param name="allowed">Wrong labels that may remain.</param>
    /// <returns>The number of draws.</returns>
    public double DrawsLeft(double allowed) => RemainingErrors <= allowed ? 0 : AuditDesign.Forecast(_test.Bins, allowed, Alpha, _test.CapitalAgainst(allowed, 0));

    /// <summary>The cheapest way on: how many of the riskiest items people should decide outright, and how many draws that leaves.</summary>
    /// <param name="allowed">Wrong labels that may remain.</param>
    /// <returns>Reviews and draws, expected.</returns>
    public (double Reviews, double Draws) PlanLeft(double allowed)
    {
        if (RemainingErrors <= allowed) return (0, 0);
        var plan = AuditDesign.PlanWithin(_test.Bins, allowed, Alpha, found => _test.CapitalAgainst(allowed, found));
        return (plan.Reviews, plan.Draws);
    }

    /// <summary>Draws the next item; its answer must be given by <see cref="Record"/> at some time.</summary>
    /// <returns>The item's index, or -1 when all items are drawn or reviewed.</returns>
    public int Draw()
    {
        var total = _open.TotalWeight();
        var point = _random.NextDouble() * total;
        var bin = -1;
        for (var b = 0; b < RiskBins.Length; b++)
        {
            if (_undrawn[b].Count == 0) continue;
            bin = b;
            point -= _open.Counts[b] * _open.Weights[b];
            if (point < 0) break;
        }

        if (bin < 0) return -1;
        var item = _undrawn[bin][_random.Next(_undrawn[bin].Count)];
        Take(item, AuditEntry.Draw);
        return item;
    }

    /// <summary>Takes an item out for a person to decide although it was not drawn; its answer must be given by <see cref="Record"/> too.</summary>
    /// <param name="item">Index of an item that is neither drawn nor reviewed yet.</param>
    public void Review(int item)
    {
        if (IsTaken(item)) throw new InvalidOperationException("The item has been taken already.");
        Take(item, AuditEntry.Review);
    }

    /// <summary>Takes in a person's answer about a drawn or reviewed item.</summary>
    /// <param name="item">The item's index.</param>
    /// <param name="wrong">Whether the proposed label was wrong.</param>
    public void Record(int item, bool wrong)
    {
        if (!IsTaken(item)) throw new InvalidOperationException("The item was not drawn.");
        if (!_answers.TryAdd(item, wrong)) throw new InvalidOperationException("The item has an answer already.");
        while (_waiting.TryPeek(out var next) && _answers.TryGetValue(next.Item, out var isWrong))
        {
            _waiting.Dequeue();
            if (next.Kind == AuditEntry.Draw) _test.Draw(_binOf[next.Item], isWrong);
            else _test.Remove(_binOf[next.Item], isWrong);
        }
    }

    /// <summary>Whether an item has been drawn or reviewed.</summary>
    /// <param name="item">The item's index.</param>
    /// <returns>True if it has.</returns>
    public bool IsTaken(int item) => _place[item] < 0;

    private void Take(int item, AuditEntry kind)
    {
        var bin = _binOf[item];
        var list = _undrawn[bin];
        var last = list[^1];
        list[_place[item]] = last;
        _place[last] = _place[item];
        list.RemoveAt(list.Count - 1);
        _place[item] = -1;
        _open.Counts[bin]--;
        _waiting.Enqueue((item, kind));
    }
}

/// <summary>How the error probability is shared among the audits of one project, so that all their bounds hold together.</summary>
public static class AlphaSpending
{
    // Most projects need one audit only, and every audit that fails makes the next one dearer: so the first has nearly all.
    private const double FirstShare = 0.95;

    /// <summary>The first audit takes nineteen twentieths of the whole, each later one as much of what is left: together never more than the whole.</summary>
    /// <param name="alpha">Error probability of all audits together.</param>
    /// <param name="audit">Number of the audit, from 1.</param>
    /// <returns>The error probability of this audit.</returns>
    public static double Of(double alpha, int audit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(audit, 1);
        return alpha * FirstShare * Math.Pow(1 - FirstShare, audit - 1);
    }
}
