using System.Text.Json;

namespace Annotator.Core.Items;

/// <summary>Looks into the caller's other fields of an item.</summary>
internal static class ItemMetadata
{
    /// <summary>Whether a field has a value: texts are compared as they are, other values as they are written in JSON.</summary>
    /// <param name="metadata">The fields as a JSON object; null: none.</param>
    /// <param name="field">Name of the field.</param>
    /// <param name="value">The value.</param>
    public static bool Has(string? metadata, string field, string? value)
    {
        if (metadata is null) return false;
        using var json = JsonDocument.Parse(metadata);
        return Has(json.RootElement, field, value);
    }

    /// <summary>Which of some pairs of field and value an item has; what is no object has none.</summary>
    public static List<int> Matches(string? metadata, IReadOnlyList<(string Field, string Value)> pairs)
    {
        var found = new List<int>();
        if (metadata is null) return found;
        using var json = JsonDocument.Parse(metadata);
        for (var i = 0; i < pairs.Count; i++)
        {
            if (Has(json.RootElement, pairs[i].Field, pairs[i].Value)) found.Add(i);
        }

        return found;
    }

    private static bool Has(JsonElement root, string field, string? value) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(field, out var found)
        && string.Equals(found.ValueKind == JsonValueKind.String ? found.GetString() : found.GetRawText(), value, StringComparison.Ordinal);
}
