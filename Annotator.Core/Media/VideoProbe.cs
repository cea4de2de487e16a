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

    /// <summary>More frames than this are not told apart: over nine hours at thirty a second.</summary>
    public const int MostFrames = 1_000_000;

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
    internal static async Task<Outcome<VideoFrames>> ProbeAsync(string path, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("ffprobe") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };

        // The file is a stranger's: it may name no other file and no address.
        foreach (var argument in (string[])["-v", "error", "-protocol_whitelist", "file", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=print_section=0", "-i", path]) start.ArgumentList.Add(argument);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            return Failure("ffmpeg is not installed on the server, so frames of videos cannot be told apart. Install the package ffmpeg and open the page again.");
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
                    if (double.TryParse(line.AsSpan().TrimEnd(','), NumberStyles.Float, CultureInfo.InvariantCulture, out var time)) times.Add(time);
                    if (times.Count > MostFrames) return Failure($"The video has more than {MostFrames} frames.");
                }

                await process.WaitForExitAsync(limit.Token);
                _ = await errors;
                if (process.ExitCode != 0 || times.Count == 0) return Failure("The file cannot be read as a video: it is broken, or has no pictures.");
                return Outcome<VideoFrames>.Of(VideoFrames.Of(times));
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return Failure($"Reading the video took longer than {s_patience.TotalSeconds:0} seconds.");
            }
            finally
            {
                if (!process.HasExited) process.Kill(entireProcessTree: true);
            }
        }
    }

    private static Outcome<VideoFrames> Failure(string message) => Outcome<VideoFrames>.Fail("file", message);
}
