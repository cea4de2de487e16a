using System.Text;

namespace Annotator.Core.Formats;

/// <summary>The text encodings that are read.</summary>
public enum TextEncoding
{
    /// <summary>UTF-8 (ASCII included).</summary>
    Utf8,

    /// <summary>UTF-16, low byte first.</summary>
    Utf16LittleEndian,

    /// <summary>UTF-16, high byte first.</summary>
    Utf16BigEndian,

    /// <summary>Code page 949 (UHC): EUC-KR with the remaining Hangul syllables.</summary>
    Korean949,

    /// <summary>Windows-1252, Western European.</summary>
    Windows1252,
}

/// <summary>What the text encodings are to .NET.</summary>
internal static class TextEncodings
{
    // The provider is asked directly: nothing is registered for the whole process.
    private static readonly Encoding s_korean = CodePagesEncodingProvider.Instance.GetEncoding(
        949, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)!;

    private static readonly Encoding s_western = CodePagesEncodingProvider.Instance.GetEncoding(
        1252, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)!;

    /// <summary>The decoder; for UTF-8, CP949 and Windows-1252 it throws on invalid bytes, for UTF-16 a lone surrogate becomes U+FFFD.</summary>
    public static Encoding Decoder(TextEncoding encoding) => encoding switch
    {
        TextEncoding.Utf8 => StrictUtf8,
        TextEncoding.Utf16LittleEndian => new UnicodeEncoding(bigEndian: false, byteOrderMark: false),
        TextEncoding.Utf16BigEndian => new UnicodeEncoding(bigEndian: true, byteOrderMark: false),
        TextEncoding.Korean949 => s_korean,
        TextEncoding.Windows1252 => s_western,
        _ => throw new ArgumentOutOfRangeException(nameof(encoding), encoding, null),
    };

    /// <summary>UTF-8 without a byte order mark that throws on invalid input.</summary>
    public static Encoding StrictUtf8 { get; } = new UTF8Encoding(false, throwOnInvalidBytes: true);

    /// <summary>Whether the encoding has code units of two bytes.</summary>
    public static bool IsUtf16(this TextEncoding encoding) =>
        encoding is TextEncoding.Utf16LittleEndian or TextEncoding.Utf16BigEndian;
}
