using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Annotator.Core.Media;

/// <summary>A film cannot be decoded; the message says why, for people.</summary>
public sealed class VideoRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A decoded frame.</summary>
/// <param name="Number">Its number in the order in which frames are shown, from 0.</param>
/// <param name="Pixels">Red, green and blue of each pixel, row by row.</param>
public readonly record struct VideoFrame(int Number, byte[] Pixels);

/// <summary>Decodes films by ffmpeg, in a process of its own: a broken or hostile film ends that process and not this one.</summary>
public static class VideoDecoder
{
    /// <summary>What is said where ffmpeg is not there.</summary>
    public const string Missing = "ffmpeg is not installed on the server, so videos cannot be decoded. Install the package ffmpeg.";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>Size of a film's picture as browsers show it: turned as it says, with square pixels.</summary>
    /// <param name="path">The film.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="VideoRefusedException">It cannot be read, or ffmpeg is not there.</exception>
    public static async Task<ImageSize> SizeAsync(string path, CancellationToken cancellationToken = default)
    {
        using var process = Start("ffprobe", ["-v", "error", "-protocol_whitelist", "file", "-select_streams", "v:0", "-show_entries", "stream=width,height,sample_aspect_ratio:stream_side_data=rotation", "-of", "json", "-i", path]);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_patience);
        try
        {
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            using var said = await JsonDocument.ParseAsync(process.StandardOutput.BaseStream, cancellationToken: limit.Token);
            await process.WaitForExitAsync(limit.Token);
            _ = await errors;
            var stream = said.RootElement.GetProperty("streams")[0];
            double width = stream.GetProperty("width").GetInt32(), height = stream.GetProperty("height").GetInt32();
            if (stream.TryGetProperty("sample_aspect_ratio", out var ratio) && ratio.GetString()?.Split(':') is [var across, var down]
                && double.TryParse(across, CultureInfo.InvariantCulture, out var a) && double.TryParse(down, CultureInfo.InvariantCulture, out var d) && a > 0 && d > 0) width = Math.Round(width * a / d);
            var rotation = stream.TryGetProperty("side_data_list", out var sides) ? sides.EnumerateArray().Select(s => s.TryGetProperty("rotation", out var r) ? r.GetInt32() : 0).FirstOrDefault(r => r != 0) : 0;
            return Math.Abs(rotation) % 180 == 90 ? new ImageSize((int)height, (int)width) : new ImageSize((int)width, (int)height);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or IndexOutOfRangeException or InvalidOperationException or FormatException)
        {
            throw new VideoRefusedException("The file cannot be read as a video: it is broken, or has no pictures.", e);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new VideoRefusedException($"Reading the video took longer than {s_patience.TotalSeconds:0} seconds.");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Decodes frames at a size, in the order in which they are shown.</summary>
    /// <param name="path">The film.</param>
    /// <param name="width">Width in pixels to which each is scaled.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="step">Every how many frames one is given, from 1.</param>
    /// <param name="first">The first that is given.</param>
    /// <param name="end">The frame after the last that may be given; null: to the end.</param>
    /// <param name="cancellationToken">Cancels; the process is ended.</param>
    /// <exception cref="VideoRefusedException">Nothing of it can be decoded, or ffmpeg is not there.</exception>
    public static async IAsyncEnumerable<VideoFrame> FramesAsync(
        string path, int width, int height, int step, int first = 0, int? end = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        var chosen = string.Create(CultureInfo.InvariantCulture, $"gte(n\\,{first})*not(mod(n-{first}\\,{step}))");
        string[] arguments =
        [
            "-v", "error", "-nostdin", "-threads", "1", "-protocol_whitelist", "file", "-i", path, "-map", "0:v:0",
            "-vf", string.Create(CultureInfo.InvariantCulture, $"select='{chosen}',scale={width}:{height}:flags=bilinear"),
            .. end is { } last ? (string[])["-frames:v", Math.Max(0, (last - first + step - 1) / step).ToString(CultureInfo.InvariantCulture)] : [],
            "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1",
        ];
        using var process = Start("ffmpeg", arguments);
        try
        {
            var errors = ReadSomeAsync(process.StandardError, cancellationToken);
            var number = first;
            var size = width * height * 3;
            while (true)
            {
                var pixels = new byte[size];
                var read = await process.StandardOutput.BaseStream.ReadAtLeastAsync(pixels, size, throwOnEndOfStream: false, cancellationToken);
                if (read < size) break;
                yield return new VideoFrame(number, pixels);
                number += step;
            }

            await process.WaitForExitAsync(cancellationToken);
            var said = await errors;

            // A film that breaks off is worth what came before that.
            if (number == first && process.ExitCode != 0) throw new VideoRefusedException($"The video cannot be decoded{(said.Length > 0 ? $" ({said})" : "")}.");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>One picture of a film: the first from a time on.</summary>
    /// <param name="path">The film.</param>
    /// <param name="seconds">The time.</param>
    /// <param name="width">Width in pixels to which it is scaled.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="cancellationToken">Cancels; the process is ended.</param>
    /// <returns>Red, green and blue of each pixel; null where there is none.</returns>
    /// <exception cref="VideoRefusedException">ffmpeg is not there, or took too long.</exception>
    public static async Task<byte[]?> PictureAsync(string path, double seconds, int width, int height, CancellationToken cancellationToken = default)
    {
        using var process = Start(
            "ffmpeg",
            [
                "-v", "error", "-nostdin", "-threads", "1", "-protocol_whitelist", "file", "-ss", seconds.ToString("0.###", CultureInfo.InvariantCulture), "-i", path, "-map", "0:v:0", "-frames:v", "1",
                "-vf", string.Create(CultureInfo.InvariantCulture, $"scale={width}:{height}"), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1",
            ]);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_patience);
        try
        {
            var errors = ReadSomeAsync(process.StandardError, limit.Token);
            var pixels = new byte[width * height * 3];
            var read = await process.StandardOutput.BaseStream.ReadAtLeastAsync(pixels, pixels.Length, throwOnEndOfStream: false, limit.Token);
            _ = await errors;
            return read == pixels.Length ? pixels : null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new VideoRefusedException($"Reading the video took longer than {s_patience.TotalSeconds:0} seconds.");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Starts a program of ffmpeg's with nothing to read from.</summary>
    /// <exception cref="VideoRefusedException">It is not there.</exception>
    internal static Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        try
        {
            var process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception e)
        {
            throw new VideoRefusedException(Missing, e);
        }
    }

    // The first line says what is wrong; the rest must be read all the same, or the program would wait.
    internal static async Task<string> ReadSomeAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        var first = "";
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (first.Length == 0) first = line.Length <= 200 ? line : line[..200];
        }

        return first;
    }
}
