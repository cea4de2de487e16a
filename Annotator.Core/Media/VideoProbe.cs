using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Annotator.Core.Storage;

namespace Annotator.Core.Media;

/// <summary>Asks ffprobe, which comes with ffmpeg, when the frames of a stored film are shown. Nothing is decoded: an hour of film takes seconds.</summary>
public sealed class VideoProbe(IBlobStore blobs)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>What is said where ffprobe is not there.</summary>
    internal const string Missing = "ffmpeg is not installed on the server, so frames of videos cannot be told apart. Install the package ffmpeg and open the page again.";

    // What ffmpeg says of files that end before their index says.
    private static readonly string[] s_cut = ["partial file", "ended prematurely", "truncat", "moov atom not found"];

    /// <summary>More frames than this are not told apart.</summary>
    public const int MostFrames = Labels.TrackFrames.MostFrames;

    private readonly ConcurrentDictionary<string, VideoFrames> _known = new(StringComparer.Ordinal);

    /// <summary>The frames of a stored film.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The frames, or a failure that says what is missing.</returns>
    public async Task<Outcome<VideoFrames>> ReadAsync(long projectId, string name, CancellationToken cancellationToken = default)
    {
        if (MediaService.BlobOf(projectId, string.Create(CultureInfo.InvariantCulture, $"/api/v1/projects/{projectId}/media/{name}")) is not { } blob) return Failure("There is no such file.");
        if (_known.TryGetValue(blob, out var known)) return Outcome<VideoFrames>.Of(known);
        await using var file = await LocalMedia.OpenAsync(blobs, blob, cancellationToken);
        return file is null ? Failure("There is no such file.") : await KnowAsync(blob, file.Path, cancellationToken);
    }

    private async Task<Outcome<VideoFrames>> KnowAsync(string blob, string path, CancellationToken cancellationToken)
    {
        var found = await ProbeAsync(path, cancellationToken);
        if (found.Succeeded) _known[blob] = found.Value;
        return found;
    }

    /// <summary>The frames of a film in a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal static async Task<Outcome<VideoFrames>> ProbeAsync(string path, CancellationToken cancellationToken) => (await LookAsync(path, cancellationToken)).Frames;

    /// <summary>The frames of a film in a file, and what ffmpeg complains of.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The frames, and what is wrong with the file although some of it may be read; null for nothing.</returns>
    internal static async Task<(Outcome<VideoFrames> Frames, string? Wrong)> LookAsync(string path, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("ffprobe") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };

        // The file is a stranger's: it may name no other file and no address.
        foreach (var argument in (string[])["-v", "error", "-protocol_whitelist", "file", "-select_streams", "v:0", "-show_entries", "packet=pts_time,dts_time", "-of", "csv=print_section=0", "-i", path]) start.ArgumentList.Add(argument);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            return (Failure(Missing), null);
        }

        using (process)
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            limit.CancelAfter(s_patience);
            try
            {
                process.StandardInput.Close();
                var errors = process.StandardError.ReadToEndAsync(limit.Token);
                var times = new List<double>();
                while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
                {
                    if (TimeOf(line) is { } time) times.Add(time);
                    if (times.Count > MostFrames) return (Failure($"The video has more than {MostFrames} frames."), null);
                }

                await process.WaitForExitAsync(limit.Token);
                var said = await errors;
                var wrong = Array.Exists(s_cut, c => said.Contains(c, StringComparison.OrdinalIgnoreCase)) ? "The video ends early: a part of the file is missing."
                    : said.Contains("Picture size", StringComparison.Ordinal) ? "The video says that its picture has an impossible size." : null;
                if (process.ExitCode != 0 || times.Count == 0) return (Failure("The file cannot be read as a video: it is broken, or has no pictures."), wrong);
                return (Outcome<VideoFrames>.Of(VideoFrames.Of(times)), wrong);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return (Failure($"Reading the video took longer than {s_patience.TotalSeconds:0} seconds."), null);
            }
            finally
            {
                if (!process.HasExited) process.Kill(entireProcessTree: true);
            }
        }
    }

    // When it is shown and when it is decoded. AVI says the second only, and has it in the order of the first.
    private static double? TimeOf(ReadOnlySpan<char> line)
    {
        foreach (var part in line.Split(','))
        {
            if (double.TryParse(line[part], NumberStyles.Float, CultureInfo.InvariantCulture, out var time)) return time;
        }

        return null;
    }

    private static Outcome<VideoFrames> Failure(string message) => Outcome<VideoFrames>.Fail("file", message);
}
