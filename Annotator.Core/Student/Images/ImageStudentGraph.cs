using System.Globalization;
using System.Text.Json;

namespace Annotator.Core.Student.Images;

/// <summary>
/// Writes a student of images as one self-contained ONNX file: input <c>image</c> (uint8 [N, height, width, 3], of any size, all of one call of the same),
/// outputs <c>label</c> (string[N]) and <c>probabilities</c> (float[N, classes]). Encoder, weights and calibration are inside; only operators of the ONNX standard.
/// </summary>
internal static class ImageStudentGraph
{
    /// <summary>Writes the graph; see <see cref="StudentGraph.Write"/>.</summary>
    public static byte[] Write(SoftmaxModel model, IReadOnlyList<string> classes, Temperature temperature, IReadOnlyDictionary<string, string>? metadata)
    {
        var options = (ImageFeatureOptions)model.Features;
        var encoder = options.Source ?? throw new ArgumentException($"The rows of \"{options.Encoder}\" are of no encoder that could be written.", nameof(model));
        var graph = new OnnxGraph("student", encoder.GraphOpset);
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>(StringComparer.Ordinal)) graph.Metadata(key, value);
        graph.Metadata("classes", JsonSerializer.Serialize(classes));
        graph.Metadata("task", "image-classification");
        graph.Metadata("multiple", model.Multiple ? "true" : "false");
        graph.Metadata("encoder", options.Encoder);
        if (encoder.CanvasWidth == encoder.CanvasHeight) graph.Metadata("imageSize", encoder.CanvasWidth.ToString(CultureInfo.InvariantCulture));
        graph.Metadata("imageWidth", encoder.CanvasWidth.ToString(CultureInfo.InvariantCulture));
        graph.Metadata("imageHeight", encoder.CanvasHeight.ToString(CultureInfo.InvariantCulture));

        var features = encoder.AppendTo(graph);
        var scores = Scores(graph, features, model);
        StudentGraph.Outputs(graph, scores, classes, model.Multiple, temperature);
        return graph.Build(StudentGraph.Producer, typeof(ImageStudentGraph).Assembly.GetName().Version?.ToString(3) ?? "0");
    }

    private static string Scores(OnnxGraph graph, string features, SoftmaxModel model)
    {
        // Features that no labelled row has count neither in the score nor in the length.
        var (classes, all) = (model.Classes, model.Features.Buckets);
        var weights = new float[all * classes];
        var scales = new float[all];
        for (var i = 0; i < model.Buckets.Length; i++)
        {
            scales[model.Buckets[i]] = model.Scales[i];
            for (var c = 0; c < classes; c++) weights[(model.Buckets[i] * classes) + c] = model.Weights[(i * classes) + c];
        }

        var scaled = graph.Node("Mul", [features, graph.Constant(scales, all)]);

        // A sum that is written alike in all versions of ONNX's operators.
        var ones = new float[all];
        Array.Fill(ones, 1);
        var squared = graph.Node("MatMul", [graph.Node("Mul", [scaled, scaled]), graph.Constant(ones, all, 1)]);
        var norm = graph.Node("Max", [graph.Node("Sqrt", [squared]), graph.Constant([1e-12f], 1)]);
        var sums = graph.Node("MatMul", [graph.Node("Div", [scaled, norm]), graph.Constant(weights, all, classes)]);
        return graph.Node("Add", [sums, graph.Constant(model.Bias, classes)]);
    }
}
