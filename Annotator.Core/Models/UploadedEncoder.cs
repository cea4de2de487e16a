using System.Globalization;
using Annotator.Core.Student;
using Annotator.Core.Student.Images;
using Annotator.Core.Student.Onnx;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Annotator.Core.Models;

/// <summary>
/// Makes an encoder of an uploaded network: an encoder's output, or what a classifier's last layer sees. Its preparation of pixels becomes part of the graph, so that whoever runs a student that was
/// trained on it gives it plain bytes. The made graph must say what the network itself says, or it is not taken.
/// </summary>
internal static class UploadedEncoder
{
    /// <summary>The most values that an encoder may say of an image: a student's weights grow with them.</summary>
    public const int MostDimensions = 8_192;

    // Where a network does not say which size it takes: what nearly all of them were trained on.
    private const int UsualSide = 224;

    // Operators of before this version differ from what is written here.
    private const int OldestOpset = 11;

    private const double Tolerance = 2e-3;

    // What stands between a classifier's last layer and its answer.
    private static readonly HashSet<string> s_after = new(StringComparer.Ordinal) { "Softmax", "LogSoftmax", "Sigmoid", "Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Add", "Cast" };

    /// <summary>Makes an encoder.</summary>
    /// <param name="name">Its name in the files of students.</param>
    /// <param name="file">The ONNX file; one that <see cref="VisionSession"/> opens.</param>
    /// <param name="spec">How pixels go in, and whether it is a classifier.</param>
    /// <exception cref="ModelRefusedException">No encoder can be made of it; the message says why.</exception>
    public static ImageEncoder Make(string name, byte[] file, ModelSpec spec)
    {
        var model = ModelProto.Parser.ParseFrom(file);
        if (model.Graph.Node.Any(n => n.Attribute.Any(a => a.G is not null))) throw new ModelRefusedException("The model has loops or branches; an encoder has none.");
        var network = Network.Read(model, spec);
        var own = (int)(model.OpsetImport.FirstOrDefault(o => o.Domain is "" or "ai.onnx")?.Version ?? 1);
        var reason = $"it is written for version {own} of ONNX's operators, and {OldestOpset} is the oldest that can be joined with a student";

        // Newer versions of most operators mean the same; where they do not, the numbers below tell.
        foreach (var opset in (int[])[Math.Max(own, OnnxGraph.Opset), own])
        {
            if (opset < OldestOpset) continue;
            try
            {
                if (Build(name, network, opset) is { } encoder) return encoder;
                reason = "what it says as a part of a student is not what it says by itself";
            }
            catch (OnnxRuntimeException e)
            {
                reason = e.Message;
            }
        }

        throw new ModelRefusedException($"The model cannot be the encoder of a student: {reason}.");
    }

    private static ImageEncoder? Build(string name, Network network, int opset)
    {
        var canvases = Samples(network.Width, network.Height);
        var shape = ShapeOf(network, opset, canvases[0]);
        string Append(OnnxGraph graph, string image)
        {
            var features = Raw(graph, network, image, opset);
            return shape switch
            {
                // A map of features: its mean over the image. Tokens of a transformer: the first, which stands for the image.
                [_, _, var height, var width] when height * width > 1 => graph.Node("Flatten", [graph.Node("GlobalAveragePool", [features])], ("axis", 1)),
                [_, > 1, _] => graph.Node("Gather", [features, graph.ConstantScalar(0)], ("axis", 1)),
                _ => graph.Node("Flatten", [features], ("axis", 1)),
            };
        }

        var dimensions = (int)(shape switch { [_, var channels, var h, var w] when h * w > 1 => channels, [_, > 1, var wide] => wide, _ => shape[1..].Aggregate(1L, (a, b) => a * b) });
        if (dimensions is < 2 or > MostDimensions) throw new ModelRefusedException($"The model says {dimensions:N0} numbers of an image; 2 to {MostDimensions:N0} are taken.");
        foreach (var batched in (bool[])[true, false])
        {
            ImageEncoder? encoder = null;
            try
            {
                encoder = new ImageEncoder(name, Write(Append, network, opset, batched, dimensions), dimensions, (network.Width, network.Height), Append, opset, batched);
                if (Agrees(encoder, network, canvases, shape)) return encoder;
            }
            catch (OnnxRuntimeException) when (batched)
            {
                // Its shapes are of one image: then it is given one at a time.
            }

            encoder?.Dispose();
        }

        return null;
    }

    private static byte[] Write(Func<OnnxGraph, string, string> append, Network network, int opset, bool batched, int dimensions)
    {
        var graph = new OnnxGraph("encoder", opset);
        var features = append(graph, ImageEncoder.InputOf(graph, opset, batched, network.Width, network.Height));
        graph.Output("features", features, OnnxType.Float, batched ? "N" : "1", dimensions.ToString(CultureInfo.InvariantCulture));
        return graph.Build(StudentGraph.Producer, "1");
    }

    // Bytes to what the network takes, and the value that is wanted of it.
    private static string Raw(OnnxGraph graph, Network network, string image, int opset)
    {
        var canvas = ImageEncoder.Canvas(graph, image, network.Width, network.Height, opset);
        var (weights, offsets) = network.Preparation();
        var prepared = graph.Node("Conv", [canvas, graph.Constant(weights, network.Channels, 3, 1, 1), graph.Constant(offsets, network.Channels)]);
        if (network.ChannelsLast) prepared = graph.Node("Transpose", [prepared], ("perm", new long[] { 0, 2, 3, 1 }));
        return graph.Include(network.Model, network.Input, prepared, network.Wanted);
    }

    private static long[] ShapeOf(Network network, int opset, byte[] canvas)
    {
        var graph = new OnnxGraph("shape", opset);
        var raw = Raw(graph, network, ImageEncoder.InputOf(graph, opset, batched: false, network.Width, network.Height), opset);
        graph.Output("shape", graph.Node("Shape", [raw]), OnnxType.Int64, "R");
        using var session = Open(graph.Build(StudentGraph.Producer, "1"));
        using var run = new RunOptions();
        using var input = Canvases.Tensor(canvas, 1, network.Width, network.Height);
        using var outputs = session.Run(run, ["image"], [input], ["shape"]);
        long[] shape = [.. outputs[0].GetTensorDataAsSpan<long>()];
        return shape.Length is >= 2 and <= 4 ? shape : throw new ModelRefusedException($"What the model says of an image has {shape.Length} dimensions; two to four are known.");
    }

    // Alone, and two at a time where that is meant to work: the same as the network itself.
    private static bool Agrees(ImageEncoder encoder, Network network, byte[][] canvases, long[] shape)
    {
        var both = encoder.Encode(Canvases.Join(canvases));
        var width = encoder.Options.Dimensions;
        var exposed = network.Model.Clone();
        if (!exposed.Graph.Output.Any(o => string.Equals(o.Name, network.Wanted, StringComparison.Ordinal)))
            exposed.Graph.Output.Add(new ValueInfoProto { Name = network.Wanted, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)OnnxType.Float } } });
        using var session = Open(exposed.ToByteArray());
        using var run = new RunOptions();
        for (var i = 0; i < canvases.Length; i++)
        {
            using var input = OrtValue.CreateTensorValueFromMemory(network.Tensor(canvases[i]), network.ChannelsLast ? [1, network.Height, network.Width, network.Channels] : [1, network.Channels, network.Height, network.Width]);
            using var outputs = session.Run(run, [network.Input], [input], [network.Wanted]);
            var said = Pooled(outputs[0].GetTensorDataAsSpan<float>(), shape, width);
            var scale = said.Max(Math.Abs) + 1e-6;
            for (var k = 0; k < width; k++)
            {
                var value = both[(i * width) + k];
                if (!float.IsFinite(value)) throw new ModelRefusedException("The model's answer is not a finite number.");
                if (Math.Abs(value - said[k]) > Tolerance * scale) return false;
            }
        }

        return true;
    }

    private static double[] Pooled(ReadOnlySpan<float> values, long[] shape, int width)
    {
        var pooled = new double[width];
        var each = shape is [_, _, var height, var wide] && height * wide > 1 ? (int)(height * wide) : 1;
        for (var k = 0; k < width; k++)
        {
            for (var i = 0; i < each; i++) pooled[k] += values[(k * each) + i] / (double)each;
        }

        return pooled;
    }

    private static byte[][] Samples(int width, int height)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, 2).Select(_ =>
        {
            var pixels = new byte[width * height * 3];
            random.NextBytes(pixels);
            return pixels;
        })];
    }

    private static InferenceSession Open(byte[] file)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        return new InferenceSession(file, options);
    }

    /// <summary>A network as it was uploaded.</summary>
    private sealed record Network(ModelProto Model, string Input, string Wanted, int Width, int Height, int Channels, bool ChannelsLast, ModelSpec Spec)
    {
        public static Network Read(ModelProto model, ModelSpec spec)
        {
            var constants = model.Graph.Initializer.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
            var input = model.Graph.Input.Single(i => !constants.Contains(i.Name));
            var shape = input.Type.TensorType.Shape.Dim.Select(d => (int)d.DimValue).ToArray();
            var last = shape[3] is 1 or 3 && shape[1] is not (1 or 3);
            var (height, width) = last ? (shape[1], shape[2]) : (shape[2], shape[3]);
            return new Network(
                model, input.Name, spec.Kind == ModelKind.Classifier ? BeforeLastLayer(model.Graph, constants) : model.Graph.Output[0].Name,
                width > 0 ? width : UsualSide, height > 0 ? height : UsualSide, last ? shape[3] : shape[1], last, spec);
        }

        // Weights [channels, 3] and offsets of a convolution that makes of colours of 0 to 255 what the spec says.
        public (float[] Weights, float[] Offsets) Preparation()
        {
            var (weights, offsets) = (new float[Channels * 3], new float[Channels]);
            for (var c = 0; c < Channels; c++)
            {
                var mean = Spec.Mean.Count == 0 ? 0 : Spec.Mean[Spec.Mean.Count == 1 ? 0 : c];
                var deviation = Spec.Deviation.Count == 0 ? 1 : Spec.Deviation[Spec.Deviation.Count == 1 ? 0 : c];
                var scale = 1 / (Spec.Divisor * deviation);
                offsets[c] = (float)(-mean / deviation);
                if (Channels == 1) (weights[0], weights[1], weights[2]) = ((float)(0.299 * scale), (float)(0.587 * scale), (float)(0.114 * scale));
                else weights[(c * 3) + (Spec.Bgr ? 2 - c : c)] = (float)scale;
            }

            return (weights, offsets);
        }

        public float[] Tensor(byte[] pixels)
        {
            var (weights, offsets) = Preparation();
            var values = new float[Width * Height * Channels];
            for (var at = 0; at < Width * Height; at++)
            {
                for (var c = 0; c < Channels; c++)
                {
                    var value = offsets[c];
                    for (var k = 0; k < 3; k++) value += weights[(c * 3) + k] * pixels[(at * 3) + k];
                    values[ChannelsLast ? (at * Channels) + c : (c * Width * Height) + at] = value;
                }
            }

            return values;
        }

        // Back from the answer to the layer of weights that it comes from: what goes in there is what the network sees in an image. A network that ends otherwise is taken by its scores.
        private static string BeforeLastLayer(GraphProto graph, HashSet<string> constants)
        {
            var producer = graph.Node.SelectMany(n => n.Output.Select(o => (o, n))).ToDictionary(p => p.o, p => p.n, StringComparer.Ordinal);
            foreach (var node in graph.Node)
            {
                if (node.Input.Count == 0 || node.Input.All(i => i.Length == 0 || constants.Contains(i))) constants.UnionWith(node.Output);
            }

            var (value, scores) = (graph.Output[0].Name, graph.Output[0].Name);
            while (producer.TryGetValue(value, out var node))
            {
                var from = node.Input.Where(i => i.Length > 0 && !constants.Contains(i)).ToList();
                if (from.Count != 1) break;
                if (node.OpType is "Gemm" or "MatMul" && node.Input.Count > 1 && constants.Contains(node.Input[1])) return node.Input[0];
                if (!s_after.Contains(node.OpType)) break;
                value = from[0];
                if (node.OpType is "Softmax" or "LogSoftmax" or "Sigmoid") scores = value;
            }

            return scores;
        }
    }
}
