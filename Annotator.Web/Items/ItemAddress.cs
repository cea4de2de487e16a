using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality.Tallies;

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
/// <param name="Shown">Only items that somebody decided when this pre-label was shown.</param>
/// <param name="Given">Only items to which somebody gave this label.</param>
/// <param name="By">Only items that this annotator decided.</param>
/// <param name="With">With <paramref name="By"/>: only items to which this other annotator gave another label.</param>
/// <param name="Outcome">Only items that somebody decided with this outcome, as the dashboards name it.</param>
public sealed record ItemAddress(
    long ProjectId, string? State = null, string? Label = null, string? Source = null, string? Text = null, bool Flagged = false, long? Group = null, long? After = null, long? Item = null,
    string? Shown = null, string? Given = null, long? By = null, long? With = null, string? Outcome = null)
{
    /// <summary>The states that can be asked for, in the order of an item's way.</summary>
    public static IReadOnlyList<string> States { get; } = ["new", "prelabelled", "queued", "inReview", "final"];

    /// <summary>Whether anything is asked for.</summary>
    public bool IsFiltered => State is not null || Label is not null || Source is not null || Text is not null || Flagged || Group is not null || IsAboutDecisions;

    /// <summary>Whether what people decided is asked for.</summary>
    public bool IsAboutDecisions => Shown is not null || Given is not null || By is not null || Outcome is not null;

    /// <summary>The condition; a state or source that does not exist is no condition.</summary>
    public ItemFilter Filter => new(
        State is not null && Names.TryParse<ItemState>(State, out var state) ? state : null,
        string.Equals(State, "inReview", StringComparison.Ordinal),
        Label,
        Source is not null && Names.TryParse<LabelSource>(Source, out var source) ? source : null,
        Text,
        Flagged,
        Group,
        IsAboutDecisions ? new DecidedFilter(Shown, Given, By, With, Outcome is not null && Names.TryParse<WorkOutcome>(Outcome, out var outcome) ? outcome : null) : null);

    /// <inheritdoc />
    public override string ToString()
    {
        (string Name, string? Value)[] parts =
        [
            ("state", State), ("label", Label), ("source", Source), ("q", Text), ("flagged", Flagged ? "true" : null), ("group", Number(Group)),
            ("shown", Shown), ("given", Given), ("by", Number(By)), ("with", Number(With)), ("outcome", Outcome), ("after", Number(After)), ("item", Number(Item)),
        ];
        var query = string.Join('&', parts.Where(p => p.Value is not null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));
        return string.Create(CultureInfo.InvariantCulture, $"/projects/{ProjectId}/items{(query.Length == 0 ? "" : "?")}{query}");
    }

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);
}
