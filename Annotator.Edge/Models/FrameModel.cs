using System.Globalization;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Edge.Annotating;
using Microsoft.ML.OnnxRuntime;

namespace Annotator.Edge.Models;

/// <summary>
/// A classifier of pictures in one ONNX file. Takes the two usual shapes of input: <c>uint8[N, H, W, 3]</c>, scaled inside the graph, and
/// <c>float[N, 3, H, W]</c>, which gets RGB from 0 to 1 less mean over deviation (metadata <c>mean</c> and <c>std</c>, else those of ImageNet). Classes stand in the
/// metadata (<c>classes</c>, a JSON list). An output named <c>probabilities</c> is taken as it is, any other through softmax.
/// </summary>
internal sealed class FrameModel : IEdgeModel
{
    private readonly InferenceSession _session;
    private readonly string _input;
    private readonly string _output;
    private readonly bool _isBytes;
    private readonly bool _isProbability;
    private readonly float[] _mean;
    private readonly float[] _deviation;
    private float[] _planes = [];

    private FrameModel(InferenceSession session, IReadOnlyList<string>? classes)
    {
        _session = session;
        var (name, meta) = session.InputMetadata.First();
        (_input, _isBytes) = (name, meta.ElementType == typeof(byte));
        var dimensions = meta.Dimensions;
        (Height, Width) = _isBytes ? (dimensions[1], dimensions[2]) : (dimensions[2], dimensions[3]);
        if (Height <= 0 || Width <= 0) (Height, Width) = (224, 224);
        _isProbability = session.OutputMetadata.ContainsKey("probabilities");
        _output = _isProbability ? "probabilities" : session.OutputMetadata.First(o => o.Value.ElementType == typeof(float)).Key;
        var metadata = session.ModelMetadata.CustomMetadataMap;
        _mean = Numbers(metadata, "mean") ?? [0.485f, 0.456f, 0.406f];
        _deviation = Numbers(metadata, "std") ?? [0.229f, 0.224f, 0.225f];
        Classes = classes ?? Names(metadata) ?? [.. Enumerable.Range(0, Math.Max(1, session.OutputMetadata[_output].Dimensions[^1])).Select(i => i.ToString(CultureInfo.InvariantCulture))];
    }

    /// <summary>Labels, in the order of the output.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Height of the input, in pixels.</summary>
    public int Height { get; }

    /// <summary>Width of the input, in pixels.</summary>
    public int Width { get; }

    /// <summary>Whether a file is a model of pictures.</summary>
    /// <exception cref="OnnxRuntimeException">It is no model at all.</exception>
    public static bool IsOne(byte[] file)
    {
        using var session = new InferenceSession(file, Options(1));
        return session.InputMetadata.Count == 1 && session.InputMetadata.First().Value is { Dimensions.Length: 4 };
    }

    /// <summary>Opens a model.</summary>
    /// <param name="file">The file.</param>
    /// <param name="classes">Names of the classes, where the file has none.</param>
    /// <param name="threads">Threads for one picture.</param>
    public static FrameModel Load(byte[] file, IReadOnlyList<string>? classes, int threads = 1) => new(new InferenceSession(file, Options(threads)), classes);

    /// <inheritdoc/>
    public IReadOnlyList<EdgeOpinion> Predict(IReadOnlyList<EdgeItem> items)
    {
        // One by one: for pictures a batch saves nothing on a small processor, and makes the first wait for the last.
        var opinions = new EdgeOpinion[items.Count];
        for (var i = 0; i < opinions.Length; i++) opinions[i] = Predict(items[i].Frame ?? throw new InvalidOperationException("This model labels pictures, and the item is none."));
        return opinions;
    }

    /// <inheritdoc/>
    public void Try() => Predict(new Frame(Width, Height, new byte[3 * Width * Height]));

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private static SessionOptions Options(int threads)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };

        // Threads that wait for each other in a loop take the core from the one that they wait for, and from ffmpeg: where there are no more cores than threads, all stand still.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        return options;
    }

    private EdgeOpinion Predict(Frame frame)
    {
        if (frame.Width != Width || frame.Height != Height || frame.Pixels.Length != 3 * Width * Height) throw new InvalidOperationException($"The model takes pictures of {Width} × {Height} pixels.");
        using var input = _isBytes ? OrtValue.CreateTensorValueFromMemory(frame.Pixels, [1, Height, Width, 3]) : OrtValue.CreateTensorValueFromMemory(Planes(frame.Pixels), [1, 3, Height, Width]);
        using var options = new RunOptions();
        using var outputs = _session.Run(options, [_input], [input], [_output]);
        var scores = outputs[0].GetTensorDataAsSpan<float>();
        var best = 0;
        for (var c = 1; c < scores.Length; c++)
        {
            if (scores[c] > scores[best]) best = c;
        }

        var probability = (double)scores[best];
        if (!_isProbability)
        {
            var sum = 0.0;
            foreach (var score in scores) sum += Math.Exp(score - scores[best]);
            probability = 1 / sum;
        }

        if (!double.IsFinite(probability)) throw new InvalidOperationException("The model's output is no number.");
        return new EdgeOpinion(LabelJson.Write(new ChoiceValue(best < Classes.Count ? Classes[best] : best.ToString(CultureInfo.InvariantCulture))), Math.Clamp(probability, 0, 1), 1);
    }

    // RGB rows to normalised planes.
    private float[] Planes(byte[] pixels)
    {
        var plane = Width * Height;
        if (_planes.Length != 3 * plane) _planes = new float[3 * plane];
        for (var c = 0; c < 3; c++)
        {
            var (scale, shift) = (1 / (255 * _deviation[c]), _mean[c] / _deviation[c]);
            var target = _planes.AsSpan(c * plane, plane);
            for (var p = 0; p < target.Length; p++) target[p] = (pixels[(3 * p) + c] * scale) - shift;
        }

        return _planes;
    }

    private static float[]? Numbers(Dictionary<string, string> metadata, string name)
    {
        if (!metadata.TryGetValue(name, out var text)) return null;
        var parts = text.Trim('[', ']', ' ').Split(',', StringSplitOptions.TrimEntries);
        return parts.Length == 3 && parts.All(p => float.TryParse(p, NumberStyles.Float, CultureInfo.InvariantCulture, out _)) ? [.. parts.Select(p => float.Parse(p, CultureInfo.InvariantCulture))] : null;
    }

    private static List<string>? Names(Dictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue("classes", out var json)) return null;
        using var document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateArray().Select(e => e.GetString() ?? "")];
    }
}
