using System.Text.Encodings.Web;
using System.Text.Json;

namespace Annotator.Core.Formats;

/// <summary>Labels as they stand in one cell of a file.</summary>
public static class LabelText
{
    private static readonly JsonSerializerOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Splits the labels of a multiple-choice cell: a JSON array of strings, or names separated by <c>;</c> or <c>|</c>.
    /// Names are trimmed; empty and repeated ones are left out.
    /// </summary>
    /// <param name="cell">The cell.</param>
    /// <param name="known">Names that are labels as they are, even with a separator in them; null: none.</param>
    public static IReadOnlyList<string> Split(string cell, IReadOnlySet<string>? known = null)
    {
        ArgumentNullException.ThrowIfNull(cell);
        string trimmed = cell.Trim();
        if (trimmed.Length == 0) return [];
        if (known is not null && known.Contains(trimmed)) return [trimmed];
        if (trimmed[0] == '[' && ParseArray(trimmed) is { } names) return Clean(names);
        char separator = trimmed.Contains(';', StringComparison.Ordinal) ? ';' : '|';
        return Clean(trimmed.Split(separator));
    }

    /// <summary>
    /// Writes a label value into one cell: the bare name of a choice, names joined by <c>;</c> for choices (a JSON array where a name holds a
    /// separator), the JSON itself for every other shape.
    /// </summary>
    /// <param name="value">The label value as JSON, in the shapes of the API.</param>
    /// <exception cref="JsonException">The value is not JSON.</exception>
    public static string FromValue(string value)
    {
        using var document = JsonDocument.Parse(value);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || root.GetPropertyCount() != 1) return value;
        if (root.TryGetProperty("choice", out var choice) && choice.ValueKind == JsonValueKind.String) return choice.GetString()!;
        if (!root.TryGetProperty("choices", out var choices) || choices.ValueKind != JsonValueKind.Array) return value;
        if (choices.EnumerateArray().Any(c => c.ValueKind != JsonValueKind.String)) return value;
        string[] names = [.. choices.EnumerateArray().Select(c => c.GetString()!)];
        bool plain = names.All(n => n.Length > 0 && n.Trim().Length == n.Length && n.AsSpan().IndexOfAny(';', '|') < 0) && !(names.Length > 0 && names[0][0] == '[');
        return plain ? string.Join(';', names) : JsonSerializer.Serialize(names, s_readable);
    }

    private static string[]? ParseArray(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<string[]>(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static IReadOnlyList<string> Clean(IEnumerable<string?> names) =>
        [.. names.Where(n => !string.IsNullOrWhiteSpace(n)).Select(n => n!.Trim()).Distinct(StringComparer.Ordinal)];
}
