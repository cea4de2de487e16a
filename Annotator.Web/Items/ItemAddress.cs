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
/// <param name="About">Only items that somebody decided when this label was shown, or to which they gave it.</param>
/// <param name="ShownBy">Only items that somebody decided when a pre-label of this source was shown.</param>
/// <param name="Against">With <paramref name="Given"/>: only items to which somebody else gave this label.</param>
/// <param name="Slice">Only items with this value in this field, as <c>field=value</c>.</param>
/// <param name="Time">When it was decided; where nothing else of decisions is asked for, since when the items have their label.</param>
/// <param name="Like">Only the items that are most like this one, the most like first.</param>
/// <param name="List">Only the items of this <see cref="WorkList"/>, in its order.</param>
public sealed record ItemAddress(
    long ProjectId, string? State = null, string? Label = null, string? Source = null, string? Text = null, bool Flagged = false, long? Group = null, long? After = null, long? Item = null,
    string? Shown = null, string? Given = null, long? By = null, long? With = null, string? Outcome = null, string? About = null, string? ShownBy = null, string? Against = null, string? Slice = null, AddressTime? Time = null,
    long? Like = null, string? List = null)
{
    /// <summary>The states that can be asked for, in the order of an item's way.</summary>
    public static IReadOnlyList<string> States { get; } = ["new", "prelabelled", "queued", "inReview", "final"];

    /// <summary>Whether anything is asked for.</summary>
    public bool IsFiltered => State is not null || Label is not null || Source is not null || Text is not null || Flagged || Group is not null || IsAboutDecisions || Slice is not null || Time is not null || Like is not null || List is not null;

    /// <summary>Whether what people decided is asked for.</summary>
    public bool IsAboutDecisions => Shown is not null || Given is not null || By is not null || Outcome is not null || About is not null || ShownBy is not null;

    /// <summary>The condition; a state or source that does not exist is no condition.</summary>
    /// <param name="now">Until when lengths of time go.</param>
    public ItemFilter FilterAt(DateTimeOffset now) => new(
        State is not null && Names.TryParse<ItemState>(State, out var state) ? state : null,
        string.Equals(State, "inReview", StringComparison.Ordinal),
        Label,
        Source is not null && Names.TryParse<LabelSource>(Source, out var source) ? source : null,
        Text,
        Flagged,
        Group,
        IsAboutDecisions
            ? new DecidedFilter(
                Shown, Given, By, With, Outcome is not null && Names.TryParse<WorkOutcome>(Outcome, out var outcome) ? outcome : null, About,
                ShownBy is not null && Names.TryParse<LabelSource>(ShownBy, out var by) ? by : null, Given is null ? null : Against, Time?.FirstDay(now), Time?.End)
            : null,
        Quality.QualityAddress.SliceOf(Slice),
        IsAboutDecisions ? null : Time?.FirstDay(now),
        IsAboutDecisions ? null : Time?.End);

    /// <inheritdoc />
    public override string ToString()
    {
        (string Name, string? Value)[] parts =
        [
            ("state", State), ("label", Label), ("source", Source), ("q", Text), ("flagged", Flagged ? "true" : null), ("group", Number(Group)),
            ("shown", Shown), ("given", Given), ("by", Number(By)), ("with", Number(With)), ("outcome", Outcome), ("about", About), ("shownBy", ShownBy), ("against", Against), ("slice", Slice),
            ("period", Time?.Period), ("from", AddressTime.Text(Time?.From)), ("to", AddressTime.Text(Time?.To)), ("like", Number(Like)), ("list", List), ("after", Number(After)), ("item", Number(Item)),
        ];
        var query = string.Join('&', parts.Where(p => p.Value is not null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));
        return string.Create(CultureInfo.InvariantCulture, $"/projects/{ProjectId}/items{(query.Length == 0 ? "" : "?")}{query}");
    }

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);
}
