using System.Diagnostics;

namespace Annotator.Benchmarks.Learning;

/// <summary>Runs a peer's own code where it is installed, so that both sides are measured in turn on the same machine.</summary>
internal static class Python
{
    private const string Interpreter = "/usr/bin/python3";

    /// <summary>True where Debian's interpreter has scikit-learn.</summary>
    internal static async Task<bool> HasScikitLearnAsync() => File.Exists(Interpreter) && await RunAsync("import sklearn; print('yes')") is ["yes"];

    /// <summary>Runs a script and returns the lines it printed; empty where it failed or took more than ten minutes.</summary>
    internal static async Task<string[]> RunAsync(string script)
    {
        var file = Path.Combine(Path.GetTempPath(), $"annotator-peer-{Guid.NewGuid():N}.py");
        await File.WriteAllTextAsync(file, script);
        try
        {
            using var process = Process.Start(new ProcessStartInfo(Interpreter, [file])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["OMP_NUM_THREADS"] = "1", ["OPENBLAS_NUM_THREADS"] = "1" },
            })!;
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(10));
            var output = process.StandardOutput.ReadToEndAsync(patience.Token);
            var error = process.StandardError.ReadToEndAsync(patience.Token);
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                return [];
            }

            if (process.ExitCode != 0)
                Console.WriteLine($"  (the peer failed: {(await error).Trim().Split('\n')[^1]})");
            return process.ExitCode == 0 ? (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries) : [];
        }
        finally
        {
            File.Delete(file);
        }
    }
}
