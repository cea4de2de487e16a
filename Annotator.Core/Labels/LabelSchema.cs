namespace Annotator.Core.Labels;

/// <summary>What kind of data the items of a project are.</summary>
public enum Modality
{
    /// <summary>Plain text.</summary>
    Text,

    /// <summary>Still images.</summary>
    Image,

    /// <summary>Video.</summary>
    Video,
}

/// <summary>What a person is asked to do with an item; decides the shape of its label values.</summary>
public enum TaskType
{
    /// <summary>One or several labels for the whole item.</summary>
    Classification,

    /// <summary>Labelled stretches of a text.</summary>
    Spans,

    /// <summary>Labelled rectangles in an image.</summary>
    Boxes,

    /// <summary>Labelled polygons in an image.</summary>
    Polygons,

    /// <summary>Labelled boxes followed through a video.</summary>
    Tracks,

    /// <summary>Labelled stretches of time in a video.</summary>
    Segments,
}

/// <summary>One label of a schema.</summary>
/// <param name="Name">The name that values carry; unique in the schema, 1 to 200 characters.</param>
/// <param name="Description">What the label means, shown to annotators and given to the LLM.</param>
/// <param name="Color">CSS colour as <c>#rrggbb</c>; a palette colour where none is given.</param>
/// <param name="Key">The single key that chooses the label; assigned where none is given.</param>
/// <param name="Parent">The label above in a taxonomy, by name.</param>
public sealed record LabelDefinition(string Name, string? Description = null, string? Color = null, string? Key = null, string? Parent = null);

/// <summary>The closed set of labels of a project and the shape of its values.</summary>
/// <param name="Type">The task.</param>
/// <param name="Multiple">Whether an item may carry several labels (classification only).</param>
/// <param name="Labels">The labels in the order they are shown.</param>
public sealed record LabelSchema(TaskType Type, bool Multiple, IReadOnlyList<LabelDefinition> Labels)
{
    /// <summary>The most labels that a schema may have.</summary>
    public const int MaxLabels = 2_000;

    private Dictionary<string, int>? _index;

    /// <summary>Position of a label by its exact name, or -1.</summary>
    public int IndexOf(string name)
    {
        var index = _index ??= Labels.Select((l, i) => (l.Name, i)).ToDictionary(p => p.Name, p => p.i, StringComparer.Ordinal);
        return index.TryGetValue(name, out var i) ? i : -1;
    }

    /// <summary>Whether the schema has a label of that exact name.</summary>
    public bool Contains(string name) => IndexOf(name) >= 0;

    /// <summary>The classes that a single-choice student learns: the labels without children, in order.</summary>
    public IReadOnlyList<string> Leaves()
    {
        var parents = Labels.Where(l => l.Parent is not null).Select(l => l.Parent!).ToHashSet(StringComparer.Ordinal);
        return [.. Labels.Where(l => !parents.Contains(l.Name)).Select(l => l.Name)];
    }

    /// <summary>Checks a schema against a modality.</summary>
    /// <returns>Messages by field name; empty when all is well.</returns>
    public IReadOnlyList<(string Field, string Message)> Validate(Modality modality)
    {
        var errors = new List<(string, string)>();
        var fits = Type switch
        {
            TaskType.Classification => true,
            TaskType.Spans => modality == Modality.Text,
            TaskType.Boxes or TaskType.Polygons => modality == Modality.Image,
            TaskType.Tracks or TaskType.Segments => modality == Modality.Video,
            _ => false,
        };
        if (!fits) errors.Add(("task.type", $"'{Names.Of(Type)}' does not go with modality '{Names.Of(modality)}'."));
        if (Multiple && Type != TaskType.Classification) errors.Add(("task.multiple", "Only classification takes several labels an item."));
        if (Labels.Count > MaxLabels) errors.Add(("task.labels", $"At most {MaxLabels} labels."));
        var names = new HashSet<string>(StringComparer.Ordinal);
        var keys = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < Labels.Count; i++)
        {
            var label = Labels[i];
            var at = $"task.labels[{i}]";
            if (string.IsNullOrWhiteSpace(label.Name) || label.Name.Length > 200) errors.Add(($"{at}.name", "A name of 1 to 200 characters is needed."));
            else if (!names.Add(label.Name)) errors.Add(($"{at}.name", $"'{label.Name}' is there twice."));
            if (label.Color is { Length: > 0 } color && !IsColor(color)) errors.Add(($"{at}.color", "A colour is written #rrggbb."));
            if (label.Key is { Length: > 0 } key)
            {
                if (key.Length > 2 || char.IsControl(key[0]) || char.IsWhiteSpace(key[0])) errors.Add(($"{at}.key", "A key is one visible character."));
                else if (!keys.Add(key.ToLowerInvariant())) errors.Add(($"{at}.key", $"'{key}' is used by another label."));
            }
        }

        for (var i = 0; i < Labels.Count; i++)
        {
            if (Labels[i].Parent is not { Length: > 0 } parent) continue;
            var at = $"task.labels[{i}].parent";
            if (!names.Contains(parent)) errors.Add((at, $"There is no label '{parent}'."));
            else if (HasCycle(i)) errors.Add((at, "A label cannot be above itself."));
        }

        return errors;
    }

    private bool HasCycle(int start)
    {
        var at = Labels[start];
        for (var steps = 0; at.Parent is { Length: > 0 } parent; steps++)
        {
            if (steps > Labels.Count) return true;
            var next = Labels.FirstOrDefault(l => string.Equals(l.Name, parent, StringComparison.Ordinal));
            if (next is null) return false;
            at = next;
        }

        return false;
    }

    /// <summary>The schema with a colour and, as far as they go, a key for every label.</summary>
    public LabelSchema WithDefaults()
    {
        var used = Labels.Where(l => l.Key is { Length: > 0 }).Select(l => l.Key!.ToLowerInvariant()).ToHashSet(StringComparer.Ordinal);
        var free = new Queue<string>(DefaultKeys.Where(k => !used.Contains(k)));
        return this with
        {
            Labels = [.. Labels.Select((l, i) => l with
            {
                Color = l.Color is { Length: > 0 } ? l.Color.ToLowerInvariant() : Palette[i % Palette.Length],
                Key = l.Key is { Length: > 0 } ? l.Key.ToLowerInvariant() : free.Count > 0 ? free.Dequeue() : null,
                Parent = l.Parent is { Length: > 0 } ? l.Parent : null,
                Description = l.Description is { Length: > 0 } ? l.Description : null,
            })],
        };
    }

    // Digits first; then letters that no command of the review page uses by default.
    private static readonly string[] DefaultKeys =
        ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "q", "w", "e", "r", "t", "a", "d", "c", "v", "b", "y", "i", "o", "p", "k", "l", "m"];

    // Twelve hues that keep 3:1 against white and near-black, told apart by the common colour-vision deficiencies as far as twelve can be.
    private static readonly string[] Palette =
        ["#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#b45309", "#dc2626", "#4d7c0f", "#9333ea", "#0f766e", "#64748b"];

    private static bool IsColor(string text) => text.Length == 7 && text[0] == '#' && text[1..].All(char.IsAsciiHexDigit);
}
