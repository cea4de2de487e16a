using System.Buffers;
using System.Text;

namespace Annotator.Core.Formats;

/// <summary>What encoding a text is in.</summary>
/// <param name="Encoding">The encoding.</param>
/// <param name="ByteOrderMarkLength">Bytes of the byte order mark at the start, 0 where there is none.</param>
/// <param name="IsCertain">Whether it is said by a byte order mark or by the validity of many characters; otherwise it is a guess.</param>
public sealed record DetectedEncoding(TextEncoding Encoding, int ByteOrderMarkLength, bool IsCertain);

/// <summary>
/// Detects the text encoding from the beginning of a file: byte order mark, UTF-16 by the place of its zero bytes, UTF-8 by validity,
/// CP949 by validity and by its Hangul, else Windows-1252, in which every byte is a character.
/// </summary>
public static class TextEncodingDetector
{
    // A damaged character or two do not turn a UTF-8 file into another one: its lines are rejected one by one.
    private const int ValidPerInvalid = 20;

    /// <summary>Detects the encoding.</summary>
    /// <param name="sample">The beginning of the file, all of it or cut anywhere.</param>
    public static DetectedEncoding Detect(ReadOnlySpan<byte> sample)
    {
        if (sample.StartsWith("\uFEFF"u8)) return new DetectedEncoding(TextEncoding.Utf8, 3, IsCertain: true);
        if (sample is [0xFF, 0xFE, ..]) return new DetectedEncoding(TextEncoding.Utf16LittleEndian, 2, IsCertain: true);
        if (sample is [0xFE, 0xFF, ..]) return new DetectedEncoding(TextEncoding.Utf16BigEndian, 2, IsCertain: true);
        if (DetectUtf16(sample) is { } utf16) return new DetectedEncoding(utf16, 0, IsCertain: false);

        var (valid, invalid) = CountUtf8(sample);
        if (invalid == 0) return new DetectedEncoding(TextEncoding.Utf8, 0, IsCertain: valid > 0);
        if (valid >= ValidPerInvalid * invalid) return new DetectedEncoding(TextEncoding.Utf8, 0, IsCertain: false);
        return IsKorean(sample, out bool certain)
            ? new DetectedEncoding(TextEncoding.Korean949, 0, certain)
            : new DetectedEncoding(TextEncoding.Windows1252, 0, IsCertain: false);
    }

    // In UTF-16 text blanks, digits, delimiters and line breaks have a zero byte, always on the same side, and no NUL characters occur.
    private static TextEncoding? DetectUtf16(ReadOnlySpan<byte> sample)
    {
        sample = sample[..(sample.Length & ~1)];
        if (sample.Length < 4) return null;
        int even = 0, odd = 0;
        for (int i = 0; i < sample.Length; i += 2)
        {
            if (sample[i] == 0) even++;
            if (sample[i + 1] == 0) odd++;
        }
        int pairs = sample.Length / 2;
        int zeros = Math.Max(even, odd);
        // At least every fiftieth character is ASCII, and hardly any zero is on the wrong side (U+0100, U+0200, … are rare).
        if (zeros * 50 < pairs || Math.Min(even, odd) * 20 > zeros) return null;
        var encoding = odd > even ? TextEncoding.Utf16LittleEndian : TextEncoding.Utf16BigEndian;
        bool big = encoding == TextEncoding.Utf16BigEndian;
        int controls = 0, broken = 0;
        bool high = false;
        for (int i = 0; i < sample.Length; i += 2)
        {
            int unit = big ? (sample[i] << 8) | sample[i + 1] : (sample[i + 1] << 8) | sample[i];
            if (unit < 0x20 && unit is not (9 or 10 or 13)) controls++;
            bool low = unit is >= 0xDC00 and <= 0xDFFF;
            if (high != low) broken++;
            high = unit is >= 0xD800 and <= 0xDBFF;
        }
        return (controls + broken) * 100 <= pairs ? encoding : null;
    }

    private static (int Valid, int Invalid) CountUtf8(ReadOnlySpan<byte> sample)
    {
        int valid = 0, invalid = 0;
        while (sample.IndexOfAnyInRange((byte)0x80, (byte)0xFF) is var found and >= 0)
        {
            sample = sample[found..];
            var status = Rune.DecodeFromUtf8(sample, out _, out int length);
            // A character cut off by the end of the sample says nothing.
            if (status == OperationStatus.NeedMoreData) break;
            if (status == OperationStatus.Done) valid++;
            else invalid++;
            sample = sample[length..];
        }
        return (valid, invalid);
    }

    // CP949: first byte 0x81 to 0xFE, second 0x41-5A, 0x61-7A or 0x81-FE. Korean text lies mostly in the Hangul block of KS X 1001
    // (0xB0-C8, 0xA1-FE); Western text with accented letters rarely has two bytes above 0xA0 in a row.
    private static bool IsKorean(ReadOnlySpan<byte> sample, out bool certain)
    {
        int hangul = 0, pairs = 0, broken = 0;
        for (int i = 0; i < sample.Length; i++)
        {
            byte first = sample[i];
            if (first < 0x80) continue;
            if (i + 1 == sample.Length) break;
            byte second = sample[i + 1];
            if (first is 0x80 or 0xFF || second is < 0x41 or (> 0x5A and < 0x61) or (> 0x7A and < 0x81) or 0xFF)
            {
                broken++;
                continue;
            }
            pairs++;
            if (first is >= 0xB0 and <= 0xC8 && second >= 0xA1) hangul++;
            i++;
        }
        certain = broken == 0 && hangul >= 20;
        return pairs > 0 && pairs >= ValidPerInvalid * broken && hangul * 2 >= pairs;
    }
}
