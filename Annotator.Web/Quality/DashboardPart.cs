using System.Globalization;
using Annotator.Core;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Dashboards;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Quality;

/// <summary>Reads what part of a project's work an address asks for.</summary>
internal static class DashboardPart
{
    /// <summary>The part, or what is wrong with it.</summary>
    public static Outcome<DashboardFilter> Read(Project project, string? from, string? to, string? label, string? annotator, string? source, string? slice)
    {
        if (!TryMoment(from, out var first)) return Outcome<DashboardFilter>.Fail("from", "Must be a time in ISO 8601.");
        if (!TryMoment(to, out var last)) return Outcome<DashboardFilter>.Fail("to", "Must be a time in ISO 8601.");
        if (first >= last) return Outcome<DashboardFilter>.Fail("to", "Must be later than 'from'.");
        LabelSource? shown = null;
        if (source is not null)
        {
            if (!Names.TryParse<LabelSource>(source, out var parsed)) return Outcome<DashboardFilter>.Fail("source", $"Must be one of: {string.Join(", ", Enum.GetValues<LabelSource>().Select(Names.Of))}.");
            shown = parsed;
        }

        var part = QualityAddress.SliceOf(slice);
        if (slice is not null && part is null) return Outcome<DashboardFilter>.Fail("slice", "Must be a field and a value of the items' metadata, as field=value.");
        if (label is not null && project.Schema.IndexOf(label) < 0) return Outcome<DashboardFilter>.Fail("label", "The project has no such label.");
        return Outcome<DashboardFilter>.Of(new DashboardFilter(first, last, label, annotator is null ? null : Ids.Parse(annotator), shown, part));
    }

    private static bool TryMoment(string? text, out DateTimeOffset? moment)
    {
        moment = null;
        if (text is null) return true;
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed)) return false;
        moment = parsed;
        return true;
    }
}
