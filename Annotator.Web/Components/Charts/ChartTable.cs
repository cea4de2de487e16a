using System.Text;
using Annotator.Core.Formats;

namespace Annotator.Web.Components.Charts;

/// <summary>The numbers of a chart as a table: what is shown, what stands in the file, where a row leads.</summary>
/// <param name="Columns">Names of the columns; numbers stand to the right.</param>
/// <param name="Rows">The rows.</param>
public sealed record ChartTable(IReadOnlyList<ChartColumn> Columns, IReadOnlyList<ChartRow> Rows)
{
    /// <summary>Nothing.</summary>
    public static ChartTable Empty { get; } = new([], []);

    /// <summary>The table as a CSV file: UTF-8, numbers with a point, cells that a spreadsheet would take for formulas guarded.</summary>
    public async Task<string> CsvAsync()
    {
        using var stream = new MemoryStream();
        await using (var writer = new CsvWriter(stream, spreadsheetSafe: true, leaveOpen: true))
        {
            await writer.WriteRowAsync([.. Columns.Select(c => c.Name)]);
            foreach (var row in Rows) await writer.WriteRowAsync([.. row.Cells.Select(c => c.Raw)]);
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}

/// <summary>A column.</summary>
public sealed record ChartColumn(string Name, bool IsNumber = false);

/// <summary>A row.</summary>
/// <param name="Cells">Its cells.</param>
/// <param name="Href">Where its first cell leads.</param>
public sealed record ChartRow(IReadOnlyList<ChartCell> Cells, string? Href = null);

/// <summary>A cell.</summary>
/// <param name="Shown">As people read it.</param>
/// <param name="Raw">As it stands in a file.</param>
public sealed record ChartCell(string Shown, string Raw)
{
    /// <summary>Words.</summary>
    public static ChartCell Of(string words) => new(words, words);

    /// <summary>A whole number.</summary>
    public static ChartCell Of(long value) => new(Controls.Format.Count(value), value.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>A share.</summary>
    public static ChartCell Share(double? value) => new(Controls.Format.Percent(value), value?.ToString("0.######", System.Globalization.CultureInfo.InvariantCulture) ?? "");

    /// <summary>A number with digits after its point.</summary>
    public static ChartCell Number(double? value, string format = "0.0") => new(value?.ToString(format, System.Globalization.CultureInfo.CurrentCulture) ?? "–", value?.ToString("0.######", System.Globalization.CultureInfo.InvariantCulture) ?? "");

    /// <summary>A moment.</summary>
    public static ChartCell At(DateTimeOffset at, bool withTime) =>
        new(at.ToLocalTime().ToString(withTime ? "g" : "d", System.Globalization.CultureInfo.CurrentCulture), at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm'Z'", System.Globalization.CultureInfo.InvariantCulture));
}
