using Annotator.Benchmarks.Learning;
using BenchmarkDotNet.Running;

namespace Annotator.Benchmarks;

/// <summary>Entry point: a program by the name of its first argument, else BenchmarkDotNet's switcher over all kernels.</summary>
internal static class Program
{
    private static readonly Dictionary<string, Func<string[], Task<int>>> s_programs = new(StringComparer.Ordinal)
    {
        ["active"] = ActiveBenchmark.RunAsync,
        ["dashboard"] = Quality.DashboardBenchmark.RunAsync,
        ["detector"] = Images.DetectorBenchmark.RunAsync,
        ["duplicates"] = DuplicatesBenchmark.RunAsync,
        ["edge-frames"] = Edge.EdgeFrames.RunAsync,
        ["edge-kills"] = Edge.EdgeKills.RunAsync,
        ["embedding"] = EmbeddingBenchmark.RunAsync,
        ["encoder"] = EncoderBenchmark.RunAsync,
        ["explorer"] = Load.ExplorerLoad.RunAsync,
        ["frames"] = Images.FramesBenchmark.RunAsync,
        ["formats"] = Formats.FormatsBenchmark.RunAsync,
        ["images"] = Images.ImageStudentBenchmark.RunAsync,
        ["llm"] = Llm.LlmThroughput.RunAsync,
        ["neighbours"] = NeighboursBenchmark.RunAsync,
        ["propagation"] = PropagationBenchmark.RunAsync,
        ["quality"] = Quality.QualityBenchmark.RunAsync,
        ["replay"] = Replay.ReplayBenchmark.RunAsync,
        ["system-import"] = Load.ImportLoad.RunAsync,
        ["system-items"] = Load.ItemsLoad.RunAsync,
        ["system-learn"] = Load.LearnLoad.RunAsync,
        ["system-lease"] = Load.LeaseLoad.RunAsync,
        ["system-push"] = Load.PushLoad.RunAsync,
        ["system-stream"] = Load.StreamLoad.RunAsync,
        ["student"] = Student.StudentBenchmark.RunAsync,
    };

    private static async Task<int> Main(string[] args)
    {
        if (args.Length > 0 && s_programs.TryGetValue(args[0], out var program)) return await program(args[1..]);
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
    }
}
