using Annotator.Benchmarks.Learning;
using BenchmarkDotNet.Running;

namespace Annotator.Benchmarks;

/// <summary>Entry point: a program by the name of its first argument, else BenchmarkDotNet's switcher over all kernels.</summary>
internal static class Program
{
    private static readonly Dictionary<string, Func<string[], Task<int>>> s_programs = new(StringComparer.Ordinal)
    {
        ["duplicates"] = DuplicatesBenchmark.RunAsync,
        ["embedding"] = EmbeddingBenchmark.RunAsync,
        ["formats"] = Formats.FormatsBenchmark.RunAsync,
        ["llm"] = Llm.LlmThroughput.RunAsync,
        ["neighbours"] = NeighboursBenchmark.RunAsync,
        ["propagation"] = PropagationBenchmark.RunAsync,
        ["student"] = args => Task.FromResult(Student.StudentBenchmark.Run(args)),
    };

    private static async Task<int> Main(string[] args)
    {
        if (args.Length > 0 && s_programs.TryGetValue(args[0], out var program)) return await program(args[1..]);
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
    }
}
