using BenchmarkDotNet.Running;

namespace Annotator.Benchmarks;

/// <summary>Entry point: BenchmarkDotNet's switcher over all benchmarks of this assembly.</summary>
internal static class Program
{
    private static void Main(string[] args) => BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
