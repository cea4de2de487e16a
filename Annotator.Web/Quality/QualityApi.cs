using System.ComponentModel;
using Annotator.Core.Quality;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Quality;

/// <summary>An item whose label is probably wrong.</summary>
public sealed record SuspectView(string ItemId, string Key, RawJson Label, RawJson Suggested, double Score);

/// <summary>A share with its interval and what it rests on.</summary>
public sealed record ShareView(double? Share, double? Lower, double? Upper, int Count);

/// <summary>How an annotator's work looks, with intervals and sample sizes.</summary>
public sealed record AnnotatorQualityView(
    string UserId, string Name, bool Imported, int Decisions, int Skipped, int Flagged, double? SecondsPerDecision,
    ShareView Acceptance, ShareView AgreementWithOthers, ShareView AgreementWithAudit, ShareView AgreementWithGold, DateTimeOffset? LastDecisionAt);

internal static class QualityApi
{
    public static void MapQualityApi(this IEndpointRouteBuilder endpoints)
    {
        var quality = endpoints.MapProjectApi().WithTags("Quality");
        quality.MapGet("/suspects", async (int? limit, SuspectReader suspects, HttpContext context) =>
        {
            if (limit is < 1 or > Paging.MaxLimit) return (IResult)Problems.Validation("limit", "Must be 1 to 1000.");
            var found = await suspects.ReadAsync(context.Grant().Project, limit ?? Paging.DefaultLimit, context.RequestAborted);
            return TypedResults.Ok(new Listing<SuspectView>(
                [.. found.Select(s => new SuspectView(Ids.Text(s.Item.Id), s.Item.Key, new RawJson(s.Item.LabelValue!), new RawJson(s.Suggested), Math.Round(s.Score, 6)))], null));
        }).RequireLead().WithSummary("Items whose label is probably wrong, worst first").Produces<Listing<SuspectView>>();
        quality.MapGet("/annotators", async (
            [Description("Only what happened from this moment on.")] string? from, [Description("Only what happened before this moment.")] string? to, [Description("Only decisions in which this label was shown or given.")] string? label,
            [Description("Only this annotator.")] string? annotator, [Description("Only decisions on pre-labels of this source.")] string? source, [Description("Only items with this in their metadata, as field=value.")] string? slice,
            AnnotatorReader annotators, HttpContext context) =>
        {
            var filter = DashboardPart.Read(context.Grant().Project, from, to, label, annotator, source, slice);
            return filter.Succeeded
                ? TypedResults.Ok(new Listing<AnnotatorQualityView>([.. (await annotators.ReadAsync(context.Grant().Project, filter.Value, context.RequestAborted)).Select(View)], null))
                : (IResult)Problems.Validation(filter.Errors);
        }).RequireLead().WithSummary("How the annotators of the project work, for a part of it").Produces<Listing<AnnotatorQualityView>>();
        quality.MapGet("/annotators/me", async (AnnotatorReader annotators, HttpContext context) =>
        {
            var mine = await annotators.ReadAsync(context.Grant().Project.Id, context.Caller().UserId, context.RequestAborted);
            return mine.Count == 0 ? (IResult)Problems.NotFound() : TypedResults.Ok(View(mine[0]));
        }).WithSummary("How the caller's own work looks").Produces<AnnotatorQualityView>();
    }

    private static AnnotatorQualityView View(AnnotatorQuality a) => new(
        Ids.Text(a.UserId), a.Name, a.Imported, a.Decisions, a.Skipped, a.Flagged, a.SecondsPerDecision, View(a.Accepted), View(a.Others), View(a.Audit), View(a.Gold), a.LastAt);

    private static ShareView View(MeasuredShare share) => new(share.Share, share.Lower, share.Upper, share.Count);
}
