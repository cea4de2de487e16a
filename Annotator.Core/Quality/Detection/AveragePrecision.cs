using Annotator.Core.Labels;

namespace Annotator.Core.Quality.Detection;

/// <summary>A box that a detector found.</summary>
/// <param name="Image">Number of the image.</param>
/// <param name="Box">The box.</param>
/// <param name="Score">How sure the detector is.</param>
public readonly record struct ScoredBox(int Image, Box Box, double Score);

/// <summary>Figures of a detector over a set of images.</summary>
/// <param name="MeanAveragePrecision">Mean over the labels that occur of the area under precision over recall.</param>
/// <param name="ByLabel">That area for each of them.</param>
public sealed record DetectionFigures(double MeanAveragePrecision, IReadOnlyDictionary<string, double> ByLabel);

/// <summary>Average precision of detectors as PASCAL VOC has counted it since 2010 and COCO does at one overlap: precision made monotone, all points of recall.</summary>
public static class AveragePrecision
{
    /// <summary>Computes it.</summary>
    /// <param name="truth">The true boxes of each image.</param>
    /// <param name="found">Boxes that were found, in any order.</param>
    /// <param name="overlap">Least intersection over union of a hit.</param>
    public static DetectionFigures Compute(IReadOnlyList<IReadOnlyList<Box>> truth, IReadOnlyList<ScoredBox> found, double overlap = ShapeMatching.UsualOverlap)
    {
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(found);
        var byLabel = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var label in truth.SelectMany(t => t).Select(b => b.Label).Distinct(StringComparer.Ordinal)) byLabel[label] = Of(label, truth, found, overlap);
        return new DetectionFigures(byLabel.Count == 0 ? 0 : byLabel.Values.Average(), byLabel);
    }

    private static double Of(string label, IReadOnlyList<IReadOnlyList<Box>> truth, IReadOnlyList<ScoredBox> found, double overlap)
    {
        var boxes = truth.Select(t => t.Where(b => string.Equals(b.Label, label, StringComparison.Ordinal)).ToArray()).ToArray();
        var taken = boxes.Select(b => new bool[b.Length]).ToArray();
        var positives = boxes.Sum(b => b.Length);
        var (hits, precision, recall) = (0, new List<double>(), new List<double>());
        foreach (var one in found.Where(f => string.Equals(f.Box.Label, label, StringComparison.Ordinal)).OrderByDescending(f => f.Score))
        {
            var best = -1;
            var most = overlap;
            for (var i = 0; i < boxes[one.Image].Length; i++)
            {
                if (ShapeMatching.Overlap(one.Box, boxes[one.Image][i]) is var here && here >= most) (best, most) = (i, here);
            }

            if (best >= 0 && !taken[one.Image][best])
            {
                taken[one.Image][best] = true;
                hits++;
            }

            precision.Add((double)hits / (precision.Count + 1));
            recall.Add((double)hits / positives);
        }

        double area = 0, before = 0;
        for (var i = precision.Count - 2; i >= 0; i--) precision[i] = Math.Max(precision[i], precision[i + 1]);
        for (var i = 0; i < precision.Count; i++)
        {
            area += (recall[i] - before) * precision[i];
            before = recall[i];
        }

        return area;
    }
}
