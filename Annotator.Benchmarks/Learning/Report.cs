using System.Diagnostics;

namespace Annotator.Benchmarks.Learning;

/// <summary>Timing and memory of a piece of work, printed as one line.</summary>
internal static class Report
{
    /// <summary>Runs the work once and prints its wall time, its processor time and the memory in use after it.</summary>
    internal static T Measure<T>(string name, Func<T> work, Func<T, string>? describe = null)
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        var processor = process.TotalProcessorTime;
        var watch = Stopwatch.StartNew();
        var result = work();
        watch.Stop();
        process.Refresh();
        Console.WriteLine($"{name,-58} {watch.Elapsed.TotalSeconds,8:F2} s  cpu {(process.TotalProcessorTime - processor).TotalSeconds,7:F2} s  "
            + $"live {GC.GetTotalMemory(true) / 1048576.0,6:F0} MiB  peak {process.PeakWorkingSet64 / 1048576.0,6:F0} MiB  {describe?.Invoke(result)}");
        return result;
    }
}
