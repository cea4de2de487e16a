using System.ComponentModel;
using System.Diagnostics;

namespace Annotator.Tests.Support;

/// <summary>Films made up for a test with ffmpeg; a test is skipped with a reason where there is none, and fails in CI.</summary>
internal static class TestFilm
{
    private static byte[]? s_brightening;

    /// <summary>How bright a frame is in a browser, 0 to 255.</summary>
    public static double Brightness(int frame) => 4 * frame * 255 / 219.0;

    /// <summary>Fifty frames at twenty-five a second, 64 by 48 pixels, each a step brighter than the one before: what is on screen tells its number.</summary>
    public static async Task<byte[]> BrighteningAsync()
    {
        return s_brightening ??= await MadeAsync("nullsrc=s=64x48:r=25:d=2,geq=lum='16+4*N':cb=128:cr=128");
    }

    /// <summary>A film of a graph of ffmpeg's filters, as H.264 with frames that refer to later ones.</summary>
    /// <param name="graph">The graph; it has one output.</param>
    public static Task<byte[]> MadeAsync(string graph) => MadeAsync(graph, ".mp4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "4", "-bf", "2", "-g", "12");

    /// <summary>A film of a graph of ffmpeg's filters, coded as is said.</summary>
    /// <param name="graph">The graph; it has one output.</param>
    /// <param name="extension">How the file's name ends, which tells the container.</param>
    /// <param name="coding">Arguments of ffmpeg's for the output.</param>
    public static async Task<byte[]> MadeAsync(string graph, string extension, params string[] coding)
    {
        var path = Path.Combine(Path.GetTempPath(), $"annotator-{Guid.NewGuid():n}{extension}");
        try
        {
            var start = new ProcessStartInfo("ffmpeg") { RedirectStandardError = true, UseShellExecute = false };
            foreach (var argument in (string[])["-v", "error", "-filter_complex", graph, .. coding, path]) start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.ExitCode == 0, errors);
            return await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        }
        catch (Win32Exception)
        {
            Programs.Missing("There is no ffmpeg; install the package ffmpeg.");
            throw;
        }
        finally
        {
            File.Delete(path);
        }
    }
}
