using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;

namespace Annotator.Web.Items;

/// <summary>What the page of items shows, as it stands in its address: a view can be sent to somebody, and F5 loses nothing.</summary>
/// <param name="ProjectId">The project.</param>
/// <param name="State">A state as the API names it; null: all.</param>
/// <param name="Label">A label's name; null: all.</param>
/// <param name="Source">A source as the API names it; null: all.</param>
/// <param name="Text">A part of text or key; null: no condition.</param>
/// <param name="Flagged">Only items set aside for a lead.</param>
/// <param name="Group">Only members of this near-duplicate group.</param>
/// <param name="After">Only items behind this one.</param>
/// <param name="Item">The item that is open.</param>
public sealed record ItemAddress(
    long ProjectId, string? State = null, string? Label = null, string? Source = null, string? Text = null, bool Flagged = false, long? Group = null, long? After = null, long? Item = null)
{
    /// <summary>The states that can be asked for, in the order of an item's way.</summary>
    public static IReadOnlyList<string> States { get; } = ["new", "prelabelled", "queued", "inReview", "final"];

    /// <summary>Whether anything is asked for.</summary>
    public bool IsFiltered => State is not null || Label is not null || Source is not null || Text is not null || Flagged || Group is not null;

    /// <summary>The condition; a state or source that does not exist is no condition.</summary>
    public ItemFilter Filter => new(
        State is not null && Names.TryParse<ItemState>(State, out var state) ? state : null,
        string.Equals(State, "inReview", StringComparison.Ordinal),
        Label,
        Source is not null && Names.TryParse<LabelSource>(Source, out var source) ? source : null,
        Text,
        Flagged,
        Group);

    /// <inheritdoc />
    public override string ToString()
    {
        (string Name, string? Value)[] parts =
        [
            ("state", State), ("label", Label), ("source", Source), ("q", Text), ("flagged", Flagged ? "true" : null), ("group", Number(Group)), ("after", Number(After)), ("item", Number(Item)),
        ];
        var query = string.Join('&', parts.Where(p => p.Value is not null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));
        return string.Create(CultureInfo.InvariantCulture, $"/projects/{ProjectId}/items{(query.Length == 0 ? "" : "?")}{query}");
    }

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);
}
