using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Annotator.Core.Student.Onnx;
using Google.Protobuf;

namespace Annotator.Core.Student;

/// <summary>Element types of ONNX tensors, with ONNX's numbers.</summary>
internal enum OnnxType
{
    Float = 1,
    Byte = 2,
    Int32 = 6,
    Int64 = 7,
    Text = 8,
    Boolean = 9,
}

/// <summary>
/// Writes an ONNX model: values are named by strings, adding a node appends an operator and returns the name of its (first) output, so that a graph
/// reads like the formula. Opset 20 unless another is named, IR 9, plus ONNX Runtime's own operators under <c>com.microsoft</c>. A graph of another origin can be taken in whole.
/// </summary>
internal sealed class OnnxGraph(string name, int opset = OnnxGraph.Opset)
{
    /// <summary>The version of ONNX's operators that is written where nothing else is needed.</summary>
    public const int Opset = 20;

    /// <summary>From this version on Resize takes the axes that it works on, and smooths where it makes smaller.</summary>
    public const int ResizesByAxes = 18;

    private readonly Dictionary<string, long> _versions = new(StringComparer.Ordinal);

    private readonly GraphProto _graph = new() { Name = name };
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private readonly HashSet<string> _domains = new(StringComparer.Ordinal) { "" };
    private int _count;

    public const string Microsoft = "com.microsoft";
    public const string MachineLearning = "ai.onnx.ml";

    public string Input(string input, OnnxType type, params string[] dimensions)
    {
        _graph.Input.Add(Value(input, type, dimensions));
        return input;
    }

    /// <summary>Declares the value <paramref name="from"/> as an output of the model called <paramref name="output"/>.</summary>
    public void Output(string output, string from, OnnxType type, params string[] dimensions)
    {
        _graph.Node.Add(new NodeProto { OpType = "Identity", Name = output, Input = { from }, Output = { output } });
        _graph.Output.Add(Value(output, type, dimensions));
    }

    public void Metadata(string key, string value) => _metadata[key] = value;

    public string Constant(ReadOnlySpan<long> values, params long[] dimensions) => Constant(OnnxType.Int64, MemoryMarshal.AsBytes(values), dimensions);

    public string Constant32(ReadOnlySpan<int> values, params long[] dimensions) => Constant(OnnxType.Int32, MemoryMarshal.AsBytes(values), dimensions);

    public string Constant(ReadOnlySpan<float> values, params long[] dimensions) => Constant(OnnxType.Float, MemoryMarshal.AsBytes(values), dimensions);

    /// <summary>A vector of one number; it broadcasts like a scalar.</summary>
    public string Constant(long value) => Constant([value], 1);

    public string ConstantScalar(long value) => Constant(OnnxType.Int64, BitConverter.GetBytes(value), []);

    public string Constant(IEnumerable<string> values, params long[] dimensions)
    {
        var tensor = new TensorProto { Name = NextName("text"), DataType = (int)OnnxType.Text };
        tensor.Dims.Add(dimensions);
        tensor.StringData.Add(values.Select(ByteString.CopyFromUtf8));
        _graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    public string Node(string type, IEnumerable<string> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Node("", type, inputs, attributes);

    public string Node(string domain, string type, IEnumerable<string> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        _domains.Add(domain);
        var node = new NodeProto { OpType = type, Domain = domain, Name = NextName(type) };
        node.Input.Add(inputs);
        node.Output.Add(node.Name);
        foreach (var (key, value) in attributes) node.Attribute.Add(Attribute(key, value));
        _graph.Node.Add(node);
        return node.Name;
    }

    /// <summary>Takes in another graph whole: its nodes follow those that are there, under names that nothing else has.</summary>
    /// <param name="model">The model; of this graph's version of operators, or of one that means the same. It is not changed.</param>
    /// <param name="input">Name of its input.</param>
    /// <param name="from">The value that goes in.</param>
    /// <param name="output">The value that is wanted of it: an output, or any value within.</param>
    /// <returns>The name of that value here.</returns>
    public string Include(ModelProto model, string input, string from, string output)
    {
        var prefix = NextName("included") + "/";
        string Own(string value) => value.Length == 0 ? value : string.Equals(value, input, StringComparison.Ordinal) ? from : prefix + value;
        foreach (var initializer in model.Graph.Initializer)
        {
            var own = initializer.Clone();
            own.Name = Own(own.Name);
            _graph.Initializer.Add(own);
        }

        foreach (var node in model.Graph.Node)
        {
            var own = node.Clone();
            own.Name = prefix + own.Name;
            for (var i = 0; i < own.Input.Count; i++) own.Input[i] = Own(own.Input[i]);
            for (var i = 0; i < own.Output.Count; i++) own.Output[i] = Own(own.Output[i]);
            var domain = own.Domain is "ai.onnx" ? "" : own.Domain;
            if (_domains.Add(domain) && model.OpsetImport.FirstOrDefault(o => string.Equals(o.Domain, own.Domain, StringComparison.Ordinal)) is { } import) _versions[domain] = import.Version;
            _graph.Node.Add(own);
        }

        return Own(output);
    }

    /// <summary>The graph as it stands, to be joined with another.</summary>
    public GraphProto Proto => _graph;

    public byte[] Build(string producer, string version)
    {
        var model = new ModelProto { IrVersion = 9, ProducerName = producer, ProducerVersion = version, Graph = _graph };
        foreach (var domain in _domains.Order(StringComparer.Ordinal))
        {
            var operators = _versions.TryGetValue(domain, out var own) ? own : domain switch { "" => opset, MachineLearning => 3, _ => 1 };
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = operators });
        }

        foreach (var (key, value) in _metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        }

        return model.ToByteArray();
    }

    private string Constant(OnnxType type, ReadOnlySpan<byte> raw, long[] dimensions)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("ONNX tensors are little-endian.");
        var tensor = new TensorProto { Name = NextName("constant"), DataType = (int)type, RawData = ByteString.CopyFrom(raw) };
        tensor.Dims.Add(dimensions);
        _graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    private string NextName(string prefix) => string.Create(CultureInfo.InvariantCulture, $"{prefix}_{_count++}");

    private static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case int or long:
                attribute.Type = AttributeProto.Types.AttributeType.Int;
                attribute.I = Convert.ToInt64(value, CultureInfo.InvariantCulture);
                break;
            case string text:
                attribute.Type = AttributeProto.Types.AttributeType.String;
                attribute.S = ByteString.CopyFromUtf8(text);
                break;
            case long[] integers:
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                attribute.Ints.Add(integers);
                break;
            case string[] texts:
                attribute.Type = AttributeProto.Types.AttributeType.Strings;
                attribute.Strings.Add(texts.Select(ByteString.CopyFromUtf8));
                break;
            case TensorProto tensor:
                attribute.Type = AttributeProto.Types.AttributeType.Tensor;
                attribute.T = tensor;
                break;
            default:
                throw new ArgumentException($"Attribute {name} has a type that is not written: {value.GetType()}.", nameof(value));
        }

        return attribute;
    }

    /// <summary>A tensor of one integer, as an attribute (ConstantOfShape).</summary>
    public static TensorProto Scalar(long value) =>
        new() { DataType = (int)OnnxType.Int64, Dims = { 1 }, RawData = ByteString.CopyFrom(BitConverter.GetBytes(value)) };

    private static ValueInfoProto Value(string name, OnnxType type, string[] dimensions)
    {
        var shape = new TensorShapeProto();
        foreach (var dimension in dimensions)
        {
            shape.Dim.Add(long.TryParse(dimension, CultureInfo.InvariantCulture, out var fixedSize)
                ? new TensorShapeProto.Types.Dimension { DimValue = fixedSize }
                : new TensorShapeProto.Types.Dimension { DimParam = dimension });
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }
}
