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

    /// <summary>Reads frames with their own shape, each no longer than so many pixels on its longest side.</summary>
    /// <param name="source">A file, a device or an address.</param>
    /// <param name="framesPerSecond">How many a second.</param>
    /// <param name="pixels">Longest side.</param>
    /// <param name="cancellationToken">Cancels; ffmpeg ends with it.</param>
    /// <exception cref="InvalidDataException">ffmpeg is not there or cannot read the source.</exception>
    public static async IAsyncEnumerable<Frame> ReadWholeAsync(string source, double framesPerSecond, int pixels, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Each picture says how large it is (PPM): what the source's shape is need not be known before.
        var filter = string.Create(CultureInfo.InvariantCulture, $"fps={framesPerSecond},{Within(pixels)}");
        using var process = Start(["-hide_banner", "-loglevel", "error", "-threads", "1", .. Input(source), "-an", "-vf", filter, "-f", "image2pipe", "-c:v", "ppm", "-"], feeds: false);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var frames = 0;
        try
        {
            var stream = new BufferedStream(process.StandardOutput.BaseStream, 1 << 16);
            while (await PortablePixmap.ReadAsync(stream, cancellationToken) is { } frame)
            {
                frames++;
                yield return frame;
            }

            await process.WaitForExitAsync(cancellationToken);
            if (frames == 0 || process.ExitCode != 0) throw new InvalidDataException($"ffmpeg ended with {process.ExitCode}: {Last(await errors)}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    /// <summary>A picture of a file as JPEG: upright, of at most so many pixels on its longest side, without what the file says beside its pixels, such as where it was taken.</summary>
    /// <exception cref="InvalidDataException">ffmpeg is not there or cannot read it.</exception>
    public static Task<byte[]?> PictureAsync(string path, int pixels, CancellationToken cancellationToken) =>
        EncodeAsync(["-hide_banner", "-loglevel", "error", "-threads", "1", "-i", path, "-frames:v", "1", "-vf", Within(pixels)], null, cancellationToken);

    /// <summary>A frame as JPEG.</summary>
    /// <exception cref="InvalidDataException">ffmpeg is not there or fails.</exception>
    public static Task<byte[]?> PictureAsync(Frame frame, CancellationToken cancellationToken) => EncodeAsync(
        ["-hide_banner", "-loglevel", "error", "-threads", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", string.Create(CultureInfo.InvariantCulture, $"{frame.Width}x{frame.Height}"), "-i", "-", "-frames:v", "1"],
        frame.Pixels,
        cancellationToken);

    private static async Task<byte[]?> EncodeAsync(string[] input, byte[]? pixels, CancellationToken cancellationToken)
    {
        using var process = Start([.. input, "-map_metadata", "-1", "-q:v", "3", "-f", "mjpeg", "-"], feeds: pixels is not null);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            using var file = new MemoryStream();
            var reading = process.StandardOutput.BaseStream.CopyToAsync(file, cancellationToken);
            if (pixels is not null)
            {
                await process.StandardInput.BaseStream.WriteAsync(pixels, cancellationToken);
                process.StandardInput.Close();
            }

            await reading;
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 && file.Length > 0 ? file.ToArray() : throw new InvalidDataException($"ffmpeg ended with {process.ExitCode}: {Last(await errors)}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private static string[] Input(string source) => source.StartsWith("/dev/video", StringComparison.Ordinal) ? ["-f", "v4l2", "-i", source] : ["-i", source];

    // No longer than that, whichever way it lies, and never made larger.
    private static string Within(int pixels) => string.Create(CultureInfo.InvariantCulture, $"scale='if(gt(iw,ih),min(iw,{pixels}),-2)':'if(gt(iw,ih),-2,min(ih,{pixels}))':flags=area");

    private static Process Start(string[] arguments, bool feeds)
    {
        var start = new ProcessStartInfo("ffmpeg") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        var process = Start(start);
        if (!feeds) process.StandardInput.Close();
        return process;
    }

    private static IEnumerable<string> Arguments(string source, double? framesPerSecond, int width, int height)
    {
        // No -protocol_whitelist for devices; what the operator names is the operator's choice, and nothing else reaches here.
        var scale = string.Create(CultureInfo.InvariantCulture, $"scale={width}:{height}:flags=bilinear");
        var filter = framesPerSecond is { } fps ? string.Create(CultureInfo.InvariantCulture, $"fps={fps},{scale}") : scale;
        return ["-hide_banner", "-loglevel", "error", "-threads", "1", .. Input(source), "-an", "-vf", filter, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
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
