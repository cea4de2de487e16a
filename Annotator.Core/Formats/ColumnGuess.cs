namespace Annotator.Core.Formats;

/// <summary>Guesses which column holds the text, the key, the label and the annotator, from names and values.</summary>
internal static class ColumnGuess
{
    private static readonly string[] s_text =
        ["text", "sentence", "content", "body", "message", "document", "review", "comment", "utterance", "query", "question", "tweet", "본문", "문장", "내용", "텍스트"];

    private static readonly string[] s_key = ["key", "id", "uid", "guid", "uuid", "번호"];
    private static readonly string[] s_label = ["label", "labels", "category", "class", "intent", "target", "sentiment", "tag", "라벨", "레이블", "분류"];
    private static readonly string[] s_annotator = ["annotator", "annotator_id", "worker", "worker_id", "workerid", "rater", "labeler", "labeller", "작업자"];

    /// <summary>Suggests a mapping; null where there is no column.</summary>
    public static RecordMapping? Suggest(IReadOnlyList<string> columns, IReadOnlyList<RawRecord> records)
    {
        if (columns.Count == 0) return null;
        var all = columns.Select(c => new Column(c, records)).ToList();
        // The longest text column; a name that says so is worth more than length.
        var text = all.OrderByDescending(c => c.IsNamed(s_text)).ThenByDescending(c => c.MeanTextLength).First();
        var others = all.Where(c => c != text).ToList();

        var annotator = others.FirstOrDefault(c => c.IsNamed(s_annotator));
        others.RemoveAll(c => c == annotator);
        var label = others.FirstOrDefault(c => c.IsNamed(s_label))
            ?? others.Where(c => c.HasFewValues).OrderBy(c => c.DistinctValues).FirstOrDefault();
        others.RemoveAll(c => c == label);
        var key = others.FirstOrDefault(c => c.IsNamed(s_key) && (c.IsUnique || annotator is not null))
            ?? others.FirstOrDefault(c => c.IsUnique && c.IsKeyLike);
        return new RecordMapping(text.Name, key?.Name, label?.Name, annotator?.Name);
    }

    private sealed class Column
    {
        public Column(string name, IReadOnlyList<RawRecord> records)
        {
            Name = name;
            var distinct = new HashSet<string>(StringComparer.Ordinal);
            long length = 0, strings = 0;
            bool blanks = false;
            foreach (var record in records)
            {
                var field = record[name];
                if (string.IsNullOrEmpty(field.Text)) continue;
                Values++;
                distinct.Add(field.Text);
                if (!field.IsJson) strings++;
                if (!field.IsJson && !Uri.IsWellFormedUriString(field.Text, UriKind.Absolute)) length += field.Text.Length;
                blanks |= field.Text.Length > 64 || field.Text.Any(char.IsWhiteSpace);
            }
            DistinctValues = distinct.Count;
            MeanTextLength = records.Count == 0 ? 0 : (double)length / records.Count;
            IsUnique = Values == records.Count && DistinctValues == Values;
            IsKeyLike = !blanks && Values > 1;
            // Fewer than a fifth as many values as records, and short ones: classes.
            HasFewValues = DistinctValues >= 2 && DistinctValues * 5 <= Values && distinct.All(v => v.Length <= 64);
        }

        public string Name { get; }

        public int Values { get; }

        public int DistinctValues { get; }

        public double MeanTextLength { get; }

        public bool IsUnique { get; }

        public bool IsKeyLike { get; }

        public bool HasFewValues { get; }

        public bool IsNamed(string[] names) => names.Contains(Name, StringComparer.OrdinalIgnoreCase);
    }
}
