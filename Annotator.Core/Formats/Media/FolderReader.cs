using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Images in folders named after their classes (ImageNet, torchvision, Ultralytics "classify"); images without a folder have no label. A table beside them with a column of files (<c>file</c>, <c>filename</c>, <c>image</c>, <c>path</c>)
/// and one of labels (<c>label</c>, <c>class</c>, <c>category</c>) says it of the files that it names, whatever their folders are called: not every label can be a folder's name.
/// </summary>
internal sealed class FolderReader : IMediaFormatReader
{
    private static readonly string[] s_files = ["file", "filename", "file_name", "image", "path"];
    private static readonly string[] s_labels = ["label", "labels", "class", "category"];

    /// <inheritdoc/>
    public MediaAnnotations Read(MediaSource source, LabelSchema schema)
    {
        var annotations = new MediaAnnotations();
        if (schema.Type != TaskType.Classification) return annotations;
        var told = new Dictionary<string, LabelValue>(StringComparer.Ordinal);
        foreach (var table in source.Names.Where(n => n.EndsWith(".csv", StringComparison.OrdinalIgnoreCase))) ReadTable(source, table, schema, told, annotations);
        foreach (var (name, value) in told) annotations.Items.Add(new MediaAnnotation(name, _ => value, annotations.Items.Count + 1) { SaysSomething = true });

        // Folders are classes only where the project has their labels, or has none yet: else they are just folders.
        var keyed = source.Names.Where(n => !MediaArchiveNames.IsAnnotation(n)).Select(n => (Name: n, Parts: MediaKeys.Of(n).Split('/'))).Where(p => p.Parts.Length == 2).ToList();
        var classes = keyed.Select(p => p.Parts[0]).Distinct(StringComparer.Ordinal).ToList();
        if (classes.Count == 0 || (schema.Labels.Count > 0 && !classes.Any(schema.Contains)) || (schema.Labels.Count == 0 && (classes.Count < 2 || told.Count > 0))) return annotations;
        foreach (var (name, parts) in keyed)
        {
            if (told.ContainsKey(name)) continue;
            LabelValue value = schema.Multiple ? new ChoicesValue([parts[0]]) : new ChoiceValue(parts[0]);
            annotations.Items.Add(new MediaAnnotation(name, _ => value, annotations.Items.Count + 1));
        }

        return annotations;
    }

    private static void ReadTable(MediaSource source, string name, LabelSchema schema, Dictionary<string, LabelValue> told, MediaAnnotations into)
    {
        var (records, rejected) = RecordsAsync(source.Open(name)).GetAwaiter().GetResult();
        if (records.Count == 0) return;
        var columns = records[0].Columns.Names;
        var (file, label) = (Column(columns, s_files), Column(columns, s_labels));

        // Any other table is nobody's business here.
        if (file is null || label is null) return;
        into.Rejected.AddRange(rejected);
        var known = schema.Labels.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var record in records)
        {
            if (record[file].Text?.Trim() is not { Length: > 0 } path || record[label].Text?.Trim() is not { Length: > 0 } text) continue;
            told[path] = schema.Multiple ? new ChoicesValue(LabelText.Split(text, known)) : new ChoiceValue(text);
        }
    }

    // Of a stream in memory: nothing is waited for.
    private static async Task<(List<RawRecord> Records, List<(long Line, string Reason)> Rejected)> RecordsAsync(Stream stream)
    {
        var (records, rejected) = (new List<RawRecord>(), new List<(long, string)>());
        await using var reader = new CsvReader(stream, new CsvDialect());
        await foreach (var batch in reader.ReadBatchesAsync(1_000))
        {
            records.AddRange(batch.Records);
            rejected.AddRange(batch.Rejected.Select(r => (r.LineNumber, r.Reason)));
        }

        return (records, rejected);
    }

    private static string? Column(IReadOnlyList<string> columns, string[] names) => names.Select(n => columns.FirstOrDefault(c => string.Equals(c.Trim(), n, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(c => c is not null);
}
