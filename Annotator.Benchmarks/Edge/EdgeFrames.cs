using System.Globalization;
using Annotator.Benchmarks.Load;
using Annotator.Core.Student;
using Annotator.Tests.Learning;

namespace Annotator.Benchmarks.Edge;

/// <summary>
/// Frames of a video file through the agent with a model of the shape of ResNet-18 (He et al., 2016; random weights, 224 × 224, batch normalisation folded): as many a second as
/// it manages, then 30 a second, at 1 and 2 threads. <c>-- edge-frames [VIDEO]</c>.
/// </summary>
internal static class EdgeFrames
{
    public static async Task<int> RunAsync(string[] args)
    {
        var video = args.FirstOrDefault(File.Exists) ?? SharedData.Locate("video/bottle-detection.mp4");
        var folder = Directory.CreateTempSubdirectory("annotator-frames-").FullName;
        var model = Path.Combine(folder, "resnet18.onnx");
        await File.WriteAllBytesAsync(model, ResNet18());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(video)}, ResNet-18 of {new FileInfo(model).Length / 1e6:0.0} MB"));
        foreach (var threads in (int[])[1, 2])
        {
            await using var agent = await AgentProcess.StartAsync(
                "run", "--data", Path.Combine(folder, $"t{threads}"), "--video", video, "--fps", "30", "--model", model, "--threads", threads.ToString(CultureInfo.InvariantCulture));
            var line = await agent.LineAsync(l => l.Contains("frames/s", StringComparison.Ordinal), TimeSpan.FromMinutes(10));
            Console.WriteLine($"  {threads} threads  {line[(line.IndexOf(':', line.IndexOf("info", StringComparison.Ordinal)) + 2)..]}");
        }

        Directory.Delete(folder, recursive: true);
        return 0;
    }

    internal static byte[] ResNet18()
    {
        var graph = new OnnxGraph("resnet18");
        var random = new Random(18);
        string Convolve(string input, int from, int to, int size, int stride, bool relu)
        {
            var scale = MathF.Sqrt(2f / (from * size * size));
            var weights = new float[to * from * size * size];
            for (var i = 0; i < weights.Length; i++) weights[i] = ((random.NextSingle() * 2) - 1) * scale;
            long pad = size / 2;
            var output = graph.Node(
                "Conv", [input, graph.Constant(weights, to, from, size, size), graph.Constant(new float[to], to)],
                ("kernel_shape", new long[] { size, size }), ("strides", new long[] { stride, stride }), ("pads", new[] { pad, pad, pad, pad }));
            return relu ? graph.Node("Relu", [output]) : output;
        }

        var x = Convolve(graph.Input("image", OnnxType.Float, "1", "3", "224", "224"), 3, 64, 7, 2, relu: true);
        x = graph.Node("MaxPool", [x], ("kernel_shape", new long[] { 3, 3 }), ("strides", new long[] { 2, 2 }), ("pads", new long[] { 1, 1, 1, 1 }));
        var width = 64;
        foreach (var planes in (int[])[64, 128, 256, 512])
        {
            for (var block = 0; block < 2; block++)
            {
                var stride = block == 0 && planes > 64 ? 2 : 1;
                var shortcut = stride == 1 && width == planes ? x : Convolve(x, width, planes, 1, stride, relu: false);
                var inner = Convolve(Convolve(x, width, planes, 3, stride, relu: true), planes, planes, 3, 1, relu: false);
                x = graph.Node("Relu", [graph.Node("Add", [inner, shortcut])]);
                width = planes;
            }
        }

        x = graph.Node("Flatten", [graph.Node("GlobalAveragePool", [x])], ("axis", 1));
        var head = new float[512 * 1_000];
        for (var i = 0; i < head.Length; i++) head[i] = (random.NextSingle() - 0.5f) * 0.05f;
        x = graph.Node("Gemm", [x, graph.Constant(head, 512, 1_000), graph.Constant(new float[1_000], 1_000)]);
        graph.Output("logits", x, OnnxType.Float, "1", "1000");
        return graph.Build("Annotator", "1");
    }
}
