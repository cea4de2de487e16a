using System.Globalization;
using System.Runtime.InteropServices;
using Annotator.Core.Student.Onnx;
using Google.Protobuf;

namespace Annotator.Core.Student.Quantizing;

/// <summary>A model whose weights are of eight bits.</summary>
/// <param name="File">The ONNX file.</param>
/// <param name="Layers">How many layers were changed; 0: the file is the one that was given.</param>
/// <param name="Weights">How many weights they have.</param>
public sealed record QuantizedModel(byte[] File, int Layers, long Weights);

/// <summary>A model cannot be quantised; the message says why.</summary>
public sealed class QuantizationException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Dynamic quantisation of an ONNX model to int8: the weights of dense layers (MatMul, Gemm) and of tables (Gather, as in the head of a student of texts) become
/// signed bytes with one scale for each output; what goes into a dense layer is quantised as it comes (DynamicQuantizeLinear) and multiplied in whole numbers
/// (MatMulInteger). Everything else, convolutions too, stays as it is. One file in, one file out, a quarter of the size where the weights are.
/// </summary>
/// <remarks>
/// Symmetric, a scale for each output channel, as in Jacob et al. 2018 ("Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference") and Krishnamoorthi 2018.
/// What it costs in accuracy has to be measured on the model at hand: nothing here promises it.
/// </remarks>
public static class OnnxQuantizer
{
    /// <summary>Layers with fewer weights than this are left alone: they would get slower and hardly smaller.</summary>
    public const int FewestWeights = 1_024;

    // Products of bytes are added in pairs of 16 bits on processors without VNNI, and a pair of full bytes overflows there: weights of dense layers get seven bits.
    private const int LargestOfDense = 63;
    private const int LargestOfTable = 127;
    private const int OldestOpset = 11;

    /// <summary>Quantises a model.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <exception cref="QuantizationException">It is no ONNX model, or one of before opset 11, which has no operators for it.</exception>
    public static QuantizedModel Quantize(byte[] file)
    {
        ArgumentNullException.ThrowIfNull(file);
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(file);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new QuantizationException("The file is no complete ONNX model.", e);
        }

        if (model.Graph is null || model.Graph.Node.Count == 0) throw new QuantizationException("The file is no ONNX model.");
        var opset = model.OpsetImport.FirstOrDefault(o => o.Domain is "" or "ai.onnx")?.Version ?? 0;
        if (opset < OldestOpset) throw new QuantizationException($"The model is of opset {opset}; {OldestOpset} or later is needed.");
        var work = new Work(model.Graph);
        work.Run();
        return work.Layers == 0 ? new QuantizedModel(file, 0, 0) : new QuantizedModel(model.ToByteArray(), work.Layers, work.Weights);
    }

    private sealed class Work(GraphProto graph)
    {
        private readonly Dictionary<string, TensorProto> _tensors = graph.Initializer.Where(IsMatrix).ToDictionary(t => t.Name, StringComparer.Ordinal);
        private readonly ILookup<string, NodeProto> _readers = graph.Node.SelectMany(n => n.Input.Distinct(StringComparer.Ordinal).Select(i => (Input: i, Node: n))).ToLookup(p => p.Input, p => p.Node, StringComparer.Ordinal);
        private readonly HashSet<string> _outputs = [.. graph.Output.Select(o => o.Name)];
        private readonly Dictionary<string, (string Bytes, string Scale, string Zero)> _inputs = new(StringComparer.Ordinal);
        private readonly Dictionary<(string Name, bool Transposed, int Largest), (string Bytes, string Scales)> _done = [];
        private readonly List<NodeProto> _nodes = [];

        // Where a table's rows are added up before they are scaled: the node that adds them, and the scales.
        private readonly Dictionary<NodeProto, string> _later = [];
        private int _count;

        public int Layers { get; private set; }

        public long Weights { get; private set; }

        public void Run()
        {
            foreach (var node in graph.Node.ToList())
            {
                if (!Replace(node)) _nodes.Add(node);
            }

            graph.Node.Clear();
            graph.Node.Add(_nodes);

            // Weights that nobody reads any more.
            var read = _nodes.SelectMany(n => n.Input).Concat(_outputs).ToHashSet(StringComparer.Ordinal);
            foreach (var tensor in graph.Initializer.Where(t => !read.Contains(t.Name)).ToList())
            {
                graph.Initializer.Remove(tensor);
                foreach (var input in graph.Input.Where(i => string.Equals(i.Name, tensor.Name, StringComparison.Ordinal)).ToList()) graph.Input.Remove(input);
            }
        }

        private static bool IsMatrix(TensorProto t) =>
            t is { DataType: (int)OnnxType.Float, Dims.Count: 2, DataLocation: 0 } && t.RawData.Length == 4 * t.Dims[0] * t.Dims[1] && t.Dims[0] * t.Dims[1] >= FewestWeights;

        private bool Replace(NodeProto node)
        {
            if (_later.TryGetValue(node, out var scales))
            {
                // The sum of a table's rows, in units of each column.
                var sums = node.Clone();
                sums.Output[0] = Name("sums");
                _nodes.Add(sums);
                Add("Mul", [sums.Output[0], scales], node.Output[0]);
                return true;
            }

            if (node.Domain is not ("" or "ai.onnx")) return false;
            return node.OpType switch
            {
                "MatMul" => node.Input.Count == 2 && _tensors.TryGetValue(node.Input[1], out var weights) && Dense(node, weights, transposed: false, bias: null),
                "Gemm" => IsPlain(node, out var transposed) && _tensors.TryGetValue(node.Input[1], out var weights) && Dense(node, weights, transposed, node.Input.Count > 2 ? node.Input[2] : null),
                "Gather" => Number(node, "axis", 0) == 0 && _tensors.TryGetValue(node.Input[0], out var weights) && Table(node, weights),
                _ => false,
            };
        }

        private bool Dense(NodeProto node, TensorProto weights, bool transposed, string? bias)
        {
            var (bytes, scales) = Quantize(weights, transposed, LargestOfDense);
            var (input, scale, zero) = Input(node.Input[0]);
            var whole = Add("MatMulInteger", [input, bytes, zero]);
            var product = Add("Cast", [whole], null, ("to", (int)OnnxType.Float));
            var factors = Add("Mul", [scale, scales]);
            if (string.IsNullOrEmpty(bias))
            {
                Add("Mul", [product, factors], node.Output[0]);
            }
            else
            {
                Add("Add", [Add("Mul", [product, factors]), bias], node.Output[0]);
            }

            Count(weights);
            return true;
        }

        private bool Table(NodeProto node, TensorProto weights)
        {
            var (bytes, scales) = Quantize(weights, transposed: false, LargestOfTable);
            var rows = Add("Gather", [bytes, node.Input[1]], null, ("axis", 0));
            Count(weights);

            // A student of texts adds the rows of its n-grams: to scale their sum once is far less work than to scale them all.
            if (!_outputs.Contains(node.Output[0]) && _readers[node.Output[0]].ToList() is [{ OpType: "ReduceSum" } sum] && SumsRows(sum))
            {
                Add("Cast", [rows], node.Output[0], ("to", (int)OnnxType.Float));
                _later[sum] = scales;
                return true;
            }

            Add("Mul", [Add("Cast", [rows], null, ("to", (int)OnnxType.Float)), scales], node.Output[0]);
            return true;
        }

        // Of [N, F, columns], over F: the axis is 1, and what is left ends with the columns.
        private bool SumsRows(NodeProto sum) =>
            sum.Input.Count == 2 && graph.Initializer.FirstOrDefault(t => string.Equals(t.Name, sum.Input[1], StringComparison.Ordinal)) is { DataType: (int)OnnxType.Int64 } axes
            && axes.RawData.Length == sizeof(long) && BitConverter.ToInt64(axes.RawData.Span) == 1 && Number(sum, "keepdims", 1) == 0;

        private void Count(TensorProto weights)
        {
            Layers++;
            Weights += weights.Dims[0] * weights.Dims[1];
        }

        private static bool IsPlain(NodeProto node, out bool transposed)
        {
            transposed = Number(node, "transB", 0) != 0;
            return Number(node, "transA", 0) == 0 && Real(node, "alpha") == 1 && Real(node, "beta") == 1;
        }

        private static long Number(NodeProto node, string name, long usual) => node.Attribute.FirstOrDefault(a => string.Equals(a.Name, name, StringComparison.Ordinal))?.I ?? usual;

        private static float Real(NodeProto node, string name) => node.Attribute.FirstOrDefault(a => string.Equals(a.Name, name, StringComparison.Ordinal))?.F ?? 1;

        private (string Bytes, string Scale, string Zero) Input(string name)
        {
            if (_inputs.TryGetValue(name, out var known)) return known;
            var node = new NodeProto { OpType = "DynamicQuantizeLinear", Name = Name("quantize"), Input = { name } };
            node.Output.Add([Name("bytes"), Name("scale"), Name("zero")]);
            _nodes.Add(node);
            return _inputs[name] = (node.Output[0], node.Output[1], node.Output[2]);
        }

        // [inputs, outputs] signed bytes, and a scale for each output.
        private (string Bytes, string Scales) Quantize(TensorProto weights, bool transposed, int largest)
        {
            if (_done.TryGetValue((weights.Name, transposed, largest), out var known)) return known;
            var values = MemoryMarshal.Cast<byte, float>(weights.RawData.Span);
            var (first, second) = ((int)weights.Dims[0], (int)weights.Dims[1]);
            var (rows, columns) = transposed ? (second, first) : (first, second);
            var scales = new float[columns];
            var bytes = new sbyte[values.Length];
            for (var column = 0; column < columns; column++)
            {
                var most = 0f;
                for (var row = 0; row < rows; row++) most = MathF.Max(most, MathF.Abs(values[At(row, column)]));
                var scale = scales[column] = most > 0 ? most / largest : 1;
                for (var row = 0; row < rows; row++) bytes[(row * columns) + column] = (sbyte)Math.Clamp(MathF.Round(values[At(row, column)] / scale), -largest, largest);
            }

            return _done[(weights.Name, transposed, largest)] = (Tensor("int8", 3, MemoryMarshal.AsBytes(bytes.AsSpan()), rows, columns), Tensor("scales", (int)OnnxType.Float, MemoryMarshal.AsBytes(scales.AsSpan()), columns));

            int At(int row, int column) => transposed ? (column * second) + row : (row * second) + column;
        }

        private string Tensor(string kind, int type, ReadOnlySpan<byte> raw, params ReadOnlySpan<long> dimensions)
        {
            var tensor = new TensorProto { Name = Name(kind), DataType = type, RawData = ByteString.CopyFrom(raw) };
            tensor.Dims.AddRange(dimensions.ToArray());
            graph.Initializer.Add(tensor);
            return tensor.Name;
        }

        private string Add(string type, string[] inputs, string? output = null, (string Name, int Value)? attribute = null)
        {
            var node = new NodeProto { OpType = type, Name = Name(type), Input = { inputs } };
            node.Output.Add(output ?? node.Name);
            if (attribute is { } a) node.Attribute.Add(new AttributeProto { Name = a.Name, Type = AttributeProto.Types.AttributeType.Int, I = a.Value });
            _nodes.Add(node);
            return node.Output[0];
        }

        // No name that the model may have already.
        private string Name(string kind) => string.Create(CultureInfo.InvariantCulture, $"annotator.int8.{kind}.{_count++}");
    }
}
