using System.Buffers;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Microsoft.ML.OnnxRuntime;

namespace Annotator.Core.Models;

/// <summary>A box that a model found, with its score.</summary>
/// <param name="Box">The box, in pixels of the image.</param>
/// <param name="Score">0 to 1.</param>
public readonly record struct Detection(Box Box, double Score);

/// <summary>A file is no model that can be run here; the message says why.</summary>
public sealed class ModelRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>An uploaded model in service: prepares images as its <see cref="ModelSpec"/> says, runs it and reads its outputs. Thread-safe.</summary>
public sealed class VisionSession : IDisposable
{
    // Of more boxes than this above the threshold the weaker ones are not looked at.
    private const int MostCandidates = 1_000;
    private const int Grey = 114;

    private readonly InferenceSession _session;
    private readonly string _input;
    private readonly bool _channelsLast;
    private readonly int _channels;
    private readonly float[] _table;
    private readonly List<string> _outputs;

    private VisionSession(InferenceSession session, ModelSpec spec)
    {
        (_session, Spec) = (session, spec);
        var images = session.InputMetadata.Where(i => i.Value.IsTensor && i.Value.ElementType == typeof(float) && i.Value.Dimensions.Length == 4).ToList();
        if (session.InputMetadata.Count != 1 || images.Count != 1) throw new ModelRefusedException("The model must have one input: an image of four dimensions, as floating-point numbers.");
        (_input, var shape) = (images[0].Key, images[0].Value.Dimensions);
        _channelsLast = shape[3] is 1 or 3 && shape[1] is not (1 or 3);
        _channels = _channelsLast ? shape[3] : shape[1];
        var (height, width) = _channelsLast ? (shape[1], shape[2]) : (shape[2], shape[3]);
        if (_channels is not (1 or 3)) throw new ModelRefusedException($"The model's image has {_channels} channels; 1 or 3 are known.");
        _table = TableOf(spec, _channels);
        _outputs = [.. session.OutputMetadata.Where(o => o.Value.IsTensor && o.Value.ElementType == typeof(float)).Select(o => o.Key)];
        if (shape[0] > 1) throw new ModelRefusedException($"The model takes {shape[0]} images at a time; it must take one.");
        var usual = spec.Kind == ModelKind.Detector ? 640 : 224;
        (Width, Height) = (width > 0 ? width : usual, height > 0 ? height : usual);
        if (Width > 4_096 || Height > 4_096) throw new ModelRefusedException($"The model's image has {Width} x {Height} pixels; at most 4,096 each way are taken.");
    }

    /// <summary>How images go in and answers come out.</summary>
    public ModelSpec Spec { get; private set; }

    /// <summary>Width of the model's image in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of the model's image in pixels.</summary>
    public int Height { get; }

    /// <summary>Opens a model.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <param name="spec">What is known of it; the layout is found out where it is not given.</param>
    /// <exception cref="ModelRefusedException">The file is no such model.</exception>
    public static VisionSession Open(byte[] file, ModelSpec spec) => Open(file, spec, new ModelOptions());

    /// <summary>Opens a model where the settings say that models run.</summary>
    /// <inheritdoc cref="Open(byte[], ModelSpec)"/>
    internal static VisionSession Open(byte[] file, ModelSpec spec, ModelOptions runtime)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(spec);
        _ = OnnxFiles.Read(file);
        try
        {
            using var options = ModelRuntime.SessionOptions(runtime);
            var session = new VisionSession(new InferenceSession(file, options), spec);
            session.Settle();
            return session;
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelRefusedException($"ONNX Runtime cannot run the model: {e.Message}", e);
        }
    }

    /// <summary>Runs a detector on an image.</summary>
    /// <param name="image">The image's file; EXIF orientation is applied.</param>
    /// <param name="threshold">Least score; null: that of the spec.</param>
    /// <exception cref="ImageRefusedException">The image cannot be decoded.</exception>
    public IReadOnlyList<Detection> Detect(byte[] image, double? threshold = null)
    {
        var size = ImageFiles.SizeOf(image);
        var (width, height) = Fit(size);
        return Detect(ImageFiles.Pixels(image, width, height), size, threshold);
    }

    /// <summary>The size at which the model looks at an image: a detector keeps its shape where its spec says so.</summary>
    /// <param name="size">The image's own size.</param>
    public ImageSize Fit(ImageSize size)
    {
        if (!Spec.Letterbox || Spec.Kind != ModelKind.Detector) return new ImageSize(Width, Height);
        var scale = Math.Min((double)Width / size.Width, (double)Height / size.Height);
        return new ImageSize(Math.Clamp((int)(size.Width * scale), 1, Width), Math.Clamp((int)(size.Height * scale), 1, Height));
    }

    /// <summary>Runs a detector on pixels that have the size of <see cref="Fit"/> already.</summary>
    /// <param name="pixels">Red, green and blue of each pixel, row by row.</param>
    /// <param name="size">Size of the image that they are of; boxes are in its pixels.</param>
    /// <param name="threshold">Least score; null: that of the spec.</param>
    public IReadOnlyList<Detection> Detect(byte[] pixels, ImageSize size, double? threshold = null)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        var (width, height) = Fit(size);
        ArgumentOutOfRangeException.ThrowIfLessThan(pixels.Length, width * height * 3);
        var outputs = Run(pixels, width, height);
        var (kx, ky) = ((double)size.Width / width, (double)size.Height / height);
        var found = Decode(outputs, threshold ?? Spec.Threshold);
        var boxes = new List<Detection>();
        foreach (var (label, x, y, w, h, score) in Suppress(found))
        {
            // Back to the image's own pixels, and within it.
            double left = Math.Clamp(x * kx, 0, size.Width), top = Math.Clamp(y * ky, 0, size.Height), right = Math.Clamp((x + w) * kx, 0, size.Width), bottom = Math.Clamp((y + h) * ky, 0, size.Height);
            if (right - left < 1 || bottom - top < 1) continue;
            boxes.Add(new Detection(new Box(Spec.Labels[label], Math.Round(left, 1), Math.Round(top, 1), Math.Round(right - left, 1), Math.Round(bottom - top, 1)), score));
        }

        return boxes;
    }

    /// <summary>Runs a classifier on an image.</summary>
    /// <returns>A probability for each of the spec's labels.</returns>
    public float[] Classify(byte[] image) => ClassifyPixels(ImageFiles.Pixels(image, Width, Height));

    /// <summary>Runs a classifier on pixels that have the model's size already.</summary>
    /// <param name="pixels">Red, green and blue of each pixel, row by row.</param>
    /// <returns>A probability for each of the spec's labels.</returns>
    public float[] ClassifyPixels(byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentOutOfRangeException.ThrowIfLessThan(pixels.Length, Width * Height * 3);
        var scores = Run(pixels, Width, Height)[0].Values[..Spec.Labels.Count];

        // Some models end in a softmax, others do not.
        if (scores.Any(s => s < 0) || Math.Abs(scores.Sum() - 1) > 0.02) Student.Probabilities.FromScores(scores, multiple: false);
        return scores;
    }

    /// <summary>Runs the model once and reads its outputs, for the sake of the time it takes.</summary>
    internal void RunOnce(byte[] pixels)
    {
        var outputs = Run(pixels, Width, Height);
        if (Spec.Kind == ModelKind.Detector) _ = Suppress(Decode(outputs, Spec.Threshold)).Count();
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    // What the outputs look like, from a run on grey.
    private void Settle()
    {
        var outputs = Run([], 0, 0);
        if (Spec.Kind == ModelKind.Encoder)
        {
            Spec = Spec with { Layout = DetectorLayout.None };
            return;
        }

        if (Spec.Kind == ModelKind.Classifier)
        {
            if (outputs[0].Values.Length < Spec.Labels.Count) throw new ModelRefusedException($"The model answers {outputs[0].Values.Length} numbers, and {Spec.Labels.Count} labels were given.");
            if (outputs[0].Values.Length > Spec.Labels.Count) throw new ModelRefusedException($"The model knows {outputs[0].Values.Length} classes, and {Spec.Labels.Count} labels were given.");
            Spec = Spec with { Layout = DetectorLayout.None };
            return;
        }

        var layout = Spec.Layout is { } given and not DetectorLayout.None ? given : Guess(outputs);
        Spec = Spec with { Layout = layout };
        var classes = layout switch
        {
            DetectorLayout.Yolox or DetectorLayout.Yolov5 when outputs[0].Shape is [_, _, var columns] => columns - 5,
            DetectorLayout.Yolov8 when outputs[0].Shape is [_, var rows, _] => rows - 4,
            DetectorLayout.Detr or DetectorLayout.ScoresAndCorners when ScoresOf(outputs) is { Shape: [_, _, var columns] } => columns - 1,
            DetectorLayout.FastestDet when outputs[0].Shape is [_, var planes, _, _] => planes - 5,
            DetectorLayout.YuNet when GridOutputs.IsYuNet(outputs) => GridOutputs.YuNetClasses(outputs),
            _ => throw new ModelRefusedException($"The outputs ({string.Join(", ", outputs.Select(o => $"[{string.Join(", ", o.Shape)}]"))}) are not laid out as {layout} has them."),
        };
        if (layout == DetectorLayout.Detr && classes < Spec.Labels.Count && classes + 1 == Spec.Labels.Count) classes++;
        if (classes != Spec.Labels.Count) throw new ModelRefusedException($"The model knows {classes} classes, and {Spec.Labels.Count} labels were given.");
        _ = Decode(outputs, 0.999);
    }

    private DetectorLayout Guess(IReadOnlyList<ModelOutput> outputs)
    {
        var labels = Spec.Labels.Count;
        if (outputs.Count == 1 && outputs[0].Shape is [1, var rows, var columns])
        {
            // The cells of strides 8, 16 and 32 are as many rows as YOLOX has; YOLOv5 has three boxes a cell.
            if (columns == labels + 5) return rows == Cells() ? DetectorLayout.Yolox : DetectorLayout.Yolov5;
            if (rows == labels + 4) return DetectorLayout.Yolov8;
        }

        if (GridOutputs.IsFastestDet(outputs, labels)) return DetectorLayout.FastestDet;
        if (GridOutputs.IsYuNet(outputs)) return DetectorLayout.YuNet;
        if (ScoresOf(outputs) is { } scores && CornersOf(outputs) is not null)
            return scores.Values.Any(v => v is < 0 or > 1) ? DetectorLayout.Detr : DetectorLayout.ScoresAndCorners;
        throw new ModelRefusedException($"The layout of the outputs ({string.Join(", ", outputs.Select(o => $"{o.Name} [{string.Join(", ", o.Shape)}]"))}) is not known, or goes with another number of labels than {labels}. Known: {string.Join(", ", Enum.GetNames<DetectorLayout>().Skip(1))}.");
    }

    private int Cells() => (Width / 8 * (Height / 8)) + (Width / 16 * (Height / 16)) + (Width / 32 * (Height / 32));

    private static ModelOutput? CornersOf(IReadOnlyList<ModelOutput> outputs) => outputs.FirstOrDefault(o => o.Shape is [1, _, 4]);

    private static ModelOutput? ScoresOf(IReadOnlyList<ModelOutput> outputs)
    {
        var corners = CornersOf(outputs);
        return corners is null ? null : outputs.FirstOrDefault(o => !ReferenceEquals(o, corners) && o.Shape.Length == 3 && o.Shape[1] == corners.Shape[1]);
    }

    // What a byte of each channel becomes: three tables say it once for all pixels of all images.
    private static float[] TableOf(ModelSpec spec, int channels)
    {
        var table = new float[channels * 256];
        for (var c = 0; c < channels; c++)
        {
            var mean = spec.Mean.Count == 0 ? 0 : spec.Mean[spec.Mean.Count == 1 ? 0 : c];
            var deviation = spec.Deviation.Count == 0 ? 1 : spec.Deviation[spec.Deviation.Count == 1 ? 0 : c];
            for (var value = 0; value < 256; value++) table[(c * 256) + value] = (float)(((value / spec.Divisor) - mean) / deviation);
        }

        return table;
    }

    private void Prepare(ReadOnlySpan<byte> pixels, int width, int height, Span<float> values)
    {
        var plane = Width * Height;
        if (width < Width || height < Height)
        {
            for (var c = 0; c < _channels; c++)
            {
                var grey = _table[(c * 256) + Grey];
                if (!_channelsLast) values.Slice(c * plane, plane).Fill(grey);
                else for (var at = c; at < plane * _channels; at += _channels) values[at] = grey;
            }
        }

        for (var c = 0; c < _channels; c++)
        {
            ReadOnlySpan<float> table = _table.AsSpan(c * 256, 256);
            var channel = _channels == 1 ? 0 : Spec.Bgr ? 2 - c : c;
            var (start, step) = _channelsLast ? (c, _channels) : (c * plane, 1);
            for (var y = 0; y < height; y++)
            {
                var row = pixels.Slice(y * width * 3, width * 3);
                var to = start + (y * Width * step);
                for (var x = 0; x < row.Length; x += 3, to += step)
                    values[to] = table[_channels == 1 ? (int)((0.299f * row[x]) + (0.587f * row[x + 1]) + (0.114f * row[x + 2]) + 0.5f) : row[x + channel]];
            }
        }
    }

    private List<ModelOutput> Run(ReadOnlySpan<byte> pixels, int width, int height)
    {
        var length = Width * Height * _channels;
        var values = ArrayPool<float>.Shared.Rent(length);
        try
        {
            Prepare(pixels, width, height, values);
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values.AsMemory(0, length), _channelsLast ? [1, Height, Width, _channels] : [1, _channels, Height, Width]);
            using var options = new RunOptions();
            if (_outputs.Count == 0) throw new ModelRefusedException("The model has no output of floating-point numbers.");
            using var outputs = _session.Run(options, [_input], [input], _outputs);
            var read = new List<ModelOutput>();
            for (var i = 0; i < _outputs.Count; i++) read.Add(new ModelOutput(_outputs[i], [.. outputs[i].GetTensorTypeAndShape().Shape.Select(d => (int)d)], outputs[i].GetTensorDataAsSpan<float>().ToArray()));
            return read;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
        }
    }

    private List<Candidate> Decode(IReadOnlyList<ModelOutput> outputs, double threshold)
    {
        var found = new List<Candidate>();
        switch (Spec.Layout)
        {
            case DetectorLayout.Yolox:
                DecodeYolox(outputs[0], threshold, found);
                break;
            case DetectorLayout.Yolov5:
                DecodeRows(outputs[0], threshold, found);
                break;
            case DetectorLayout.Yolov8:
                DecodeColumns(outputs[0], threshold, found);
                break;
            case DetectorLayout.FastestDet:
                GridOutputs.FastestDet(outputs[0], Width, Height, threshold, found);
                break;
            case DetectorLayout.YuNet:
                GridOutputs.YuNet(outputs, Width, Height, threshold, found);
                break;
            default:
                DecodePairs(ScoresOf(outputs)!, CornersOf(outputs)!, threshold, found);
                break;
        }

        return found;
    }

    private void DecodeYolox(ModelOutput output, double threshold, List<Candidate> found)
    {
        if (output.Shape[1] != Cells()) throw new ModelRefusedException($"YOLOX has {Cells()} boxes for an image of {Width} x {Height} pixels; the model has {output.Shape[1]}.");
        var width = output.Shape[2];
        var row = 0;
        foreach (var stride in (ReadOnlySpan<int>)[8, 16, 32])
        {
            for (var y = 0; y < Height / stride; y++)
            {
                for (var x = 0; x < Width / stride; x++, row++)
                {
                    var values = output.Values.AsSpan(row * width, width);
                    var (label, score) = Best(values[5..]);
                    if ((score *= values[4]) < threshold) continue;
                    double w = Math.Exp(values[2]) * stride, h = Math.Exp(values[3]) * stride;
                    found.Add(new Candidate(label, ((values[0] + x) * stride) - (w / 2), ((values[1] + y) * stride) - (h / 2), w, h, score));
                }
            }
        }
    }

    private static void DecodeRows(ModelOutput output, double threshold, List<Candidate> found)
    {
        var width = output.Shape[2];
        for (var row = 0; row < output.Shape[1]; row++)
        {
            var values = output.Values.AsSpan(row * width, width);
            if (values[4] < threshold) continue;
            var (label, score) = Best(values[5..]);
            if ((score *= values[4]) >= threshold) found.Add(new Candidate(label, values[0] - (values[2] / 2), values[1] - (values[3] / 2), values[2], values[3], score));
        }
    }

    private static void DecodeColumns(ModelOutput output, double threshold, List<Candidate> found)
    {
        int rows = output.Shape[1], count = output.Shape[2];
        for (var i = 0; i < count; i++)
        {
            var (label, score) = (0, float.MinValue);
            for (var c = 4; c < rows; c++)
            {
                if (output.Values[(c * count) + i] is var value && value > score) (label, score) = (c - 4, value);
            }

            if (score < threshold) continue;
            float w = output.Values[(2 * count) + i], h = output.Values[(3 * count) + i];
            found.Add(new Candidate(label, output.Values[i] - (w / 2), output.Values[count + i] - (h / 2), w, h, score));
        }
    }

    private void DecodePairs(ModelOutput scores, ModelOutput corners, double threshold, List<Candidate> found)
    {
        var width = scores.Shape[2];
        var probabilities = new float[width];
        for (var i = 0; i < scores.Shape[1]; i++)
        {
            scores.Values.AsSpan(i * width, width).CopyTo(probabilities);
            var box = corners.Values.AsSpan(i * 4, 4);
            if (Spec.Layout == DetectorLayout.Detr)
            {
                // The last class is "nothing".
                Student.Probabilities.FromScores(probabilities, multiple: false);
                var (label, score) = Best(probabilities.AsSpan(0, Math.Min(Spec.Labels.Count, width - 1)));
                if (score >= threshold) found.Add(new Candidate(label, (box[0] - (box[2] / 2)) * Width, (box[1] - (box[3] / 2)) * Height, box[2] * Width, box[3] * Height, score));
            }
            else
            {
                // The first class is "nothing".
                var (label, score) = Best(probabilities.AsSpan(1));
                if (score >= threshold) found.Add(new Candidate(label, box[0] * Width, box[1] * Height, (box[2] - box[0]) * Width, (box[3] - box[1]) * Height, score));
            }
        }
    }

    private IEnumerable<Candidate> Suppress(List<Candidate> found)
    {
        var kept = new List<Candidate>();
        foreach (var candidate in found.Where(f => double.IsFinite(f.X + f.Y + f.Width + f.Height) && f.Width > 0 && f.Height > 0).OrderByDescending(f => f.Score).Take(MostCandidates))
        {
            if (kept.Any(k => k.Label == candidate.Label && ShapeMatching.Overlap(Of(k), Of(candidate)) > Spec.Suppression)) continue;
            kept.Add(candidate);
        }

        return kept;

        static Box Of(Candidate c) => new("", c.X, c.Y, c.Width, c.Height);
    }

    private static (int Label, float Score) Best(ReadOnlySpan<float> values)
    {
        var best = Student.Probabilities.Best(values);
        return (best, values[best]);
    }
}
