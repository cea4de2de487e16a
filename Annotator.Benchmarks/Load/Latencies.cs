using System.Globalization;

namespace Annotator.Benchmarks.Load;

/// <summary>Times of many requests, and what is said of them.</summary>
internal sealed class Latencies
{
    private readonly List<double> _milliseconds = [];

    /// <summary>How many.</summary>
    public int Count
    {
        get
        {
            lock (_milliseconds) return _milliseconds.Count;
        }
    }

    /// <summary>Adds one.</summary>
    public void Add(TimeSpan time)
    {
        lock (_milliseconds) _milliseconds.Add(time.TotalMilliseconds);
    }

    /// <summary>A quantile in milliseconds, by nearest rank.</summary>
    public double At(double quantile)
    {
        lock (_milliseconds)
        {
            if (_milliseconds.Count == 0) return double.NaN;
            var sorted = _milliseconds.Order().ToList();
            return sorted[Math.Clamp((int)Math.Ceiling(quantile * sorted.Count) - 1, 0, sorted.Count - 1)];
        }
    }

    /// <summary>p50, p95, p99 and the longest.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"p50 {At(0.5),7:F2} ms  p95 {At(0.95),7:F2} ms  p99 {At(0.99),7:F2} ms  max {At(1),7:F1} ms  n {Count}");
}
