using System.Globalization;
using System.Text;
using Annotator.Core.Labels;

namespace Annotator.Core.Formats.Media;

/// <summary>Writes images in folders of their classes, with a <c>labels.csv</c> that says the same of images that are not kept here.</summary>
internal sealed class FolderWriter(Stream output, MediaOpener? open) : ZipExportWriter(output, open)
{
    private readonly StringBuilder _table = new("file,label\n");
    private string? _folder;

    /// <inheritdoc/>
    protected override string? ImagePath(string fileName) => _folder is null ? fileName : $"{_folder}/{fileName}";

    /// <inheritdoc/>
    protected override void Add(ExportRow row, string fileName)
    {
        var value = row.Label is null ? null : LabelJson.Read(row.Label);
        _folder = value?.LabelNames.FirstOrDefault() is { } label ? Safe(label) : null;
        Losses.Count("images have several classes, of which their folder names the first", value is ChoicesValue { Choices.Count: > 1 } ? 1 : 0);
        if (value is not null) _table.Append(CultureInfo.InvariantCulture, $"{Cell(ImagePath(fileName)!)},{Cell(string.Join(';', value.LabelNames))}\n");
    }

    /// <inheritdoc/>
    protected override void Finish() => Entry("labels.csv", _table.ToString());

    private static string Safe(string name) => string.Concat(name.Select(c => char.IsControl(c) || c is '/' or '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|' ? '_' : c)).Trim(' ', '.') is { Length: > 0 } safe ? safe : "_";

    private static string Cell(string text) => text.AsSpan().IndexOfAny(",\"\n\r") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
