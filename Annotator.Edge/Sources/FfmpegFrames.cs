using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Annotator.Edge.Annotating;

namespace Annotator.Edge.Sources;

/// <summary>Pictures of a file, camera or stream, in the size that the model takes, through ffmpeg.</summary>
internal static class FfmpegFrames
{
    /// <summary>Reads frames until the source ends.</summary>
    /// <param name="source">A file, a device such as <c>/dev/video0</c>, or an address such as <c>rtsp://…</c>.</param>
    /// <param name="framesPerSecond">How many a second; null: as many as there are.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="cancellationToken">Cancels; ffmpeg ends with it.</param>
    /// <exception cref="InvalidDataException">ffmpeg is not there or cannot read the source.</exception>
    public static async IAsyncEnumerable<Frame> ReadAsync(string source, double? framesPerSecond, int width, int height, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("ffmpeg") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in Arguments(source, framesPerSecond, width, height)) start.ArgumentList.Add(argument);
        using var process = Start(start);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var length = 3 * width * height;
        var frames = 0;
        try
        {
            while (true)
            {
                var pixels = new byte[length];
                if (await process.StandardOutput.BaseStream.ReadAtLeastAsync(pixels, length, throwOnEndOfStream: false, cancellationToken) < length) break;
                frames++;
                yield return new Frame(width, height, pixels);
            }

            await process.WaitForExitAsync(cancellationToken);
            if (frames == 0 || process.ExitCode != 0) throw new InvalidDataException($"ffmpeg ended with {process.ExitCode}: {Last(await errors)}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private static IEnumerable<string> Arguments(string source, double? framesPerSecond, int width, int height)
    {
        // No -protocol_whitelist for devices; what the operator names is the operator's choice, and nothing else reaches here.
        string[] input = source.StartsWith("/dev/video", StringComparison.Ordinal) ? ["-f", "v4l2", "-i", source] : ["-i", source];
        var scale = string.Create(CultureInfo.InvariantCulture, $"scale={width}:{height}:flags=bilinear");
        var filter = framesPerSecond is { } fps ? string.Create(CultureInfo.InvariantCulture, $"fps={fps},{scale}") : scale;
        return ["-hide_banner", "-loglevel", "error", "-threads", "1", .. input, "-an", "-vf", filter, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new InvalidDataException("ffmpeg cannot be started.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidDataException("ffmpeg is not installed, and pictures and video need it.", e);
        }
    }

    private static string Last(string text) => text.Length <= 500 ? text.Trim() : text[^500..].Trim();
}
