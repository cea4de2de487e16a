using BenchmarkDotNet.Running;

namespace Annotator.Benchmarks;

/// <summary>Entry point: the first argument names a program of its own; without one of these, BenchmarkDotNet's switcher over all kernels.</summary>
internal static class Program
{
    private static readonly Dictionary<string, Func<string[], int>> s_programs = new(StringComparer.Ordinal)
    {
        ["student"] = Student.StudentBenchmark.Run,
    };

    private static int Main(string[] args)
    {
        if (args.Length > 0 && s_programs.TryGetValue(args[0], out var program)) return program(args[1..]);
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
    }
}
