using System.Globalization;
using System.Text;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Agreement;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Quality.Tallies;

namespace Annotator.Web.Quality;

/// <summary>What a quality page shows: all of it stands in its address, so that it can be shared and kept.</summary>
/// <param name="ProjectId">The project.</param>
/// <param name="Tab">Which part; null: the first.</param>
/// <param name="Period">One of <see cref="Periods"/>; null: all time, or <paramref name="From"/> to <paramref name="To"/>.</param>
/// <param name="From">First day.</param>
/// <param name="To">Last day.</param>
/// <param name="Label">Only this label.</param>
/// <param name="By">Only this annotator.</param>
/// <param name="Source">Only pre-labels of this source.</param>
/// <param name="Slice">Only items with this in their metadata, as <c>field=value</c>.</param>
/// <param name="Scale">What labels are for the coefficients of agreement; null: names.</param>
/// <param name="Method">How votes are made one label; null: the first.</param>
public sealed record QualityAddress(
    long ProjectId, string? Tab = null, string? Period = null, DateOnly? From = null, DateOnly? To = null, string? Label = null, long? By = null, LabelSource? Source = null, string? Slice = null, MeasurementScale? Scale = null,
    ConsensusMethod? Method = null)
{
    /// <summary>The parts of the page, in order; the first is shown where none is named.</summary>
    public static IReadOnlyList<string> Tabs { get; } = ["progress", "models", "labels", "people", "agreement", "consensus", "checks", "certificate", "suspects"];

    /// <summary>Lengths of time up to now.</summary>
    public static IReadOnlyList<string> Periods { get; } = ["24h", "7d", "30d", "90d"];

    /// <summary>Whether a part of the work is looked at only.</summary>
    public bool IsFiltered => Period is not null || From is not null || To is not null || Label is not null || By is not null || Source is not null || Slice is not null;

    /// <summary>The part of the work.</summary>
    /// <param name="now">Until when lengths of time go.</param>
    public DashboardFilter FilterAt(DateTimeOffset now)
    {
        var time = new Items.AddressTime(Period, From, To);
        return new DashboardFilter(time.Begin(now), time.End, Label, By, Source, SliceOf(Slice));
    }

    /// <summary>Reads <c>field=value</c>; the value may have equals signs. Null where it is none.</summary>
    public static SliceSettings? SliceOf(string? text) => text?.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? new SliceSettings { Field = text[..at], Value = text[(at + 1)..] } : null;

    /// <summary>The address of the items that this part counts, for a chart to say which of them.</summary>
    public Items.ItemAddress Items => new(ProjectId, By: By, About: Label, ShownBy: Source is { } source ? Names.Of(source) : null, Slice: Slice, Time: Time);

    /// <summary>The address of the items that got this label in the time and slice that is looked at.</summary>
    public Items.ItemAddress Labelled(string label) => new(ProjectId, "final", label, Slice: Slice, Time: Time);

    private Items.AddressTime? Time => Period is null && From is null && To is null ? null : new(Period, From, To);

    /// <inheritdoc />
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"/projects/{ProjectId}/quality");
        var separator = '?';
        void Add(string name, string? value)
        {
            if (value is null) return;
            text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
            separator = '&';
        }

        Add("tab", Tab is null || string.Equals(Tab, Tabs[0], StringComparison.Ordinal) ? null : Tab);
        Add("period", Period);
        Add("from", From?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        Add("to", To?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        Add("label", Label);
        Add("by", By?.ToString(CultureInfo.InvariantCulture));
        Add("source", Source is { } source ? Names.Of(source) : null);
        Add("slice", Slice);
        Add("scale", Scale is { } scale and not MeasurementScale.Nominal ? Names.Of(scale) : null);
        Add("method", Method is { } method and not ConsensusMethod.DawidSkene ? Names.Of(method) : null);
        return text.ToString();
    }
}
