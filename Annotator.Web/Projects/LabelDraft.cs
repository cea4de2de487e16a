using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Projects;

namespace Annotator.Web.Projects;

/// <summary>A label while it is being edited.</summary>
public sealed class LabelDraft
{
    /// <summary>Tells rows apart while their names change.</summary>
    public Guid Id { get; } = Guid.NewGuid();

    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>Description.</summary>
    public string Description { get; set; } = "";

    /// <summary>Colour as <c>#rrggbb</c>; empty: one of the palette.</summary>
    public string Color { get; set; } = "";

    /// <summary>Key; empty: one of the free ones.</summary>
    public string Key { get; set; } = "";

    /// <summary>Name of the label above; empty: none.</summary>
    public string Parent { get; set; } = "";
}

/// <summary>What is wrong with a label that is being edited.</summary>
public enum LabelProblem
{
    /// <summary>No name.</summary>
    NameMissing,

    /// <summary>More than 200 characters.</summary>
    NameTooLong,

    /// <summary>Another label has the name.</summary>
    NameTwice,

    /// <summary>Not one visible character.</summary>
    KeyInvalid,

    /// <summary>Another label has the key.</summary>
    KeyTwice,

    /// <summary>A command of the review page has the key.</summary>
    KeyReserved,

    /// <summary>No label of that name.</summary>
    ParentUnknown,

    /// <summary>The label would stand above itself.</summary>
    ParentCycle,
}

/// <summary>The labels of a schema while they are being edited: what the editor component shows, without the component.</summary>
public sealed class LabelDrafts
{
    private readonly List<LabelDraft> _labels = [];

    /// <summary>Keys that commands of the review page have by default; a label must not take them away.</summary>
    public static IReadOnlySet<string> ReservedKeys { get; } = new HashSet<string>(StringComparer.Ordinal) { "s", "f", "u", "g", "h", "x", "/", "?" };

    /// <summary>The labels in their order.</summary>
    public IReadOnlyList<LabelDraft> Labels => _labels;

    /// <summary>Takes over the labels of a schema.</summary>
    public static LabelDrafts From(LabelSchema schema)
    {
        var drafts = new LabelDrafts();
        drafts._labels.AddRange(schema.Labels.Select(From));
        return drafts;
    }

    /// <summary>The labels as a schema takes them; empty fields become null.</summary>
    public IReadOnlyList<LabelDefinition> ToDefinitions() =>
        [.. _labels.Select(l => new LabelDefinition(l.Name.Trim(), Null(l.Description), Null(l.Color), Null(l.Key)?.ToLowerInvariant(), Null(l.Parent)))];

    /// <summary>Adds an empty label at the end.</summary>
    public LabelDraft Add()
    {
        var label = new LabelDraft();
        _labels.Add(label);
        return label;
    }

    /// <summary>Removes a label; those below it lose their parent.</summary>
    public void Remove(LabelDraft label)
    {
        if (!_labels.Remove(label)) return;
        if (_labels.Any(l => Same(l.Name, label.Name))) return;
        foreach (var child in _labels.Where(l => Same(l.Parent, label.Name))) child.Parent = "";
    }

    /// <summary>Moves a label up (negative) or down.</summary>
    public void Move(LabelDraft label, int by)
    {
        var from = _labels.IndexOf(label);
        if (from < 0) return;
        var to = Math.Clamp(from + by, 0, _labels.Count - 1);
        _labels.RemoveAt(from);
        _labels.Insert(to, label);
    }

    /// <summary>Changes a name; labels below it follow.</summary>
    public void Rename(LabelDraft label, string name)
    {
        var old = label.Name;
        label.Name = name;
        if (old.Trim().Length == 0 || _labels.Any(l => l != label && Same(l.Name, old))) return;
        foreach (var child in _labels.Where(l => Same(l.Parent, old))) child.Parent = name;
    }

    /// <summary>Gives every label without a colour or a key one, as saving would.</summary>
    public void FillIn()
    {
        var filled = new LabelSchema(TaskType.Classification, false, ToDefinitions()).WithDefaults().Labels;
        for (var i = 0; i < _labels.Count; i++)
        {
            _labels[i].Color = filled[i].Color ?? "";
            _labels[i].Key = filled[i].Key ?? "";
        }
    }

    /// <summary>
    /// Adds labels from a text: JSON as the API writes it, or one label a line as <c>name</c>, <c>name: description</c> or with tabs
    /// <c>name, description, parent</c>. Names that are there already are left alone.
    /// </summary>
    /// <returns>How many were added.</returns>
    public int Paste(string text)
    {
        var known = _labels.Select(l => l.Name.Trim()).ToHashSet(StringComparer.Ordinal);
        var added = 0;
        foreach (var draft in Read(text))
        {
            if (draft.Name.Length == 0 || !known.Add(draft.Name) || _labels.Count >= LabelSchema.MaxLabels) continue;
            _labels.Add(draft);
            added++;
        }

        return added;
    }

    /// <summary>What is wrong, label by label; labels that are well are not there.</summary>
    public IReadOnlyDictionary<Guid, IReadOnlyList<LabelProblem>> Problems()
    {
        var names = _labels.Where(l => l.Name.Trim().Length > 0).GroupBy(l => l.Name.Trim(), StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        var keys = _labels.Where(l => l.Key.Trim().Length > 0).GroupBy(l => KeyOf(l), StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        var byName = _labels.GroupBy(l => l.Name.Trim(), StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        var problems = new Dictionary<Guid, IReadOnlyList<LabelProblem>>();
        foreach (var label in _labels)
        {
            var found = new List<LabelProblem>();
            var name = label.Name.Trim();
            if (name.Length == 0) found.Add(LabelProblem.NameMissing);
            else if (name.Length > 200) found.Add(LabelProblem.NameTooLong);
            else if (names[name] > 1) found.Add(LabelProblem.NameTwice);
            if (label.Key.Trim().Length > 0)
            {
                var key = KeyOf(label);
                if (key.EnumerateRunes().Count() != 1 || char.IsControl(key[0])) found.Add(LabelProblem.KeyInvalid);
                else if (ReservedKeys.Contains(key)) found.Add(LabelProblem.KeyReserved);
                else if (keys[key] > 1) found.Add(LabelProblem.KeyTwice);
            }

            if (label.Parent.Trim().Length > 0)
            {
                if (!byName.ContainsKey(label.Parent.Trim())) found.Add(LabelProblem.ParentUnknown);
                else if (Circles(label, byName)) found.Add(LabelProblem.ParentCycle);
            }

            if (found.Count > 0) problems[label.Id] = found;
        }

        return problems;
    }

    private static string KeyOf(LabelDraft label) => label.Key.Trim().ToLowerInvariant();

    private static bool Circles(LabelDraft start, Dictionary<string, LabelDraft> byName)
    {
        var at = start;
        for (var steps = 0; steps <= byName.Count; steps++)
        {
            if (!byName.TryGetValue(at.Parent.Trim(), out var above)) return false;
            if (above == start) return true;
            at = above;
        }

        return true;
    }

    private static IEnumerable<LabelDraft> Read(string text)
    {
        if (text.AsSpan().TrimStart() is ['[' or '{', ..])
        {
            var parsed = ReadJson(text);
            if (parsed is not null) return parsed;
        }

        return text.Split('\n').Select(ReadLine);
    }

    private static List<LabelDraft>? ReadJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var list = document.RootElement;
            if (list.ValueKind == JsonValueKind.Object && list.TryGetProperty("labels", out var inner)) list = inner;
            if (list.ValueKind != JsonValueKind.Array) return null;
            return
            [
                .. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String
                    ? new LabelDraft { Name = (e.GetString() ?? "").Trim() }
                    : From(e.Deserialize<LabelDefinition>(ProjectJson.Options) ?? new LabelDefinition(""))),
            ];
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // card_arrival<TAB>asks when a card comes<TAB>cards
    // card_arrival: asks when a card comes
    private static LabelDraft ReadLine(string line)
    {
        var cells = line.Split('\t');
        if (cells.Length == 1 && line.IndexOf(": ", StringComparison.Ordinal) is > 0 and var colon) cells = [line[..colon], line[(colon + 2)..]];
        return new LabelDraft
        {
            Name = cells[0].Trim(),
            Description = cells.Length > 1 ? cells[1].Trim() : "",
            Parent = cells.Length > 2 ? cells[2].Trim() : "",
        };
    }

    private static LabelDraft From(LabelDefinition label) => new()
    {
        Name = (label.Name ?? "").Trim(),
        Description = label.Description ?? "",
        Color = label.Color ?? "",
        Key = label.Key ?? "",
        Parent = label.Parent ?? "",
    };

    private static bool Same(string a, string b) => string.Equals(a.Trim(), b.Trim(), StringComparison.Ordinal);

    private static string? Null(string text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
