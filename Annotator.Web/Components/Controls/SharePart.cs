namespace Annotator.Web.Components.Controls;

/// <summary>One part of a whole, as bars show it.</summary>
/// <param name="Name">Text to show.</param>
/// <param name="Value">How many.</param>
/// <param name="Color">CSS colour, as a rule a token.</param>
/// <param name="Href">Where a click on it leads; null: nowhere.</param>
public sealed record SharePart(string Name, long Value, string Color, string? Href = null);
