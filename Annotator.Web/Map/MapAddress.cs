using System.Globalization;

namespace Annotator.Web.Map;

/// <summary>What the map shows, as it stands in its address.</summary>
/// <param name="ProjectId">The project.</param>
/// <param name="Color">What colours stand for: <c>label</c>, <c>source</c>, <c>uncertainty</c> or <c>state</c>; null: label.</param>
/// <param name="Only">The name of the one class that stands out; null: all.</param>
public sealed record MapAddress(long ProjectId, string? Color = null, string? Only = null)
{
    /// <summary>What colours can stand for.</summary>
    public static IReadOnlyList<string> Colors { get; } = ["label", "source", "uncertainty", "state"];

    /// <summary>What colours stand for; what does not exist is as if nothing was asked.</summary>
    public string By => Color is not null && Colors.Contains(Color, StringComparer.Ordinal) ? Color : "label";

    /// <inheritdoc />
    public override string ToString()
    {
        (string Name, string? Value)[] parts = [("color", Color is "label" ? null : Color), ("only", Only)];
        var query = string.Join('&', parts.Where(p => p.Value is not null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));
        return string.Create(CultureInfo.InvariantCulture, $"/projects/{ProjectId}/items/map{(query.Length == 0 ? "" : "?")}{query}");
    }
}
