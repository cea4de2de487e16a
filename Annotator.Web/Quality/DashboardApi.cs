using System.ComponentModel;
using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Dashboards;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Quality;

/// <summary>What people did, with how the shown pre-labels fared.</summary>
public sealed record WorkView(long Decisions, long Accepted, long Corrected, long Labelled, long Rejected, long Skipped, long Flagged, long Imported, long Timed, double Seconds, double? SecondsPerDecision, ShareView Acceptance);

/// <summary>A stretch of time.</summary>
public sealed record BucketView(DateTimeOffset At, WorkView Work, IReadOnlyDictionary<string, long> Final);

/// <summary>Work on pre-labels of one source; null: none was shown.</summary>
public sealed record SourceWorkView(string? Source, WorkView Work);

/// <summary>How a label fares.</summary>
public sealed record LabelWorkView(string Label, ShareView RightWhenShown, ShareView ShownWhenGiven, long Skipped);

/// <summary>One label shown, another (or the same) given.</summary>
public sealed record ConfusedView(string Shown, string Given, long Count);

/// <summary>An annotator's work.</summary>
public sealed record AnnotatorWorkView(string UserId, string Name, bool Imported, WorkView Work, ShareView FirstPass, ShareView AgreementWithOthers);

/// <summary>Calibration of a source.</summary>
public sealed record CalibrationView(string Source, double Ece, IReadOnlyList<CalibrationBinView> Bins);

/// <summary>A tenth of confidence.</summary>
public sealed record CalibrationBinView(double Confidence, ShareView Right);

/// <summary>A label's frequency.</summary>
public sealed record LabelCountView(string Label, long Count, IReadOnlyDictionary<string, long> BySource);

/// <summary>Drift of labels.</summary>
public sealed record DriftView(double Distance, double ByChance, DateTimeOffset Since, long Before, long After);

/// <summary>When the project will be done.</summary>
public sealed record ForecastView(long Remaining, DateTimeOffset Early, DateTimeOffset Middle, DateTimeOffset? Late, double LabelsPerDay);

/// <summary>Agreement between people.</summary>
public sealed record AgreementView(ShareView Equal, double? Alpha, IReadOnlyList<AgreementBucketView> OverTime, IReadOnlyList<PairView> Pairs, IReadOnlyList<ConfusedView> Confused);

/// <summary>Agreement in a stretch of time.</summary>
public sealed record AgreementBucketView(DateTimeOffset At, ShareView Equal, double? Alpha);

/// <summary>Agreement of two people.</summary>
public sealed record PairView(string UserId, string OtherUserId, ShareView Equal);

/// <summary>The figures of a project's dashboard.</summary>
public sealed record DashboardView(
    long Items, long Final, WorkView Work, ShareView FirstPass, ForecastView? Forecast, IReadOnlyList<BucketView> OverTime, IReadOnlyList<SourceWorkView> Sources, IReadOnlyList<LabelWorkView> Labels,
    IReadOnlyList<ConfusedView> Confusion, IReadOnlyList<AnnotatorWorkView> Annotators, IReadOnlyList<CalibrationView> Calibration, IReadOnlyList<LabelCountView> Distribution, DriftView? Drift, AgreementView? Agreement);

internal static class DashboardApi
{
    public static void MapDashboardApi(this IEndpointRouteBuilder endpoints)
    {
        var quality = endpoints.MapProjectApi().WithTags("Quality");
        quality.MapGet("/dashboard", async (
            [Description("Only what happened from this moment on; labels by whole days (UTC).")] string? from,
            [Description("Only what happened before this moment.")] string? to,
            [Description("Only decisions in which this label was shown or given.")] string? label,
            [Description("Only decisions of this annotator.")] string? annotator,
            [Description("Only decisions on pre-labels of this source.")] string? source,
            [Description("Only items of this slice of the project's settings, as field=value.")] string? slice,
            DashboardReader dashboards, HttpContext context) =>
        {
            var grant = context.Grant();
            if (!TryMoment(from, out var first)) return (IResult)Problems.Validation("from", "Must be a time in ISO 8601.");
            if (!TryMoment(to, out var last)) return Problems.Validation("to", "Must be a time in ISO 8601.");
            if (first >= last) return Problems.Validation("to", "Must be later than 'from'.");
            LabelSource? shown = null;
            if (source is not null)
            {
                if (!Names.TryParse<LabelSource>(source, out var parsed)) return Problems.Validation("source", $"Must be one of: {string.Join(", ", Enum.GetValues<LabelSource>().Select(Names.Of))}.");
                shown = parsed;
            }

            var part = QualityAddress.SliceOf(slice);
            if (slice is not null && (part is null || !grant.Project.Settings.Slices.Contains(part))) return Problems.Validation("slice", "Must be one of settings.slices, as field=value.");
            if (label is not null && grant.Project.Schema.IndexOf(label) < 0) return Problems.Validation("label", "The project has no such label.");
            var board = await dashboards.ReadAsync(grant.Project, new DashboardFilter(first, last, label, annotator is null ? null : Ids.Parse(annotator), shown, part), context.RequestAborted);
            return TypedResults.Ok(View(board));
        }).RequireLead().WithSummary("The figures of the dashboards, for a part of the work").Produces<DashboardView>();
    }

    private static DashboardView View(Dashboard d) => new(
        d.Items, d.Final, View(d.Work), View(d.FirstPass),
        d.Forecast is { } f ? new ForecastView(f.Remaining, f.Early, f.Middle, f.Late, f.PerDay) : null,
        [.. d.OverTime.Select(b => new BucketView(b.At, View(b.Work), ByName(b.Final)))],
        [.. d.Sources.Select(s => new SourceWorkView(s.Source is { } source ? Names.Of(source) : null, View(s.Work)))],
        [.. d.Labels.Select(l => new LabelWorkView(l.Label, View(l.Shown), View(l.Given), l.Skipped))],
        Pairs(d.Confusion),
        [.. d.Annotators.Select(a => new AnnotatorWorkView(Ids.Text(a.UserId), a.Name, a.Imported, View(a.Work), View(a.FirstPass), View(a.Others)))],
        [.. d.Calibration.Select(c => new CalibrationView(Names.Of(c.Source), c.Ece, [.. c.Bins.Select(b => new CalibrationBinView(b.Confidence, View(b.Right)))]))],
        [.. d.Distribution.Select(l => new LabelCountView(l.Label, l.Count, ByName(l.BySource)))],
        d.Drift is { } drift ? new DriftView(drift.Distance, drift.ByChance, drift.Split, drift.Before, drift.After) : null,
        d.Agreement is { } a
            ? new AgreementView(View(a.Equal), a.Alpha, [.. a.OverTime.Select(b => new AgreementBucketView(b.At, View(b.Equal), b.Alpha))], [.. a.Pairs.Select(p => new PairView(Ids.Text(p.UserId), Ids.Text(p.OtherId), View(p.Equal)))], Pairs(a.Confused))
            : null);

    private static List<ConfusedView> Pairs(IEnumerable<ConfusedPair> pairs) => [.. pairs.Select(p => new ConfusedView(p.Shown, p.Given, p.Count))];

    private static Dictionary<string, long> ByName(IReadOnlyDictionary<LabelSource, long> counts) => counts.ToDictionary(c => Names.Of(c.Key), c => c.Value, StringComparer.Ordinal);

    private static WorkView View(WorkSum w) => new(w.Decisions, w.Accepted, w.Corrected, w.Labelled, w.Rejected, w.Skipped, w.Flagged, w.Imported, w.Timed, w.Seconds, w.SecondsEach, View(w.Acceptance));

    private static ShareView View(MeasuredShare share) => new(share.Share, share.Lower, share.Upper, share.Count);

    private static bool TryMoment(string? text, out DateTimeOffset? moment)
    {
        moment = null;
        if (text is null) return true;
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed)) return false;
        moment = parsed;
        return true;
    }
}
