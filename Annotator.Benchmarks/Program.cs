using Annotator.Benchmarks.Learning;
using BenchmarkDotNet.Running;

namespace Annotator.Benchmarks;

/// <summary>Entry point: a benchmark by its name, or BenchmarkDotNet's switcher over all benchmarks of this assembly.</summary>
internal static class Program
{
    private static readonly Dictionary<string, Func<string[], Task<int>>> s_benchmarks = new(StringComparer.Ordinal)
    {
        ["duplicates"] = DuplicatesBenchmark.RunAsync,
        ["embedding"] = EmbeddingBenchmark.RunAsync,
        ["neighbours"] = NeighboursBenchmark.RunAsync,
        ["propagation"] = PropagationBenchmark.RunAsync,
    };

    private static async Task<int> Main(string[] args)
    {
        if (args.Length > 0 && s_benchmarks.TryGetValue(args[0], out var benchmark))
            return await benchmark(args[1..]);
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
    }
}
