using System.Reflection;
using System.Text;

namespace Annotator.Tests.Learning;

/// <summary>The public data sets that lie beside the repository on a developer's machine; nothing of them is part of it.</summary>
internal static class SharedData
{
    /// <summary>Where the sets lie: shared/data beside the repository, or beside a folder above it.</summary>
    internal static string Root { get; } = Find(typeof(SharedData).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key is "RepoRoot").Value!);

    /// <summary>The full path of a file of a set, e.g. <c>banking77/train.csv</c>.</summary>
    internal static string Locate(string name) => Path.Combine(Root, name);

    /// <summary>The rows of a CSV file (RFC 4180) without its header.</summary>
    internal static List<string[]> Csv(string name) => [.. Rows(File.ReadAllText(Locate(name), Encoding.UTF8)).Skip(1)];

    private static string Find(string root)
    {
        // A work tree of the repository may lie deeper than the repository itself.
        for (var above = Directory.GetParent(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root))); above is not null; above = above.Parent)
        {
            var folder = Path.Combine(above.FullName, "shared", "data");
            if (Directory.Exists(folder)) return folder;
        }

        return Path.GetFullPath(Path.Combine(root, "..", "shared", "data"));
    }

    private static IEnumerable<string[]> Rows(string text)
    {
        var row = new List<string>();
        var cell = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted)
            {
                if (c != '"')
                    cell.Append(c);
                else if (i + 1 < text.Length && text[i + 1] == '"')
                    cell.Append(text[i++]);
                else
                    quoted = false;
                continue;
            }

            switch (c)
            {
                case '"':
                    quoted = true;
                    break;
                case ',':
                    row.Add(cell.ToString());
                    cell.Clear();
                    break;
                case '\n':
                    row.Add(cell.ToString());
                    cell.Clear();
                    yield return [.. row];
                    row.Clear();
                    break;
                case '\r':
                    break;
                default:
                    cell.Append(c);
                    break;
            }
        }

        if (row.Count > 0 || cell.Length > 0)
        {
            row.Add(cell.ToString());
            yield return [.. row];
        }
    }
}
