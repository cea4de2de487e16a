using System.Numerics;

namespace Annotator.Core.Quality.Certificate;

/// <summary>Which ends of a confidence sequence are wanted. One end alone may spend the whole error probability.</summary>
public enum ConfidenceSides
{
    /// <summary>A lower bound only; the upper one is 1.</summary>
    Lower,

    /// <summary>An upper bound only; the lower one is 0.</summary>
    Upper,

    /// <summary>Both, each with half of the error probability.</summary>
    Both,
}

/// <summary>
/// An anytime-valid interval for the mean of numbers in [0, 1], drawn independently or, when the population's size is given, at random without
/// replacement. It holds at all times at once: looking after each observation and stopping when one likes does not break it.
/// </summary>
/// <remarks>
/// Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS-B 2024). For each candidate mean m a gambler bets
/// that the mean is not m; a candidate whose gambler has multiplied his capital by 1/alpha is ruled out (Ville's inequality). The bets are the
/// paper's diversified Kelly bets: capital is spread over fixed fractions of the largest allowed bet. Without replacement the fair value of the next
/// number is (N m - sum so far) / (N - numbers so far) (section 5 of the paper). For a fixed fraction the capital is monotone in m, so ruling out a grid
/// point rules out everything beyond it and the grid costs width (below 0.0004), never validity.
/// </remarks>
public sealed class BettingConfidenceSequence
{
    private const int GridSize = 2048;

    // Dense where bets of the practice lie: an accuracy a few points above the candidate calls for 0.05 to 0.7 of the largest bet.
    private static readonly double[] s_fractions = [0.005, 0.01, 0.02, 0.04, 0.07, 0.11, 0.16, 0.23, 0.31, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98];
    private static readonly int s_stride = (s_fractions.Length + Vector<double>.Count - 1) / Vector<double>.Count * Vector<double>.Count;

    private readonly double[] _grid = new double[GridSize + 1];
    private readonly double[] _fractions = new double[s_stride];
    private readonly double[]? _up;
    private readonly double[]? _down;
    private readonly double _limit;
    private double _sum;
    private int _lower; // the largest grid index that is ruled out from below
    private int _upper = GridSize; // the smallest grid index that is ruled out from above

    /// <summary>Starts a sequence without observations.</summary>
    /// <param name="alpha">Probability, in (0, 1), that the interval is ever wrong.</param>
    /// <param name="population">Size of the population when drawing without replacement; null for independent draws.</param>
    /// <param name="sides">Which ends are wanted.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is not in (0, 1) or <paramref name="population"/> is below 1.</exception>
    public BettingConfidenceSequence(double alpha, int? population = null, ConfidenceSides sides = ConfidenceSides.Both)
    {
        if (!(alpha is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "The error probability must lie between 0 and 1.");
        if (population is { } size) ArgumentOutOfRangeException.ThrowIfLessThan(size, 1, nameof(population));
        Population = population;
        _limit = (sides == ConfidenceSides.Both ? 2 : 1) / alpha;
        s_fractions.CopyTo(_fractions, 0);

        // Cosine spacing: fine near 0 and 1, where intervals of proportions are narrow.
        for (var i = 0; i <= GridSize; i++) _grid[i] = 0.5 * (1 - Math.Cos(Math.PI * i / GridSize));
        if (sides != ConfidenceSides.Upper) _up = StartingCapital();
        if (sides != ConfidenceSides.Lower) _down = StartingCapital();
    }

    /// <summary>Size of the population, or null for independent draws.</summary>
    public int? Population { get; }

    /// <summary>Number of observations.</summary>
    public int Count { get; private set; }

    /// <summary>Mean of the observations; null without any.</summary>
    public double? Mean => Count == 0 ? null : _sum / Count;

    /// <summary>Lower end: the mean is at least this. Never falls.</summary>
    public double Lower => Math.Max(_grid[_lower], Known(0));

    /// <summary>Upper end: the mean is at most this. Never rises.</summary>
    public double Upper => Math.Min(_grid[_upper], Known(1));

    /// <summary>Takes in the next observation.</summary>
    /// <param name="value">A number in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not in [0, 1].</exception>
    /// <exception cref="InvalidOperationException">The whole population has been seen.</exception>
    public void Add(double value)
    {
        if (!(value is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(value), value, "An observation must lie in [0, 1].");
        if (Count == Population) throw new InvalidOperationException("The whole population has been seen.");
        if (_up is not null)
        {
            // Ruled-out candidates stay ruled out, so only the live part of the grid is carried on.
            for (var i = _lower + 1; i < GridSize; i++)
            {
                var fair = Fair(_grid[i]);
                if (fair <= 0 || (fair < 1 && Bet(_up, i, 1 / Math.Max(fair, 1e-12), value)))
                {
                    if (i == _lower + 1) _lower = i;
                }
            }
        }

        if (_down is not null)
        {
            for (var i = _upper - 1; i > 0; i--)
            {
                var fair = Fair(_grid[i]);
                if (fair >= 1 || (fair > 0 && Bet(_down, i, 1 / Math.Max(1 - fair, 1e-12), 1 - value)))
                {
                    if (i == _upper - 1) _upper = i;
                }
            }
        }

        Count++;
        _sum += value;
    }

    private static double[] StartingCapital()
    {
        var capital = new double[(GridSize + 1) * s_stride];
        for (var i = 0; i <= GridSize; i++) capital.AsSpan(i * s_stride, s_fractions.Length).Fill(1.0 / s_fractions.Length);
        return capital;
    }

    /// <summary>What is certain: the numbers seen, and all others 0 (or 1).</summary>
    private double Known(int others) => Population is { } size ? (_sum + ((size - Count) * (double)others)) / size : others;

    private double Fair(double mean) => Population is { } size ? ((size * mean) - _sum) / (size - Count) : mean;

    /// <summary>Each fraction f of the capital pays 1 - f + f value/fair; true when the sum has reached the limit.</summary>
    private bool Bet(double[] capital, int index, double inverseFair, double value)
    {
        var own = capital.AsSpan(index * s_stride, s_stride);
        var gain = (value * inverseFair) - 1;
        var total = Vector<double>.Zero;
        for (var j = 0; j < own.Length; j += Vector<double>.Count)
        {
            var after = new Vector<double>(own[j..]) * (Vector<double>.One + (new Vector<double>(_fractions.AsSpan(j)) * gain));
            after.CopyTo(own[j..]);
            total += after;
        }

        var sum = Vector.Sum(total);
        if (sum < _limit) return false;

        // A candidate once ruled out stays so (it may wait for its neighbour): infinite capital survives any further bet.
        own.Clear();
        own[0] = double.PositiveInfinity;
        return true;
    }
}
