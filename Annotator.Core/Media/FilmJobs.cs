using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Core.Cascade;

namespace Annotator.Core.Media;

/// <summary>Cuts a long film into jobs: items that share its file, each with a range of its frames. Frames keep their numbers, so that what is said of one job can be laid beside what is said of the next.</summary>
public static class FilmJobs
{
    // A film of more jobs than this is cut into longer ones.
    private const int MostJobs = 1_000;

    /// <summary>The ranges of a film's jobs, about equally long and without gaps.</summary>
    /// <param name="frames">Frames of the film.</param>
    /// <param name="seconds">How long it is.</param>
    /// <param name="jobSeconds">How long a job may be, above 0.</param>
    public static IReadOnlyList<FilmRange> Cut(int frames, double seconds, double jobSeconds)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(jobSeconds);
        var count = (int)Math.Clamp(Math.Ceiling(seconds / jobSeconds), 1, Math.Clamp(frames, 1, MostJobs));
        return [.. Enumerable.Range(0, count).Select(i => new FilmRange((int)((long)frames * i / count), (int)((long)frames * (i + 1) / count)))];
    }

    /// <summary>The items of an uploaded file.</summary>
    /// <param name="item">The item as it is where nothing is cut: its key is the file's name.</param>
    /// <param name="film">What was found out about the film; null of an image.</param>
    /// <param name="jobSeconds">How long a job may be; 0: nothing is cut.</param>
    internal static IReadOnlyList<NewItem> Of(NewItem item, FilmFacts? film, double jobSeconds)
    {
        if (film is null || jobSeconds <= 0 || Cut(film.Frames, film.Seconds, jobSeconds) is not { Count: > 1 } ranges) return [item];
        return [.. ranges.Select((range, i) =>
        {
            var own = JsonNode.Parse(item.Metadata!)!.AsObject();
            (own["film"], own["job"], own["jobs"], own[FilmRange.FirstName], own[FilmRange.EndName]) = (item.Key, i + 1, ranges.Count, range.First, range.End);
            return item with { Key = string.Create(CultureInfo.InvariantCulture, $"{item.Key}#{i + 1:0000}"), Metadata = own.ToJsonString() };
        })];
    }
}
