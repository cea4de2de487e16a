using System.Diagnostics;
using System.Text.Json;
using Annotator.Core.Projects;

namespace Annotator.Core.Models;

/// <summary>What the check of a model found.</summary>
public sealed record ModelReport
{
    /// <summary>Width of the model's image in pixels.</summary>
    public int Width { get; init; }

    /// <summary>Height of the model's image in pixels.</summary>
    public int Height { get; init; }

    /// <summary>The layout of its outputs.</summary>
    public DetectorLayout Layout { get; init; }

    /// <summary>Milliseconds for an image on the machine that checked it.</summary>
    public double Milliseconds { get; init; }

    /// <summary>Numbers that it says of an image as the encoder of a student; 0 where it cannot be one.</summary>
    public int Features { get; init; }

    /// <summary>Why it is refused; null where it is not.</summary>
    public string? Refused { get; init; }
}

/// <summary>Tries a model in a process of its own, with bounds on time and memory: whatever it does there, it does not do it here.</summary>
public static class ModelCheck
{
    private const int WrongArguments = 2;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <summary>The child's part, where the program was started for it: opens the model, runs it, writes a report to the standard output.</summary>
    /// <param name="arguments">All arguments of the program.</param>
    /// <returns>The exit code; null where it was not started to check anything.</returns>
    public static int? Run(params string[] arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return arguments switch
        {
            [ModelCheckCommand.Verb, var model, var spec] => Run(model, spec),
            [ModelCheckCommand.EncoderVerb, var model, var spec, .. { Length: > 0 } tokenizer] => Encoders.TextEncoderCheck.Run(model, spec, tokenizer),
            [ModelCheckCommand.Verb or ModelCheckCommand.EncoderVerb, ..] => WrongArguments,
            _ => null,
        };
    }

    private static int Run(string model, string said)
    {
        ModelReport report;
        try
        {
            var spec = JsonSerializer.Deserialize<ModelSpec>(File.ReadAllText(said), ProjectJson.Options)!;
            using var session = VisionSession.Open(File.ReadAllBytes(model), spec);
            var clock = Stopwatch.StartNew();
            var grey = new byte[session.Width * session.Height * 3];
            Array.Fill<byte>(grey, 114);
            session.RunOnce(grey);
            var milliseconds = Math.Round(clock.Elapsed.TotalMilliseconds, 1);
            report = new ModelReport { Features = FeaturesOf(model, spec), Width = session.Width, Height = session.Height, Layout = session.Spec.Layout ?? DetectorLayout.None, Milliseconds = milliseconds };
        }
        catch (Exception e) when (e is ModelRefusedException or JsonException or Microsoft.ML.OnnxRuntime.OnnxRuntimeException or OutOfMemoryException or IndexOutOfRangeException or ArgumentException or OverflowException)
        {
            report = new ModelReport { Refused = e.Message };
        }

        Console.Out.Write(JsonSerializer.Serialize(report, ProjectJson.Options));
        return 0;
    }

    // An encoder must be one; a classifier may be, and is taken without.
    private static int FeaturesOf(string file, ModelSpec spec)
    {
        if (spec.Kind == ModelKind.Detector) return 0;
        try
        {
            using var encoder = UploadedEncoder.Make("check", File.ReadAllBytes(file), spec);
            return encoder.Options.Dimensions;
        }
        catch (ModelRefusedException) when (spec.Kind == ModelKind.Classifier)
        {
            return 0;
        }
    }

    /// <summary>Checks a model.</summary>
    /// <param name="command">How the checking program is started.</param>
    /// <param name="file">The model.</param>
    /// <param name="spec">What is said of it.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="cancellationToken">Cancels; the process is ended.</param>
    public static async Task<ModelReport> CheckAsync(ModelCheckCommand command, byte[] file, ModelSpec spec, ModelOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentNullException.ThrowIfNull(options);

        var (text, refused) = await RunAsync(command, ModelCheckCommand.Verb, [("model.onnx", file), ("spec.json", JsonSerializer.SerializeToUtf8Bytes(spec, ProjectJson.Options))], options, cancellationToken);
        return refused is null ? JsonSerializer.Deserialize<ModelReport>(text, ProjectJson.Options)! : new ModelReport { Refused = refused };
    }

    /// <summary>Runs the checking program on files in a folder of their own.</summary>
    /// <returns>The report that it wrote, an object as JSON, or why there is none.</returns>
    internal static async Task<(string Report, string? Refused)> RunAsync(ModelCheckCommand command, string verb, IReadOnlyList<(string Name, byte[] Bytes)> files, ModelOptions options, CancellationToken cancellationToken)
    {
        // A folder that holds nothing else: there is nothing beside the model that it could name.
        var folder = Directory.CreateTempSubdirectory("annotator-model-");
        try
        {
            var paths = new List<string>();
            foreach (var (name, bytes) in files)
            {
                paths.Add(Path.Combine(folder.FullName, name));
                await File.WriteAllBytesAsync(paths[^1], bytes, cancellationToken);
            }

            var start = new ProcessStartInfo(command.Program, [.. command.Arguments, verb, .. paths])
            {
                WorkingDirectory = folder.FullName, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
            };

            // It gets none of our secrets.
            foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("Annotator__", StringComparison.OrdinalIgnoreCase) || k.StartsWith("ConnectionStrings__", StringComparison.OrdinalIgnoreCase)).ToList()) start.Environment.Remove(name);
            using var process = Process.Start(start) ?? throw new InvalidOperationException("The checking program did not start.");
            try
            {
                return await WatchAsync(process, options, cancellationToken);
            }
            finally
            {
                if (!process.HasExited) process.Kill(entireProcessTree: true);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // It may end at any moment, also between two looks at it.
    private static long BytesOf(Process process)
    {
        try
        {
            process.Refresh();
            return process.HasExited ? 0 : process.WorkingSet64;
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    private static async Task<(string Report, string? Refused)> WatchAsync(Process process, ModelOptions options, CancellationToken cancellationToken)
    {
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        var clock = Stopwatch.StartNew();
        while (!process.HasExited)
        {
            if (clock.Elapsed.TotalSeconds > options.CheckSeconds) return ("", $"The model took longer than {options.CheckSeconds} seconds.");
            if (BytesOf(process) > options.CheckMegabytes * 1_000_000L) return ("", $"The model took more than {options.CheckMegabytes} MB of memory.");
            await Task.WhenAny(process.WaitForExitAsync(cancellationToken), Task.Delay(Look, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }

        var text = await output;
        await errors;
        try
        {
            using var read = JsonDocument.Parse(text);
            if (read.RootElement.ValueKind == JsonValueKind.Object) return (text, null);
        }
        catch (JsonException)
        {
            // It did not come to its report.
        }

        return ("", $"The model ended the program that tried it (exit code {process.ExitCode}).");
    }
}
