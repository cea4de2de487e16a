using System.Reflection;
using System.Text;
using System.Text.Json;

namespace Annotator.Benchmarks.Student;

/// <summary>A labelled text set from the folder of public data beside the repository.</summary>
internal sealed record LabelledTexts(string Name, string[] Texts, int[] Labels, string[] Classes)
{
    /// <summary>The folder of public data: shared/data beside the repository, or beside a folder above it.</summary>
    public static string Folder { get; } = FindFolder(
        typeof(LabelledTexts).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => string.Equals(a.Key, "RepoRoot", StringComparison.Ordinal)).Value!);

    public static LabelledTexts Load(string name)
    {
        var lines = Path.Combine(Folder, name, "train.jsonl");
        var rows = File.Exists(lines) ? ReadLines(lines) : ReadTable(Path.Combine(Folder, name, "train.csv"));
        var classes = rows.Select(row => row.Label).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        return new LabelledTexts(name, [.. rows.Select(r => r.Text)], [.. rows.Select(r => Array.IndexOf(classes, r.Label))], classes);
    }

    private static string FindFolder(string root)
    {
        // A work tree of the repository may lie deeper than the repository itself.
        for (var above = Directory.GetParent(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root))); above is not null; above = above.Parent)
        {
            var folder = Path.Combine(above.FullName, "shared", "data");
            if (Directory.Exists(folder)) return folder;
        }

        return Path.GetFullPath(Path.Combine(root, "..", "shared", "data"));
    }

    private static List<(string Text, string Label)> ReadLines(string path)
    {
        var rows = new List<(string, string)>();
        foreach (var line in File.ReadLines(path))
        {
            using var document = JsonDocument.Parse(line);
            rows.Add((document.RootElement.GetProperty("text").GetString()!, document.RootElement.GetProperty("label").GetString()!));
        }

        return rows;
    }

    // RFC 4180 with the columns id, text, label, …
    private static List<(string Text, string Label)> ReadTable(string path)
    {
        var rows = new List<(string, string)>();
        var fields = new List<string>();
        var field = new StringBuilder();
        var content = File.ReadAllText(path);
        var quoted = false;
        for (var i = 0; i < content.Length; i++)
        {
            var c = content[i];
            if (c == '"' && quoted && i + 1 < content.Length && content[i + 1] == '"')
            {
                field.Append('"');
                i++;
            }
            else if (c == '"')
            {
                quoted = !quoted;
            }
            else if (!quoted && c is ',' or '\n' && !quoted)
            {
                fields.Add(field.ToString());
                field.Clear();
                if (c == ',') continue;
                rows.Add((fields[1], fields[2]));
                fields.Clear();
            }
            else
            {
                field.Append(c);
            }
        }

        rows.RemoveAt(0);
        return rows;
    }
}
