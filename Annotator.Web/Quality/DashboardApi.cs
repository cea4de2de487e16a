using System.ComponentModel;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Dashboards;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Quality;

/// <summary>The ends of a 95 % bootstrap interval.</summary>
public sealed record IntervalView(double Lower, double Upper);

/// <summary>What some figures rest on where no counts are kept by what is asked for: the newest items of the part.</summary>
public sealed record CountedView(int Items, bool Whole);

/// <summary>What people did, with how the shown pre-labels fared.</summary>
public sealed record WorkView(long Decisions, long Accepted, long Corrected, long Labelled, long Rejected, long Skipped, long Flagged, long Imported, long Timed, double Seconds, double? SecondsPerDecision, ShareView Acceptance);

/// <summary>A stretch of time.</summary>
public sealed record BucketView(DateTimeOffset At, WorkView Work, IReadOnlyDictionary<string, long> Final, IntervalView? SecondsInterval);

/// <summary>Work on pre-labels of one source; null: none was shown.</summary>
public sealed record SourceWorkView(string? Source, WorkView Work);

/// <summary>How a label fares.</summary>
public sealed record LabelWorkView(string Label, ShareView RightWhenShown, ShareView ShownWhenGiven, long Skipped);

/// <summary>One label shown, another (or the same) given.</summary>
public sealed record ConfusedView(string Shown, string Given, long Count);

/// <summary>An annotator's work.</summary>
public sealed record AnnotatorWorkView(string UserId, string Name, bool Imported, WorkView Work, ShareView FirstPass, ShareView AgreementWithOthers, IntervalView? SecondsInterval);

/// <summary>Calibration of a source.</summary>
public sealed record CalibrationView(string Source, double Ece, IReadOnlyList<CalibrationBinView> Bins, IntervalView EceInterval);

/// <summary>A tenth of confidence.</summary>
public sealed record CalibrationBinView(double Confidence, ShareView Right);

/// <summary>A label's frequency.</summary>
public sealed record LabelCountView(string Label, long Count, IReadOnlyDictionary<string, long> BySource);

/// <summary>Drift of labels.</summary>
public sealed record DriftView(double Distance, double ByChance, DateTimeOffset Since, long Before, long After);

/// <summary>When the project will be done.</summary>
public sealed record ForecastView(long Remaining, DateTimeOffset Early, DateTimeOffset Middle, DateTimeOffset? Late, double LabelsPerDay);

/// <summary>Agreement between people.</summary>
public sealed record AgreementView(ShareView Equal, double? Alpha, IntervalView? AlphaInterval, IReadOnlyList<AgreementBucketView> OverTime, IReadOnlyList<PairView> Pairs, IReadOnlyList<ConfusedView> Confused);

/// <summary>Agreement in a stretch of time.</summary>
public sealed record AgreementBucketView(DateTimeOffset At, ShareView Equal, double? Alpha, IntervalView? AlphaInterval);

/// <summary>Agreement of two people.</summary>
public sealed record PairView(string UserId, string OtherUserId, ShareView Equal);

/// <summary>The figures of a project's dashboard.</summary>
public sealed record DashboardView(
    long Items, long Final, WorkView Work, ShareView FirstPass, ForecastView? Forecast, IReadOnlyList<BucketView> OverTime, IReadOnlyList<SourceWorkView> Sources, IReadOnlyList<LabelWorkView> Labels,
    IReadOnlyList<ConfusedView> Confusion, IReadOnlyList<AnnotatorWorkView> Annotators, IReadOnlyList<CalibrationView> Calibration, IReadOnlyList<LabelCountView> Distribution, DriftView? Drift, AgreementView? Agreement,
    IntervalView? SecondsInterval, CountedView? Counted);

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
            [Description("Only items with this in their metadata, as field=value. Fast at any size where it is one of settings.slices.")] string? slice,
            DashboardReader dashboards, HttpContext context) =>
        {
            var filter = DashboardPart.Read(context.Grant().Project, from, to, label, annotator, source, slice);
            return filter.Succeeded ? TypedResults.Ok(View(await dashboards.ReadAsync(context.Grant().Project, filter.Value, context.RequestAborted))) : (IResult)Problems.Validation(filter.Errors);
        }).RequireLead().WithSummary("The figures of the dashboards, for a part of the work").Produces<DashboardView>();
    }

    private static DashboardView View(Dashboard d) => new(
        d.Items, d.Final, View(d.Work), View(d.FirstPass),
        d.Forecast is { } f ? new ForecastView(f.Remaining, f.Early, f.Middle, f.Late, f.PerDay) : null,
        [.. d.OverTime.Select(b => new BucketView(b.At, View(b.Work), ByName(b.Final), View(b.SecondsInterval)))],
        [.. d.Sources.Select(s => new SourceWorkView(s.Source is { } source ? Names.Of(source) : null, View(s.Work)))],
        [.. d.Labels.Select(l => new LabelWorkView(l.Label, View(l.Shown), View(l.Given), l.Skipped))],
        Pairs(d.Confusion),
        [.. d.Annotators.Select(a => new AnnotatorWorkView(Ids.Text(a.UserId), a.Name, a.Imported, View(a.Work), View(a.FirstPass), View(a.Others), View(a.SecondsInterval)))],
        [.. d.Calibration.Select(c => new CalibrationView(Names.Of(c.Source), c.Ece, [.. c.Bins.Select(b => new CalibrationBinView(b.Confidence, View(b.Right)))], View(c.EceInterval())!))],
        [.. d.Distribution.Select(l => new LabelCountView(l.Label, l.Count, ByName(l.BySource)))],
        d.Drift is { } drift ? new DriftView(drift.Distance, drift.ByChance, drift.Split, drift.Before, drift.After) : null,
        d.Agreement is { } a
            ? new AgreementView(View(a.Equal), a.Alpha, View(a.AlphaInterval), [.. a.OverTime.Select(b => new AgreementBucketView(b.At, View(b.Equal), b.Alpha, View(b.AlphaInterval)))], [.. a.Pairs.Select(p => new PairView(Ids.Text(p.UserId), Ids.Text(p.OtherId), View(p.Equal)))], Pairs(a.Confused))
            : null,
        View(d.SecondsInterval), d.Counted is { } counted ? new CountedView(counted.Items, counted.Whole) : null);

    private static List<ConfusedView> Pairs(IEnumerable<ConfusedPair> pairs) => [.. pairs.Select(p => new ConfusedView(p.Shown, p.Given, p.Count))];

    private static Dictionary<string, long> ByName(IReadOnlyDictionary<LabelSource, long> counts) => counts.ToDictionary(c => Names.Of(c.Key), c => c.Value, StringComparer.Ordinal);

    private static WorkView View(WorkSum w) => new(w.Decisions, w.Accepted, w.Corrected, w.Labelled, w.Rejected, w.Skipped, w.Flagged, w.Imported, w.Timed, w.Seconds, w.SecondsEach, View(w.Acceptance));

    private static IntervalView? View(Interval? interval) => interval is { } i ? new IntervalView(i.Lower, i.Upper) : null;

    private static ShareView View(MeasuredShare share) => new(share.Share, share.Lower, share.Upper, share.Count);
}
