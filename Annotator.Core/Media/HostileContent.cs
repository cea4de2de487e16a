namespace Annotator.Core.Media;

/// <summary>
/// Files that are an image and something else as well (polyglots): behind or between the parts that a decoder reads they carry a page, a script, a program or
/// an archive, for a program that looks at other bytes than we do.
/// </summary>
public static class HostileContent
{
    // Lower case; compared without regard to case.
    private static readonly (byte[] Mark, string What)[] s_marks =
    [
        ("<script"u8.ToArray(), "a script"), ("<!doctype"u8.ToArray(), "a page"), ("<html"u8.ToArray(), "a page"), ("<svg"u8.ToArray(), "an SVG drawing"), ("<?php"u8.ToArray(), "a PHP program"),
        ("javascript:"u8.ToArray(), "a script"), ("<iframe"u8.ToArray(), "a page"),
    ];

    /// <summary>What a file is beside an image; null where it is nothing else.</summary>
    /// <param name="file">The whole file.</param>
    public static string? FindIn(ReadOnlySpan<byte> file)
    {
        // An archive is read from its end, whatever stands before.
        var tail = file[Math.Max(0, file.Length - 65_557)..];
        if (tail.LastIndexOf("PK\u0005\u0006"u8) >= 0) return "a zip archive";
        if (file.IndexOf("%PDF-"u8) is >= 0 and < 1_024) return "a PDF document";
        foreach (var (mark, what) in s_marks)
        {
            if (ContainsIgnoringCase(file, mark)) return what;
        }

        return null;
    }

    private static bool ContainsIgnoringCase(ReadOnlySpan<byte> file, byte[] mark)
    {
        // The first byte is no letter in most marks, so that few places are looked at closely.
        for (var at = 0; at <= file.Length - mark.Length;)
        {
            var next = char.IsAsciiLetter((char)mark[0])
                ? file[at..].IndexOfAny(mark[0], (byte)(mark[0] ^ 0x20))
                : file[at..].IndexOf(mark[0]);
            if (next < 0 || at + next > file.Length - mark.Length) return false;
            at += next;
            if (System.Text.Ascii.EqualsIgnoreCase(file.Slice(at, mark.Length), mark)) return true;
            at++;
        }

        return false;
    }
}
