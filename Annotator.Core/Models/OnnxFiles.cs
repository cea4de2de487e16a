using Annotator.Core.Student.Onnx;
using Google.Protobuf;

namespace Annotator.Core.Models;

/// <summary>What is looked at in an ONNX file before ONNX Runtime sees it.</summary>
internal static class OnnxFiles
{
    // Graphs within graphs: of more than any export has.
    private const int MostNested = 16;

    // Operators that ONNX Runtime knows without a library of somebody else's.
    private static readonly HashSet<string> s_known = new(StringComparer.Ordinal) { "", "ai.onnx", "ai.onnx.ml", "com.microsoft" };

    /// <summary>Reads a file that stands by itself: whole, its weights within, its operators known.</summary>
    /// <exception cref="ModelRefusedException">It is no such file; the message says why.</exception>
    public static ModelProto Read(byte[] file)
    {
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(file);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ModelRefusedException("The file is no complete ONNX file.", e);
        }

        if (model.Graph is null || model.Graph.Node.Count == 0) throw new ModelRefusedException("The file is no ONNX model.");
        if (Graphs(model.Graph, 0).Any(KeepsWeightsElsewhere)) throw new ModelRefusedException("The model keeps its weights in another file; it must be one file.");
        if (model.OpsetImport.FirstOrDefault(o => !s_known.Contains(o.Domain)) is { } other) throw new ModelRefusedException($"The model needs operators of \"{Short(other.Domain)}\", which are not known here.");
        return model;
    }

    /// <summary>A name out of a file, short enough for a message.</summary>
    public static string Short(string name) => name.Length <= 60 ? name : name[..60];

    private static IEnumerable<GraphProto> Graphs(GraphProto graph, int depth)
    {
        if (depth > MostNested) throw new ModelRefusedException($"The model's graphs are nested more than {MostNested} deep.");
        yield return graph;
        foreach (var inner in graph.Node.SelectMany(n => n.Attribute).Where(a => a.G is not null).SelectMany(a => Graphs(a.G, depth + 1))) yield return inner;
    }

    private static bool KeepsWeightsElsewhere(GraphProto graph) => graph.Initializer.Any(IsExternal) || graph.Node.Any(n => n.Attribute.Any(a => a.T is { } t && IsExternal(t)));

    private static bool IsExternal(TensorProto tensor) => tensor.ExternalData.Count > 0 || tensor.DataLocation != 0;
}
