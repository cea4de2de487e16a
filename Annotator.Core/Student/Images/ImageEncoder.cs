using Microsoft.ML.OnnxRuntime;

namespace Annotator.Core.Student.Images;

/// <summary>
/// Turns images into rows of features. The built-in encoder needs no download and learns nothing, so its rows never change: an image becomes 64 x 64 pixels; of these it keeps
/// how strong edges of eight directions are around each of 8 x 8 places, at two widths, relative to their surroundings (histograms of oriented gradients, Dalal and
/// Triggs 2005, computed as a small convolutional network), and a coarse picture of brightness and colour; of images that are large enough it looks at 128 x 128 pixels and keeps a third,
/// finer width as well. An uploaded one is a network that somebody trained elsewhere. Either is an ONNX graph, and the same graph is
/// the front half of every student of images, so that training and inference cannot differ. Thread-safe.
/// </summary>
public sealed class ImageEncoder : IDisposable
{
    /// <summary>Name of the built-in encoder, in the files of students.</summary>
    public const string BuiltIn = "annotator-edges-1";

    /// <summary>Name of the built-in encoder for larger images.</summary>
    public const string BuiltInFine = "annotator-edges-2";

    /// <summary>Width and height in pixels that images are brought to by the built-in encoder.</summary>
    public const int Side = 64;

    /// <summary>The same for larger images.</summary>
    public const int FineSide = 128;

    /// <summary>Bytes of an image of the built-in encoder: red, green and blue of each pixel, row by row.</summary>
    public const int CanvasBytes = Side * Side * 3;

    /// <summary>The inverse penalty that suits these features: measured on digits, see docs/images.md.</summary>
    internal const double Cost = 32;

    private const int Directions = 8;
    private const int FineCells = 8;
    private const int CoarseCells = 4;
    private const int Batch = 64;

    private static readonly Lazy<ImageEncoder> s_default = new(() => MakeBuiltIn(BuiltIn, Side));
    private static readonly Lazy<ImageEncoder> s_fine = new(() => MakeBuiltIn(BuiltInFine, FineSide));

    private readonly InferenceSession _session;
    private readonly Func<OnnxGraph, string, string> _append;

    internal ImageEncoder(string name, byte[] file, int dimensions, (int Width, int Height) canvas, Func<OnnxGraph, string, string> append, int opset = OnnxGraph.Opset, bool batched = true)
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        _session = new InferenceSession(file, options);
        _append = append;
        (CanvasWidth, CanvasHeight, GraphOpset, IsBatched) = (canvas.Width, canvas.Height, opset, batched);
        Options = new ImageFeatureOptions(name, dimensions) { Source = this };
    }

    /// <summary>The built-in one; made when it is first asked for.</summary>
    public static ImageEncoder Default => s_default.Value;

    /// <summary>The built-in one for images that have more to see than <see cref="Side"/> pixels show.</summary>
    public static ImageEncoder Fine => s_fine.Value;

    /// <summary>What its rows are.</summary>
    public ImageFeatureOptions Options { get; }

    /// <summary>Width in pixels that images are brought to.</summary>
    public int CanvasWidth { get; }

    /// <summary>Height in pixels that images are brought to.</summary>
    public int CanvasHeight { get; }

    /// <summary>Bytes of an image as it takes them.</summary>
    public int BytesOfCanvas => CanvasWidth * CanvasHeight * 3;

    /// <summary>The version of ONNX's operators that its graph is written for.</summary>
    internal int GraphOpset { get; }

    /// <summary>Whether its graph takes several images at a time.</summary>
    internal bool IsBatched { get; }

    /// <summary>Encodes images.</summary>
    /// <param name="canvases">Images of <see cref="BytesOfCanvas"/> bytes each, one after the other.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    /// <returns>[image, value], row-major.</returns>
    /// <exception cref="ArgumentException">The bytes are no whole number of images.</exception>
    public float[] Encode(ReadOnlyMemory<byte> canvases, CancellationToken cancellationToken = default)
    {
        if (canvases.Length % BytesOfCanvas != 0) throw new ArgumentException($"{canvases.Length} bytes are no images of {BytesOfCanvas}.", nameof(canvases));
        var count = canvases.Length / BytesOfCanvas;
        var width = Options.Dimensions;
        var rows = new float[count * width];
        var most = IsBatched ? Math.Clamp(Batch * CanvasBytes / BytesOfCanvas, 1, Batch) : 1;
        using var run = new RunOptions();
        for (var from = 0; from < count; from += most)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var size = Math.Min(most, count - from);
            using var input = Canvases.Tensor(canvases.Slice(from * BytesOfCanvas, size * BytesOfCanvas), size, CanvasWidth, CanvasHeight);
            using var outputs = _session.Run(run, ["image"], [input], ["features"]);
            outputs[0].GetTensorDataAsSpan<float>().CopyTo(rows.AsSpan(from * width));
        }

        return rows;
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    /// <summary>Appends the encoder to a graph.</summary>
    /// <param name="graph">The graph; of <see cref="GraphOpset"/>.</param>
    /// <returns>Its features, [N, values].</returns>
    internal string AppendTo(OnnxGraph graph) => _append(graph, InputOf(graph, GraphOpset, IsBatched, CanvasWidth, CanvasHeight));

    /// <summary>The input of a graph of images: of any size where the operators of its version can bring it to the encoder's, else of that one.</summary>
    internal static string InputOf(OnnxGraph graph, int opset, bool batched, int width, int height)
    {
        var resizes = opset >= OnnxGraph.ResizesByAxes;
        string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return graph.Input("image", OnnxType.Byte, batched ? "N" : "1", resizes ? "H" : Text(height), resizes ? "W" : Text(width), "3");
    }

    private static int WidthOf(int side) => (Directions * ((FineCells * FineCells) + (CoarseCells * CoarseCells))) + (FineCells * FineCells) + (2 * CoarseCells * CoarseCells)
        + (side > Side ? Directions * FineCells * FineCells : 0);

    // Bytes [N, height, width, 3] as numbers [N, 3, height, width] of a size.
    internal static string Canvas(OnnxGraph graph, string image, int width, int height, int opset)
    {
        var colours = graph.Node("Transpose", [graph.Node("Cast", [image], ("to", (int)OnnxType.Float))], ("perm", new long[] { 0, 3, 1, 2 }));
        return opset < OnnxGraph.ResizesByAxes ? colours
            : graph.Node("Resize", [colours, "", "", graph.Constant([height, width], 2)], ("mode", "linear"), ("antialias", 1), ("axes", new long[] { 2, 3 }));
    }

    private static string AppendBuiltIn(OnnxGraph graph, string image, int side)
    {
        var canvas = Canvas(graph, image, side, side, OnnxGraph.Opset);
        string? finest = null;
        if (side > Side)
        {
            var large = Grey(graph, canvas);
            finest = Edges(graph, large, radius: 3, sigma: 1.1, cell: 32, stride: 16);
            canvas = graph.Node("Resize", [canvas, "", "", graph.Constant([Side, Side], 2)], ("mode", "linear"), ("antialias", 1), ("axes", new long[] { 2, 3 }));
        }

        // Brightness of 0 to 1, and how much redder and bluer than that a place is.
        var grey = Grey(graph, canvas);
        var chroma = graph.Node("Conv", [canvas, graph.Constant([0.5f / 255, -0.5f / 255, 0, -0.25f / 255, -0.25f / 255, 0.5f / 255], 2, 3, 1, 1)]);

        var fine = Edges(graph, grey, radius: 3, sigma: 1.1, cell: 16, stride: 8);
        var coarse = Edges(graph, grey, radius: 6, sigma: 2.4, cell: 24, stride: 16);
        var light = graph.Node("Flatten", [Pool(graph, graph.Node("Sub", [grey, graph.Constant([0.5f], 1)]), 8, 8, 0)], ("axis", 1));
        var colour = graph.Node("Flatten", [Pool(graph, chroma, 16, 16, 0)], ("axis", 1));
        List<string> parts = [Unit(graph, fine, 1), Unit(graph, coarse, 0.7f), Times(graph, light, 0.05f), Times(graph, colour, 0.5f)];
        if (finest is not null) parts.Add(Unit(graph, finest, 0.7f));
        return graph.Node("Concat", parts, ("axis", 1));
    }

    private static string Grey(OnnxGraph graph, string canvas) => graph.Node("Conv", [canvas, graph.Constant([0.299f / 255, 0.587f / 255, 0.114f / 255], 1, 3, 1, 1)]);

    private static ImageEncoder MakeBuiltIn(string name, int side)
    {
        string Append(OnnxGraph graph, string image) => AppendBuiltIn(graph, image, side);
        var graph = new OnnxGraph("encoder");
        var features = Append(graph, InputOf(graph, OnnxGraph.Opset, batched: true, side, side));
        graph.Output("features", features, OnnxType.Float, "N", WidthOf(side).ToString(System.Globalization.CultureInfo.InvariantCulture));
        return new ImageEncoder(name, graph.Build(StudentGraph.Producer, "1"), WidthOf(side), (side, side), Append);
    }

    // Strength of edges in eight directions around each place, relative to all edges nearby, compressed by the square root.
    private static string Edges(OnnxGraph graph, string grey, int radius, double sigma, int cell, int stride)
    {
        var margin = (cell - stride) / 2;
        var padded = graph.Node("Pad", [grey, graph.Constant([0, 0, radius, radius, 0, 0, radius, radius], 8)], ("mode", "edge"));
        var side = (2 * radius) + 1;
        var slope = graph.Node("Conv", [padded, graph.Constant(Slopes(radius, sigma), 2, 1, side, side)]);
        var one = graph.Constant(1);
        var square = graph.Node("ReduceSum", [graph.Node("Mul", [slope, slope]), one], ("keepdims", 1));
        var strength = graph.Node("Sqrt", [graph.Node("Add", [square, graph.Constant([1e-6f], 1)])]);
        var directions = new float[Directions * 2];
        for (var d = 0; d < Directions; d++) (directions[2 * d], directions[(2 * d) + 1]) = ((float)Math.Cos(2 * Math.PI * d / Directions), (float)Math.Sin(2 * Math.PI * d / Directions));
        var along = graph.Node("Relu", [graph.Node("Conv", [slope, graph.Constant(directions, Directions, 2, 1, 1)])]);
        var share = graph.Node("Div", [along, strength]);
        var sharp = graph.Node("Mul", [share, share]);
        sharp = graph.Node("Mul", [sharp, sharp]);
        var edges = Pool(graph, graph.Node("Mul", [sharp, strength]), cell, stride, margin);
        var energy = graph.Node("ReduceSum", [graph.Node("Mul", [edges, edges]), one], ("keepdims", 1));
        var around = graph.Node("Sqrt", [graph.Node("Add", [Pool(graph, energy, 3, 1, 1), graph.Constant([1e-4f], 1)])]);
        return graph.Node("Flatten", [graph.Node("Sqrt", [graph.Node("Div", [edges, around])])], ("axis", 1));
    }

    private static string Pool(OnnxGraph graph, string value, int cell, int stride, int margin) => graph.Node(
        "AveragePool", [value], ("kernel_shape", new long[] { cell, cell }), ("strides", new long[] { stride, stride }), ("pads", new long[] { margin, margin, margin, margin }));

    private static string Unit(OnnxGraph graph, string value, float weight)
    {
        var length = graph.Node("Sqrt", [graph.Node("ReduceSum", [graph.Node("Mul", [value, value]), graph.Constant(1)], ("keepdims", 1))]);
        return Times(graph, graph.Node("Div", [value, graph.Node("Max", [length, graph.Constant([1e-6f], 1)])]), weight);
    }

    private static string Times(OnnxGraph graph, string value, float weight) => graph.Node("Mul", [value, graph.Constant([weight], 1)]);

    // Derivatives of a Gaussian along x and y.
    private static float[] Slopes(int radius, double sigma)
    {
        var side = (2 * radius) + 1;
        var kernels = new float[2 * side * side];
        double sum = 0;
        for (var y = -radius; y <= radius; y++)
        {
            for (var x = -radius; x <= radius; x++)
            {
                var weight = Math.Exp(-((x * x) + (y * y)) / (2 * sigma * sigma));
                var at = ((y + radius) * side) + x + radius;
                (kernels[at], kernels[(side * side) + at]) = ((float)(x * weight), (float)(y * weight));
                sum += x * x * weight;
            }
        }

        for (var i = 0; i < kernels.Length; i++) kernels[i] /= (float)sum;
        return kernels;
    }
}

/// <summary>Images as tensors.</summary>
internal static class Canvases
{
    /// <summary>Those that are there, one after the other.</summary>
    public static byte[] Join(IReadOnlyList<byte[]?> canvases)
    {
        var joined = new byte[canvases.Sum(c => c?.Length ?? 0)];
        var at = 0;
        foreach (var canvas in canvases)
        {
            if (canvas is null) continue;
            canvas.CopyTo(joined, at);
            at += canvas.Length;
        }

        return joined;
    }

    /// <summary>Bytes [count, height, width, 3] over memory that must outlive it.</summary>
    public static OrtValue Tensor(ReadOnlyMemory<byte> canvases, int count, int width, int height)
    {
        // ONNX Runtime asks for writable memory, and only reads its inputs.
        var memory = System.Runtime.InteropServices.MemoryMarshal.AsMemory(canvases);
        return OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, memory, [count, height, width, 3]);
    }
}
