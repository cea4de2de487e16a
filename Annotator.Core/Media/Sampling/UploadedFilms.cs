using Annotator.Core.Labels;
using Annotator.Core.Storage;

namespace Annotator.Core.Media.Sampling;

/// <summary>Films that are kept only until their frames have been taken out.</summary>
internal static class UploadedFilms
{
    /// <summary>Stores a film where uploads wait for their run.</summary>
    /// <param name="blobs">The store.</param>
    /// <param name="content">The film.</param>
    /// <param name="most">Most bytes.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Its name in the store, or what is wrong with it.</returns>
    public static async Task<Outcome<string>> KeepAsync(IBlobStore blobs, Stream content, long most, CancellationToken cancellationToken)
    {
        var (blob, bytes) = await blobs.PutAsync(Import.ImportService.UploadFolder, content, cancellationToken);
        var reason = "The file is empty.";
        try
        {
            if (bytes > 0) reason = bytes > most ? $"The file is larger than {most / 1_000_000} MB." : await RefusedAsync(blobs, blob, cancellationToken);
        }
        finally
        {
            if (reason is not null) await blobs.DeleteAsync(blob, CancellationToken.None);
        }

        return reason is null ? Outcome<string>.Of(blob) : Outcome<string>.Fail("file", reason);
    }

    private static async Task<string?> RefusedAsync(IBlobStore blobs, string blob, CancellationToken cancellationToken)
    {
        await using var stored = await blobs.OpenAsync(blob, cancellationToken);
        var head = new byte[MediaKind.HeadBytes];
        var read = await stored.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        return MediaKind.Of(head.AsSpan(0, read)) is { Modality: Modality.Video } ? null : "Not a video of a known kind (MP4, QuickTime, WebM, AVI).";
    }
}
