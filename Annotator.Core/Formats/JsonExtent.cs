using System.Buffers;

namespace Annotator.Core.Formats;

/// <summary>Finds where a JSON value ends without parsing it.</summary>
internal static class JsonExtent
{
    private static readonly SearchValues<byte> s_structure = SearchValues.Create("\"{}[]\n\r"u8);
    private static readonly SearchValues<byte> s_stringEnd = SearchValues.Create("\"\\\n\r"u8);
    private static readonly SearchValues<byte> s_scalarEnd = SearchValues.Create(",]}: \t\r\n"u8);
    private static readonly SearchValues<byte> s_nesting = SearchValues.Create("\"{}[]"u8);

    /// <summary>Length in bytes of the value at the start of <paramref name="data"/>.</summary>
    /// <param name="data">JSON, starting with the value (no blanks before it).</param>
    /// <param name="final">Whether nothing follows <paramref name="data"/>.</param>
    /// <param name="lineBreaks">Line breaks within the value.</param>
    /// <param name="broken">Whether it cannot be a value; the length is then where that shows.</param>
    /// <returns>The length; -1 where the value is not complete.</returns>
    public static int Measure(ReadOnlySpan<byte> data, bool final, out int lineBreaks, out bool broken)
    {
        lineBreaks = 0;
        broken = false;
        if (data.IsEmpty) return -1;
        if (data[0] is not ((byte)'{' or (byte)'[' or (byte)'"'))
        {
            int end = data.IndexOfAny(s_scalarEnd);
            broken = end == 0;
            return end >= 0 ? end : final ? data.Length : -1;
        }

        int depth = 0;
        int position = 0;
        while (true)
        {
            int found = data[position..].IndexOfAny(s_structure);
            if (found < 0) return -1;
            position += found;
            byte symbol = data[position++];
            switch (symbol)
            {
                case (byte)'"':
                    while (true)
                    {
                        int next = data[position..].IndexOfAny(s_stringEnd);
                        if (next < 0) return -1;
                        position += next;
                        byte stop = data[position];
                        if (stop is (byte)'\n' or (byte)'\r')
                        {
                            broken = true;
                            return position;
                        }
                        position++;
                        if (stop == '"') break;
                        // An escaped line break is as broken as a bare one, and is left for the next round to see.
                        if (position == data.Length) return -1;
                        if (data[position] is not ((byte)'\n' or (byte)'\r')) position++;
                    }
                    if (depth == 0) return position;
                    break;
                case (byte)'{' or (byte)'[':
                    depth++;
                    break;
                case (byte)'}' or (byte)']':
                    if (--depth == 0) return position;
                    break;
                case (byte)'\r':
                    // A CR as the last byte at hand is counted with what follows.
                    if (position < data.Length && data[position] == '\n') position++;
                    lineBreaks++;
                    break;
                default:
                    lineBreaks++;
                    break;
            }
        }
    }

    /// <summary>How deep brackets are nested, strings left out; exact for well-formed JSON.</summary>
    public static int Depth(ReadOnlySpan<byte> json)
    {
        int depth = 0, deepest = 0, position = 0;
        while (json[position..].IndexOfAny(s_nesting) is var found and >= 0)
        {
            position += found;
            byte symbol = json[position++];
            if (symbol == '"')
            {
                while (true)
                {
                    int next = json[position..].IndexOfAny((byte)'"', (byte)'\\');
                    if (next < 0) return deepest;
                    position += next;
                    bool escape = json[position] == '\\';
                    position = Math.Min(json.Length, position + (escape ? 2 : 1));
                    if (!escape) break;
                }
            }
            else if (symbol is (byte)'{' or (byte)'[')
            {
                deepest = Math.Max(deepest, ++depth);
            }
            else
            {
                depth--;
            }
        }
        return deepest;
    }
}
