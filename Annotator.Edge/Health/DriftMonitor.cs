using System.Globalization;

namespace Annotator.Edge.Health;

/// <summary>
/// How far the confidences of the last items are from those of the first ones under the same model: population stability index over ten bins,
/// Σ (q − p) · ln(q / p). Below 0.1 is little, above 0.25 is much (the usual reading in credit scoring, where it comes from).
/// </summary>
internal sealed class DriftMonitor
{
    /// <summary>Items of the reference, and of the window that is held against it.</summary>
    public const int Window = 500;

    /// <summary>With fewer in the window nothing is said.</summary>
    public const int Fewest = 100;

    private const int Bins = 10;

    private readonly int[] _reference = new int[Bins];
    private readonly int[] _recent = new int[Bins];
    private readonly Queue<int> _order = new();
    private int _referenceCount;

    /// <summary>Whether the reference is complete.</summary>
    public bool IsReady => _referenceCount >= Window;

    /// <summary>The index; null while there is too little to say.</summary>
    public double? Value
    {
        get
        {
            if (!IsReady || _order.Count < Fewest) return null;
            var sum = 0.0;
            for (var b = 0; b < Bins; b++)
            {
                // Half an item in every bin, so that an empty one is not infinitely far away.
                var p = (_reference[b] + 0.5) / (_referenceCount + (0.5 * Bins));
                var q = (_recent[b] + 0.5) / (_order.Count + (0.5 * Bins));
                sum += (q - p) * Math.Log(q / p);
            }

            return sum;
        }
    }

    /// <summary>Reads a reference that was written before.</summary>
    public static DriftMonitor Read(string? text)
    {
        var monitor = new DriftMonitor();
        var parts = text?.Split(' ') ?? [];
        if (parts.Length != Bins || !parts.All(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out _))) return monitor;
        for (var b = 0; b < Bins; b++) monitor._reference[b] = int.Parse(parts[b], CultureInfo.InvariantCulture);
        monitor._referenceCount = monitor._reference.Sum();
        return monitor;
    }

    /// <summary>The reference as text.</summary>
    public string Write() => string.Join(' ', _reference.Select(r => r.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Takes a confidence, 0 to 1.</summary>
    public void Add(double confidence)
    {
        var bin = Math.Clamp((int)(confidence * Bins), 0, Bins - 1);
        if (!IsReady)
        {
            _reference[bin]++;
            _referenceCount++;
            return;
        }

        _recent[bin]++;
        _order.Enqueue(bin);
        if (_order.Count > Window) _recent[_order.Dequeue()]--;
    }
}
