using System.Text;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Student;

namespace Annotator.Benchmarks.Replay;

/// <summary>A labelled text data set: a CSV file with the columns <c>text</c> and <c>label</c> (RFC 4180), with features and class numbers.</summary>
internal sealed class LabelledTexts
{
    private LabelledTexts(string name, List<string> texts, List<string> labels)
    {
        Name = name;
        Texts = texts;
        ClassNames = [.. labels.Distinct().Order(StringComparer.Ordinal)];
        var number = ClassNames.Select((label, index) => (label, index)).ToDictionary(p => p.label, p => p.index, StringComparer.Ordinal);
        Truth = [.. labels.Select(label => number[label])];
        FeatureOptions = new TextFeatureOptions();
        Rows = new SparseRows();
        new TextFeatures(FeatureOptions).Append(texts, Rows);
    }

    public string Name { get; }

    public List<string> Texts { get; }

    public string[] ClassNames { get; }

    public int[] Truth { get; }

    public TextFeatureOptions FeatureOptions { get; }

    public SparseRows Rows { get; }

    public int Count => Texts.Count;

    public int Classes => ClassNames.Length;

    /// <summary>Reads <c>name/train.csv</c> of a folder of data sets.</summary>
    public static LabelledTexts Load(string folder, string name, int maximum = int.MaxValue)
    {
        var rows = ReadCsv(File.ReadAllText(Path.Combine(folder, name, "train.csv")));
        int text = rows[0].IndexOf("text"), label = rows[0].IndexOf("label");
        if (text < 0 || label < 0) throw new InvalidDataException($"{name}/train.csv has no columns text and label.");
        var body = rows.Skip(1).Where(row => row.Count > Math.Max(text, label)).ToList();
        if (body.Count > maximum)
        {
            var random = new SplitMix(17);
            var shuffled = body.ToArray();
            random.Shuffle<List<string>>(shuffled);
            body = [.. shuffled.Take(maximum)];
        }

        return new LabelledTexts(name, [.. body.Select(row => row[text])], [.. body.Select(row => row[label])]);
    }

    private static List<List<string>> ReadCsv(string content)
    {
        List<List<string>> rows = [];
        List<string> row = [];
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < content.Length; i++)
        {
            var c = content[i];
            if (quoted)
            {
                if (c != '"') field.Append(c);
                else if (i + 1 < content.Length && content[i + 1] == '"')
                {
                    field.Append('"');
                    i++;
                }
                else quoted = false;
            }
            else if (c == '"') quoted = true;
            else if (c is ',' or '\n')
            {
                row.Add(field.ToString());
                field.Clear();
                if (c == ',') continue;
                rows.Add(row);
                row = [];
            }
            else if (c != '\r') field.Append(c);
        }

        if (field.Length > 0 || row.Count > 0)
        {
            row.Add(field.ToString());
            rows.Add(row);
        }

        return rows;
    }
}
