using System.Text;
using Annotator.Core.Labels;

namespace Annotator.Core.Media;

/// <summary>What an image or video file is, told by its first bytes: names and declared types of uploads are not believed.</summary>
/// <param name="ContentType">Media type.</param>
/// <param name="Modality">Image or video.</param>
public sealed record MediaKind(string ContentType, Modality Modality)
{
    /// <summary>How many bytes of the beginning are needed.</summary>
    public const int HeadBytes = 64;

    /// <summary>What can be told.</summary>
    public const string Known = "PNG, JPEG, GIF, WebP, AVIF, TIFF, BMP; MP4, QuickTime, WebM, AVI";

    /// <summary>Tells the kind of a file; null for what is no image or video of a known kind. SVG is none: it is a program in a page's clothes.</summary>
    /// <param name="head">The first <see cref="HeadBytes"/> bytes, or all of a shorter file.</param>
    public static MediaKind? Of(ReadOnlySpan<byte> head)
    {
        if (head.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])) return new("image/png", Modality.Image);
        if (head.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])) return new("image/jpeg", Modality.Image);
        if (head.StartsWith("GIF87a"u8) || head.StartsWith("GIF89a"u8)) return new("image/gif", Modality.Image);
        if (head.Length >= 12 && head.StartsWith("RIFF"u8) && head[8..12].SequenceEqual("WEBP"u8)) return new("image/webp", Modality.Image);
        if (head.Length >= 26 && head.StartsWith("BM"u8)) return new("image/bmp", Modality.Image);

        if (head.StartsWith("II*\0"u8) || head.StartsWith("MM\0*"u8)) return new("image/tiff", Modality.Image);
        if (head.Length >= 12 && head.StartsWith("RIFF"u8) && head[8..12].SequenceEqual("AVI "u8)) return new("video/x-msvideo", Modality.Video);

        // ISO base media: a box "ftyp" whose brands tell images from films, the first of them best.
        if (head.Length >= 12 && head[4..8].SequenceEqual("ftyp"u8))
        {
            for (var at = 8; at + 4 <= head.Length; at += at == 8 ? 8 : 4)
            {
                if (OfBrand(Encoding.ASCII.GetString(head[at..(at + 4)])) is { } kind) return kind;
            }

            return null;
        }

        // QuickTime before brands.
        if (head.Length >= 12 && (head[4..8].SequenceEqual("moov"u8) || head[4..8].SequenceEqual("mdat"u8) || head[4..8].SequenceEqual("wide"u8))) return new("video/quicktime", Modality.Video);

        // EBML with the document type of WebM (Matroska that is no WebM is not played by browsers).
        if (head.StartsWith((ReadOnlySpan<byte>)[0x1A, 0x45, 0xDF, 0xA3]) && head.IndexOf("webm"u8) >= 0) return new("video/webm", Modality.Video);
        return null;
    }

    private static MediaKind? OfBrand(string brand) => brand switch
    {
        "avif" or "avis" => new("image/avif", Modality.Image),
        "qt  " => new("video/quicktime", Modality.Video),
        "isom" or "iso2" or "iso3" or "iso4" or "iso5" or "iso6" or "iso7" or "iso8" or "iso9" or "mp41" or "mp42" or "mp71" or "avc1" or "av01" or "M4V " or "M4VH" or "M4VP" or "F4V " or "dash" or "cmfc" or "MSNV"
            or "3gp4" or "3gp5" or "3gp6" or "3g2a" => new("video/mp4", Modality.Video),
        _ => null,
    };
}
