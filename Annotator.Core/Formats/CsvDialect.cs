namespace Annotator.Core.Formats;

/// <summary>How a delimited text file is written.</summary>
/// <param name="Delimiter">The character between fields, ASCII.</param>
/// <param name="Quote">The character around fields that hold delimiters, quotes or line breaks, ASCII; null: there is none.</param>
/// <param name="HasHeader">Whether the first record names the columns.</param>
public sealed record CsvDialect(char Delimiter = ',', char? Quote = '"', bool HasHeader = true)
{
    /// <summary>Throws where the characters cannot be told apart.</summary>
    /// <exception cref="ArgumentException">A character is not ASCII, a line break, a NUL, or both are the same.</exception>
    internal void Validate()
    {
        if (Unfit(Delimiter)) throw new ArgumentException("The delimiter must be an ASCII character and no line break.", nameof(Delimiter));
        if (Quote is not { } quote) return;
        if (Unfit(quote)) throw new ArgumentException("The quote must be an ASCII character and no line break.", nameof(Quote));
        if (quote == Delimiter) throw new ArgumentException("Delimiter and quote must differ.", nameof(Quote));
    }

    // Letters, and what stands in the second byte of CP949, would be cut out of the middle of a character.
    private static bool Unfit(char c) => c is '\0' or '\r' or '\n' || c > 0x7E || char.IsAsciiLetterOrDigit(c);
}
