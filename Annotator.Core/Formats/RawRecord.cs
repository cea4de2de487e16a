namespace Annotator.Core.Formats;

/// <summary>The column names that records share. One instance serves all records with the same columns, in the same order.</summary>
public sealed class RecordColumns
{
    private readonly Dictionary<string, int> _index;

    /// <summary>Makes the columns of a record.</summary>
    /// <param name="names">The names in their order; each once.</param>
    public RecordColumns(IReadOnlyList<string> names)
    {
        Names = [.. names];
        _index = new Dictionary<string, int>(Names.Count, StringComparer.Ordinal);
        for (int i = 0; i < Names.Count; i++) _index.TryAdd(Names[i], i);
    }

    /// <summary>The names in the order of the file.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The 0-based place of a column, -1 where there is none. Names are compared exactly.</summary>
    public int IndexOf(string name) => _index.GetValueOrDefault(name, -1);

    /// <summary>Names for a CSV header: trimmed; an empty one becomes <c>columnN</c> and a repeated one gets <c>_2</c>, <c>_3</c>, ….</summary>
    internal static RecordColumns FromHeader(IReadOnlyList<string> cells)
    {
        var names = new string[cells.Count];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < names.Length; i++)
        {
            string stem = cells[i].Trim();
            if (stem.Length == 0) stem = Unnamed(i);
            string name = stem;
            for (int n = 2; !seen.Add(name); n++) name = stem + "_" + n.ToString(System.Globalization.CultureInfo.InvariantCulture);
            names[i] = name;
        }
        return new RecordColumns(names);
    }

    /// <summary>Names for a CSV without a header: <c>column1</c> to <c>columnN</c>.</summary>
    internal static RecordColumns Numbered(int count) => new([.. Enumerable.Range(0, count).Select(Unnamed)]);

    private static string Unnamed(int index) => "column" + (index + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>One value of a record.</summary>
/// <param name="Text">The text; for a JSON value that is no string, its JSON; null where the value is null.</param>
/// <param name="IsJson">Whether <paramref name="Text"/> is JSON (a number, a boolean, an object, an array) and not a plain string.</param>
public readonly record struct RawField(string? Text, bool IsJson);

/// <summary>One record as it stands in the file, before its columns are given a meaning.</summary>
/// <param name="LineNumber">1-based number of the line on which the record starts.</param>
/// <param name="ByteOffset">Offset in bytes of the start of the record from the start of the file, byte order mark included.</param>
/// <param name="Columns">The names of the fields.</param>
/// <param name="Fields">The values, in the order of <paramref name="Columns"/>.</param>
public sealed record RawRecord(long LineNumber, long ByteOffset, RecordColumns Columns, RawField[] Fields)
{
    /// <summary>The value of a column, or a field without text where there is no such column.</summary>
    public RawField this[string column] => Columns.IndexOf(column) is var i and >= 0 ? Fields[i] : default;

    /// <summary>Where a reader has to be opened to read this record again and go on behind it.</summary>
    public ReaderCheckpoint Checkpoint => new(ByteOffset, LineNumber);
}
