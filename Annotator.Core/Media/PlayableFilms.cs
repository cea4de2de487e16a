using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Storage;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Media;

/// <summary>How far a film for browsers is.</summary>
/// <param name="Done">The part that is made, 0 to 1.</param>
/// <param name="Frames">Its frames, once it is there.</param>
public sealed record FilmProgress(double Done, VideoFrames? Frames);

/// <summary>
/// Films that no browser plays (AVI, MPEG-4 part 2, ProRes, Motion JPEG, …) as H.264 in MP4, frame for frame: frame 812 of the one is frame 812 of the other. Made by ffmpeg, in a process of its own, when a
/// browser first fails at the film; kept in <see cref="MediaCache"/>. What is annotated is the film as it was sent.
/// </summary>
public sealed class PlayableFilms(IBlobStore blobs, MediaCache cache, IOptions<MediaOptions> options) : IDisposable
{
    /// <summary>Media type of the films.</summary>
    public const string ContentType = "video/mp4";

    // More films than this do not wait in line.
    private const int MostWaiting = 200;

    // Hardly to be told from the film; a person looks at it, no model does.
    private const int Quality = 18;

    private static readonly TimeSpan s_longest = TimeSpan.FromHours(6);

    // One at a time: it takes all there is of a core or two.
    private readonly SemaphoreSlim _making = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, Making> _begun = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, VideoFrames> _frames = new(StringComparer.Ordinal);

    /// <summary>Asks for a film; where it is not there it is begun, and the caller asks again.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    /// <param name="cancellationToken">Cancels the question, not the making.</param>
    /// <returns>How far it is, or why it cannot be made.</returns>
    public async Task<Outcome<FilmProgress>> AskAsync(long projectId, string name, CancellationToken cancellationToken = default)
    {
        if (MediaService.BlobOf(projectId, MediaService.AddressOf(projectId, name)) is not { } blob) return Failure("There is no such file.");
        var key = KeyOf(projectId, name);
        if (cache.Find(key) is { } found)
        {
            using (found)
            {
                if (_frames.TryGetValue(key, out var known)) return new FilmProgress(1, known);
                var frames = await VideoProbe.ProbeAsync(found.Path, cancellationToken);
                return frames.Succeeded ? new FilmProgress(1, _frames[key] = frames.Value) : Failure(frames.Errors[0].Message);
            }
        }

        if (_begun.Count >= MostWaiting && !_begun.ContainsKey(key)) return Failure("Many videos are being made ready for browsers already. Try again later.");
        var making = _begun.GetOrAdd(key, _ => new Making());
        lock (making) making.Work ??= Task.Run(() => MakeAsync(key, blob, making), CancellationToken.None);
        if (!making.Work.IsCompleted) return new FilmProgress(Math.Min(making.Done, 0.99), null);
        _begun.TryRemove(key, out _);
        return await making.Work is { } problem ? Failure(problem) : await AskAsync(projectId, name, cancellationToken);
    }

    /// <summary>Opens a film that was made; null where it is not there.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    public Stream? Open(long projectId, string name)
    {
        if (MediaService.NameOf(projectId, MediaService.AddressOf(projectId, name)) is null || cache.Find(KeyOf(projectId, name)) is not { } found) return null;
        using (found) return new FileStream(found.Path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1 << 16, FileOptions.Asynchronous);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
        _making.Dispose();
    }

    private async Task<string?> MakeAsync(string key, string blob, Making making)
    {
        var stop = _stop.Token;
        try
        {
            await _making.WaitAsync(stop);
            try
            {
                await using var film = await LocalMedia.OpenAsync(blobs, blob, stop);
                if (film is null) return "There is no such file.";
                var frames = await VideoProbe.ProbeAsync(film.Path, stop);
                if (!frames.Succeeded) return frames.Errors[0].Message;
                var size = await VideoDecoder.SizeAsync(film.Path, stop);
                var made = cache.Begin(key, ".mp4");
                try
                {
                    if (await ConvertAsync(film.Path, made, size, frames.Value.Count, making, stop) is { } problem) return problem;
                    cache.Keep(key, made).Dispose();
                    return null;
                }
                finally
                {
                    File.Delete(made);
                }
            }
            finally
            {
                _making.Release();
            }
        }
        catch (VideoRefusedException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "There is no room for it on the server, or its folder cannot be written.";
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return "The server is stopping.";
        }
    }

    private async Task<string?> ConvertAsync(string film, string made, ImageSize size, int frames, Making making, CancellationToken stop)
    {
        // Sides with an odd number of pixels have no place in 4:2:0.
        var pixels = size.Width % 2 == 0 && size.Height % 2 == 0 ? "yuv420p" : "yuv444p";
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(s_longest);
        using var process = VideoDecoder.Start("ffmpeg",
        [
            "-v", "error", "-nostdin", "-nostats", "-progress", "pipe:1", "-protocol_whitelist", "file", "-i", film, "-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "-1",
            "-c:v", "libx264", "-preset", "veryfast", "-crf", Quality.ToString(CultureInfo.InvariantCulture), "-pix_fmt", pixels, "-g", "24", "-an", "-sn", "-dn", "-map_metadata", "-1", "-movflags", "+faststart",
            "-fs", (options.Value.VideoMegabytes * 1_000_000L).ToString(CultureInfo.InvariantCulture), "-f", "mp4", "-y", made,
        ]);
        try
        {
            var errors = VideoDecoder.ReadSomeAsync(process.StandardError, limit.Token);
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                if (line.StartsWith("frame=", StringComparison.Ordinal) && int.TryParse(line.AsSpan(6).Trim(), CultureInfo.InvariantCulture, out var frame)) making.Done = (double)frame / Math.Max(1, frames);
            }

            await process.WaitForExitAsync(limit.Token);
            var said = await errors;
            return process.ExitCode == 0 ? null : $"The video cannot be made ready for browsers{(said.Length > 0 ? $" ({said})" : "")}.";
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return $"Making the video ready for browsers took longer than {s_longest.TotalHours:0} hours.";
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static string KeyOf(long projectId, string name) => string.Create(CultureInfo.InvariantCulture, $"film-{projectId}-{name}");

    private static Outcome<FilmProgress> Failure(string message) => Outcome<FilmProgress>.Fail("file", message);

    private sealed class Making
    {
        public Task<string?>? Work { get; set; }

        public double Done { get; set; }
    }
}
