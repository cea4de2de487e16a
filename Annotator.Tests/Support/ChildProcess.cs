using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Annotator.Tests.Support;

/// <summary>
/// A program of its own beside the tests. A small shell stands between: it ends the program when the tests end, however they
/// end, so that nothing is left running.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    // The program gets no input; the shell waits for the end of its own, which comes at the latest with the end of the tests.
    private const string Guard =
        "signal=$1; shift; exec 3<&0; \"$@\" </dev/null 3<&- & child=$!; echo \"child $child\" >&2; "
        + "(cat <&3; kill -s \"$signal\" $child) >/dev/null 2>&1 & watch=$!; wait $child; code=$?; kill $watch 2>/dev/null; exit $code";

    private readonly Process _shell;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly TaskCompletionSource<int> _child = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(Func<string, bool> Wanted, TaskCompletionSource<string> Found)> _waiting = [];

    private ChildProcess(Process shell) => _shell = shell;

    /// <summary>What the program has written, output and errors.</summary>
    public string Output => string.Join(Environment.NewLine, _lines);

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _shell.HasExited;

    /// <summary>Its exit code, once it has ended; above 128: the signal that ended it.</summary>
    public int ExitCode => _shell.ExitCode;

    /// <summary>Starts a program.</summary>
    /// <param name="file">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables on top of those of the tests; null takes one away.</param>
    /// <param name="folder">Where it runs.</param>
    /// <param name="endSignal">The signal that ends it orderly.</param>
    public static async Task<ChildProcess> StartAsync(
        string file, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string?>>? environment = null, string? folder = null, string endSignal = "TERM")
    {
        var start = new ProcessStartInfo("/bin/sh")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = folder ?? "/",
        };
        foreach (var argument in (string[])["-c", Guard, "guard", endSignal, file, .. arguments]) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? [])
        {
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        }

        var child = new ChildProcess(new Process { StartInfo = start });
        child._shell.OutputDataReceived += (_, e) => child.Read(e.Data);
        child._shell.ErrorDataReceived += (_, e) => child.Read(e.Data);
        child._shell.Start();
        child._shell.BeginOutputReadLine();
        child._shell.BeginErrorReadLine();
        await child._child.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return child;
    }

    /// <summary>The first line, written already or still to come, that fits.</summary>
    /// <exception cref="InvalidOperationException">The program ended before, or the time ran out; the message has its output.</exception>
    public async Task<string> LineAsync(Func<string, bool> wanted, TimeSpan timeout)
    {
        var found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_waiting)
        {
            if (_lines.FirstOrDefault(wanted) is { } there) return there;
            _waiting.Add((wanted, found));
        }

        var ended = _shell.WaitForExitAsync();
        await Task.WhenAny(found.Task, ended, Task.Delay(timeout));

        // Its last line and its end may come at once.
        if (found.Task.IsCompleted) return await found.Task;
        throw new InvalidOperationException($"The program {(ended.IsCompleted ? $"ended with {ExitCode}" : "did not write the line")}:{Environment.NewLine}{Output}");
    }

    /// <summary>Ends the program as a power cut does (SIGKILL), and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        try
        {
            using var process = Process.GetProcessById(await _child.Task);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // It has ended by itself.
        }

        await _shell.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        _shell.StandardInput.Close();
    }

    /// <summary>Ends the program orderly, and waits until it is gone.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync()
    {
        if (!_shell.HasExited) _shell.StandardInput.Close();
        try
        {
            await _shell.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            await KillAsync();
        }

        return _shell.ExitCode;
    }

    /// <summary>The most memory that the program has held so far, in bytes (Linux).</summary>
    public async Task<long> PeakMemoryAsync()
    {
        var status = await File.ReadAllLinesAsync($"/proc/{(await _child.Task).ToString(CultureInfo.InvariantCulture)}/status");
        return long.Parse(status.Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal))[6..^2].Trim(), CultureInfo.InvariantCulture) * 1024;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _shell.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null) return;
        if (!_child.Task.IsCompleted && line.StartsWith("child ", StringComparison.Ordinal))
        {
            _child.TrySetResult(int.Parse(line.AsSpan(6), CultureInfo.InvariantCulture));
            return;
        }

        lock (_waiting)
        {
            _lines.Enqueue(line);
            foreach (var (wanted, found) in _waiting)
            {
                if (!found.Task.IsCompleted && wanted(line)) found.TrySetResult(line);
            }
        }
    }
}
