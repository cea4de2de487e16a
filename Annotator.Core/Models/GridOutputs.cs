namespace Annotator.Core.Models;

/// <summary>An output of a model.</summary>
internal sealed record ModelOutput(string Name, int[] Shape, float[] Values);

/// <summary>A box as a model says it, in pixels of the model's image.</summary>
internal readonly record struct Candidate(int Label, double X, double Y, double Width, double Height, double Score);

/// <summary>Reads outputs that are laid out as the cells of grids, where each cell may say one box.</summary>
internal static class GridOutputs
{
    private static readonly int[] s_strides = [8, 16, 32];

    /// <summary>FastestDet (Ma 2022): one grid [1, 5 + classes, rows, columns] of objectness, offset, size and classes.</summary>
    public static bool IsFastestDet(IReadOnlyList<ModelOutput> outputs, int labels) => outputs.Count == 1 && outputs[0].Shape is [1, var planes, > 1, > 1] && planes == labels + 5;

    /// <summary>YuNet (Wu et al. 2023): for each stride a class score, an objectness and a box, in outputs named <c>cls_8</c>, <c>obj_8</c>, <c>bbox_8</c> and so on.</summary>
    public static bool IsYuNet(IReadOnlyList<ModelOutput> outputs) => s_strides.All(s => Named(outputs, "cls", s) is { Shape.Length: 3 } && Named(outputs, "obj", s) is not null && Named(outputs, "bbox", s) is { Shape: [_, _, 4] });

    /// <summary>How many classes a YuNet knows.</summary>
    public static int YuNetClasses(IReadOnlyList<ModelOutput> outputs) => Named(outputs, "cls", s_strides[0])!.Shape[2];

    public static void FastestDet(ModelOutput output, int width, int height, double threshold, List<Candidate> found)
    {
        var (planes, rows, columns) = (output.Shape[1], output.Shape[2], output.Shape[3]);
        var plane = rows * columns;
        for (var cell = 0; cell < plane; cell++)
        {
            float At(int index) => output.Values[(index * plane) + cell];
            var (label, best) = (0, float.MinValue);
            for (var c = 5; c < planes; c++)
            {
                if (At(c) is var value && value > best) (label, best) = (c - 5, value);
            }

            // The authors' weighting of the two.
            var score = Math.Pow(Math.Clamp(At(0), 0, 1), 0.6) * Math.Pow(Math.Clamp(best, 0, 1), 0.4);
            if (!(score >= threshold)) continue;
            double w = Sigmoid(At(3)) * width, h = Sigmoid(At(4)) * height;
            var (x, y) = ((cell % columns) + Math.Tanh(At(1)), (cell / columns) + Math.Tanh(At(2)));
            found.Add(new Candidate(label, (x * width / columns) - (w / 2), (y * height / rows) - (h / 2), w, h, score));
        }
    }

    public static void YuNet(IReadOnlyList<ModelOutput> outputs, int width, int height, double threshold, List<Candidate> found)
    {
        foreach (var stride in s_strides)
        {
            var (classes, objects, boxes) = (Named(outputs, "cls", stride)!, Named(outputs, "obj", stride)!, Named(outputs, "bbox", stride)!);
            var (columns, count) = (width / stride, classes.Shape[2]);
            if (classes.Shape[1] != columns * (height / stride) || boxes.Shape[1] != classes.Shape[1] || objects.Values.Length < classes.Shape[1]) throw new ModelRefusedException($"The outputs for stride {stride} do not go with an image of {width} x {height} pixels.");
            for (var cell = 0; cell < classes.Shape[1]; cell++)
            {
                var label = Student.Probabilities.Best(classes.Values.AsSpan(cell * count, count));
                var score = Math.Sqrt(Math.Clamp(classes.Values[(cell * count) + label], 0, 1) * (double)Math.Clamp(objects.Values[cell], 0, 1));
                if (!(score >= threshold)) continue;
                var box = boxes.Values.AsSpan(cell * 4, 4);
                double w = Math.Exp(box[2]) * stride, h = Math.Exp(box[3]) * stride;
                found.Add(new Candidate(label, (((cell % columns) + box[0]) * stride) - (w / 2), (((cell / columns) + box[1]) * stride) - (h / 2), w, h, score));
            }
        }
    }

    private static ModelOutput? Named(IReadOnlyList<ModelOutput> outputs, string name, int stride) =>
        outputs.FirstOrDefault(o => string.Equals(o.Name, $"{name}_{stride.ToString(System.Globalization.CultureInfo.InvariantCulture)}", StringComparison.Ordinal));

    private static double Sigmoid(double value) => 1 / (1 + Math.Exp(-value));
}
