using Annotator.Core.Student;
using Annotator.Core.Student.Quantizing;
using Microsoft.ML.OnnxRuntime;

namespace Annotator.Tests.Student;

/// <summary>Models of eight bits beside those they were made of, in ONNX Runtime.</summary>
public class OnnxQuantizerTests
{
    private const int Inputs = 96;
    private const int Hidden = 64;
    private const int Outputs = 24;

    [Fact]
    public void Dense_layers_of_both_kinds_say_nearly_the_same_and_take_a_quarter()
    {
        var random = new Random(3);
        var graph = new OnnxGraph("encoder");
        var first = graph.Node("MatMul", [graph.Input("x", OnnxType.Float, "N", "96"), graph.Constant(Weights(random, Inputs * Hidden), Inputs, Hidden)]);
        var hidden = graph.Node("Relu", [graph.Node("Add", [first, graph.Constant(Weights(random, Hidden), Hidden)])]);
        var second = graph.Node("Gemm", [hidden, graph.Constant(Weights(random, Hidden * Hidden), Hidden, Hidden), graph.Constant(Weights(random, Hidden), Hidden)], ("transB", 1));
        graph.Output("y", graph.Node("Gemm", [graph.Node("Tanh", [second]), graph.Constant(Weights(random, Hidden * Outputs), Hidden, Outputs)]), OnnxType.Float, "N", "24");
        var full = graph.Build("test", "1");
        var small = OnnxQuantizer.Quantize(full);
        Assert.Equal((3, (long)((Inputs * Hidden) + (Hidden * Hidden) + (Hidden * Outputs))), (small.Layers, small.Weights));
        Assert.InRange(small.File.Length, 1, full.Length * 0.4);

        var x = Weights(random, 20 * Inputs);
        var (a, b) = (Run(full, x, 20), Run(small.File, x, 20));
        double error = 0, size = 0;
        for (var i = 0; i < a.Length; i++) (error, size) = (error + Math.Pow(a[i] - b[i], 2), size + Math.Pow(a[i], 2));
        Assert.InRange(Math.Sqrt(error / size), 1e-6, 0.05);
    }

    [Fact]
    public void A_table_is_read_by_rows_and_its_sums_are_scaled_once()
    {
        var random = new Random(5);
        var table = Weights(random, 500 * 8);
        var graph = new OnnxGraph("table");
        var rows = graph.Node("Gather", [graph.Constant(table, 500, 8), graph.Input("x", OnnxType.Int64, "N", "F")], ("axis", 0));
        graph.Output("sum", graph.Node("ReduceSum", [rows, graph.Constant(1)], ("keepdims", 0)), OnnxType.Float, "N", "8");
        var full = graph.Build("test", "1");
        var small = OnnxQuantizer.Quantize(full);
        Assert.Equal(1, small.Layers);
        long[] x = [0, 7, 499, 7, 3, 250];
        var (a, b) = (Run(full, x, 2), Run(small.File, x, 2));
        for (var i = 0; i < a.Length; i++) Assert.InRange(b[i], a[i] - 0.05f, a[i] + 0.05f);

        // Where the rows themselves are the answer.
        var plain = new OnnxGraph("rows");
        plain.Output("rows", plain.Node("Gather", [plain.Constant(table, 500, 8), plain.Input("x", OnnxType.Int64, "N", "F")], ("axis", 0)), OnnxType.Float, "N", "F", "8");
        var bytes = plain.Build("test", "1");
        (a, b) = (Run(bytes, x, 2), Run(OnnxQuantizer.Quantize(bytes).File, x, 2));
        for (var i = 0; i < a.Length; i++) Assert.InRange(b[i], a[i] - 0.02f, a[i] + 0.02f);
    }

    [Fact]
    public void What_has_no_large_layer_stays_as_it_is_and_what_is_no_model_is_refused()
    {
        var graph = new OnnxGraph("small");
        graph.Output("y", graph.Node("MatMul", [graph.Input("x", OnnxType.Float, "N", "4"), graph.Constant(Weights(new Random(1), 16), 4, 4)]), OnnxType.Float, "N", "4");
        var file = graph.Build("test", "1");
        var same = OnnxQuantizer.Quantize(file);
        Assert.Same(file, same.File);
        Assert.Equal(0, same.Layers);
        Assert.Throws<QuantizationException>(() => OnnxQuantizer.Quantize([1, 2, 3]));
        Assert.Throws<QuantizationException>(() => OnnxQuantizer.Quantize([]));
    }

    private static float[] Weights(Random random, int count)
    {
        var weights = new float[count];
        for (var i = 0; i < count; i++) weights[i] = ((random.NextSingle() * 2) - 1) * 0.3f;
        return weights;
    }

    private static float[] Run<T>(byte[] file, T[] input, int rows)
        where T : unmanaged
    {
        using var session = new InferenceSession(file);
        using var value = OrtValue.CreateTensorValueFromMemory(input, [rows, input.Length / rows]);
        using var options = new RunOptions();
        using var outputs = session.Run(options, ["x"], [value], session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
