namespace Annotator.Core.Media;

/// <summary>The part of a film that an item is about: a long film is cut into jobs that share its file. Frames keep the numbers that they have in the whole film.</summary>
/// <param name="First">The first frame.</param>
/// <param name="End">The frame after the last; null: to the end of the film.</param>
public readonly record struct FilmRange(int First, int? End)
{
    /// <summary>Name of the first frame in an item's metadata.</summary>
    public const string FirstName = "firstFrame";

    /// <summary>Name of the frame after the last in an item's metadata.</summary>
    public const string EndName = "endFrame";

    /// <summary>What an item's metadata says; the whole film where it says nothing.</summary>
    /// <param name="metadata">The metadata as JSON.</param>
    public static FilmRange Of(string? metadata)
    {
        var first = MediaMetadata.Number(metadata, FirstName) is { } from and >= 0 and <= int.MaxValue ? (int)from : 0;
        return new FilmRange(first, MediaMetadata.Number(metadata, EndName) is { } to && to > first && to <= int.MaxValue ? (int)to : null);
    }

    /// <summary>The frame after the last, in a film of so many.</summary>
    public int EndIn(int frames) => Math.Min(End ?? frames, frames);
}
