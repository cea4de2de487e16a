using Annotator.Core.Quality.Detection;

namespace Annotator.Core.Models;

/// <summary>From which score on a detector's box is shown, and what a score is worth, label by label.</summary>
/// <param name="usual">For labels without one of their own, 0 to 1.</param>
/// <param name="byLabel">For those that people's corrections have set one for.</param>
/// <param name="worth">What scores of these labels are worth.</param>
public sealed class ScoreLines(double usual, IReadOnlyDictionary<string, double>? byLabel = null, IReadOnlyDictionary<string, ScoreCalibration>? worth = null)
{
    // A line of 0 would let everything through, and nothing can be measured in shares of it.
    private const double Lowest = 0.01;

    /// <summary>The lowest of all lines.</summary>
    public double Least { get; } = Math.Max(Lowest, byLabel is { Count: > 0 } ? Math.Min(usual, byLabel.Values.Min()) : usual);

    /// <summary>The line of a label.</summary>
    public double Of(string label) => Math.Max(Lowest, byLabel is not null && byLabel.TryGetValue(label, out var own) ? own : usual);

    /// <summary>The probability that a box is right, by what people left of others: what the queue and routes rest on. A label that people said nothing of has its score.</summary>
    public double Probability(string label, double score) => worth is not null && worth.TryGetValue(label, out var own) ? own.Of(score) : Math.Clamp(score, 0, 1);
}
