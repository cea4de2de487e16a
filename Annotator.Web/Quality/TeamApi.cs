using System.ComponentModel;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Agreement;
using Annotator.Core.Quality.Dashboards;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Quality;

/// <summary>A figure with its 95 % bootstrap interval; null where it is undefined, or too little is known.</summary>
public sealed record FigureView(double? Value, double? Lower, double? Upper);

/// <summary>Agreement on what is drawn.</summary>
public sealed record DrawnView(FigureView F1, FigureView Boundaries, FigureView Naming, FigureView Strict, FigureView Overlap);

/// <summary>What people agree on, with all coefficients that suit the labels.</summary>
public sealed record CoefficientsView(
    string Scale, int Items, int Ratings, int Annotators, FigureView Percent, FigureView CohenKappa, FigureView WeightedCohenKappa, FigureView ScottPi, FigureView FleissKappa, FigureView GwetAc1, FigureView KrippendorffAlpha, DrawnView? Drawn);

/// <summary>In expectation how often one label was given where another, or the same, is right.</summary>
public sealed record ConfusionView(RawJson Right, RawJson Given, double Count, double Share);

/// <summary>An annotator held against what all votes together say.</summary>
public sealed record ConsensusAnnotatorView(string UserId, double Accuracy, double Lower, double Upper, double? Competence, int Labels, IReadOnlyList<ConfusionView> Confusion);

/// <summary>An item whose label is not what the votes say together.</summary>
public sealed record ConsensusDifferenceView(string ItemId, string Key, RawJson Label, RawJson Suggested, double Probability, int Votes);

/// <summary>What the votes say together.</summary>
public sealed record ConsensusView(string Method, int Items, IReadOnlyList<ConsensusAnnotatorView> Annotators, IReadOnlyList<ConsensusDifferenceView> Differences);

/// <summary>An annotator held against the team: what stands out (none, careless, adversarial or confuses), how right they probably are, and what they give in place of what.</summary>
public sealed record AnnotatorFindingView(string UserId, string Finding, double Accuracy, double? Lower, double? Upper, int Labels, ConfusionView? Confused);

/// <summary>What is right of an item by all votes.</summary>
public sealed record ConsensusItemView(string ItemId, RawJson Value, double Probability, int Votes);

internal static class TeamApi
{
    private const double LeastShown = 0.05;

    public static void MapTeamApi(this IEndpointRouteBuilder endpoints)
    {
        var quality = endpoints.MapProjectApi().WithTags("Quality");
        quality.MapGet("/agreement", async (
            [Description("What labels are: nominal (names, the default), ordinal (ranks in the order of the project's labels), interval or ratio (numbers, where label names are numbers; else their places).")] string? scale,
            [Description("Only what happened from this moment on.")] string? from, [Description("Only what happened before this moment.")] string? to, [Description("Only items with decisions in which this label was shown or given.")] string? label,
            [Description("Only items that this annotator decided.")] string? annotator, [Description("Only labels given on pre-labels of this source.")] string? source, [Description("Only items with this in their metadata, as field=value.")] string? slice,
            TeamQualityReader team, HttpContext context) =>
        {
            var chosen = MeasurementScale.Nominal;
            if (scale is not null && !Names.TryParse(scale, out chosen)) return (IResult)Problems.Validation("scale", $"Must be one of: {string.Join(", ", Enum.GetValues<MeasurementScale>().Select(Names.Of))}.");
            var filter = DashboardPart.Read(context.Grant().Project, from, to, label, annotator, source, slice);
            if (!filter.Succeeded) return Problems.Validation(filter.Errors);
            return await team.AgreementAsync(context.Grant().Project, chosen, filter.Value, context.RequestAborted) is { } found ? TypedResults.Ok(View(found)) : (IResult)TypedResults.Problem("No two people decided the same item.", statusCode: StatusCodes.Status404NotFound, title: "Nothing to compare");
        }).RequireLead().WithSummary("Agreement between people with all coefficients and their intervals").Produces<CoefficientsView>();
        quality.MapGet("/consensus", async (
            [Description("How votes are weighed: dawidSkene (the default), mace or majority.")] string? method,
            [Description("Only what happened from this moment on.")] string? from, [Description("Only what happened before this moment.")] string? to, [Description("Only items with this in their metadata, as field=value.")] string? slice,
            TeamQualityReader team, HttpContext context) =>
        {
            if (!TryRead(method, from, to, slice, context, out var chosen, out var filter, out var wrong)) return wrong!;
            return await team.ConsensusAsync(context.Grant().Project, chosen, filter, context.RequestAborted) is var (found, differences) ? TypedResults.Ok(View(found, differences)) : Untold();
        }).RequireLead().WithSummary("What all votes together say: how right each annotator is, with their confusion of labels, and where the label is another").Produces<ConsensusView>();
        quality.MapGet("/annotators/findings", async (
            [Description("Only what happened from this moment on.")] string? from, [Description("Only what happened before this moment.")] string? to, [Description("Only items with decisions in which this label was shown or given.")] string? label,
            [Description("Only labels given on pre-labels of this source.")] string? source, [Description("Only items with this in their metadata, as field=value.")] string? slice,
            TeamQualityReader team, HttpContext context) =>
        {
            var filter = DashboardPart.Read(context.Grant().Project, from, to, label, null, source, slice);
            if (!filter.Succeeded) return Problems.Validation(filter.Errors);
            return await team.EstimatesAsync(context.Grant().Project, filter.Value, context.RequestAborted) is { } found
                ? TypedResults.Ok(new Listing<AnnotatorFindingView>([.. found.Annotators.Values.OrderBy(a => a.UserId).Select(View)], null))
                : Untold();
        }).RequireLead().WithSummary("Whose labels differ from the team's by more than chance, by all votes together").Produces<Listing<AnnotatorFindingView>>();
        quality.MapGet("/consensus/items", async (
            [Description("How votes are weighed: dawidSkene (the default), mace or majority.")] string? method, Paging paging, TeamQualityReader team, HttpContext context) =>
        {
            if (!TryRead(method, null, null, null, context, out var chosen, out var filter, out var wrong)) return wrong!;
            if (await team.ConsensusAsync(context.Grant().Project, chosen, filter, context.RequestAborted) is not var (found, _)) return Untold();
            var rows = found.Items.Where(i => paging.Id is null || i.ItemId > paging.Id).OrderBy(i => i.ItemId).Take(paging.Limit + 1).ToList();
            return (IResult)TypedResults.Ok(paging.Page(rows, r => r.ItemId, r => new ConsensusItemView(Ids.Text(r.ItemId), new RawJson(r.Value), Math.Round(r.Probability, 6), r.Votes)));
        }).RequireLead().WithSummary("The label of each item that several people decided, by all votes together").Produces<Listing<ConsensusItemView>>();
    }

    private static IResult Untold() => TypedResults.Problem($"Fewer than {AnnotatorEstimates.FewestItems} items have labels of several people, or labels are drawn.", statusCode: StatusCodes.Status404NotFound, title: "Too little to tell");

    private static bool TryRead(string? method, string? from, string? to, string? slice, HttpContext context, out ConsensusMethod chosen, out DashboardFilter filter, out IResult? wrong)
    {
        (chosen, filter, wrong) = (ConsensusMethod.DawidSkene, DashboardFilter.None, null);
        if (method is not null && !Names.TryParse(method, out chosen)) wrong = Problems.Validation("method", $"Must be one of: {string.Join(", ", Enum.GetValues<ConsensusMethod>().Select(Names.Of))}.");
        var part = DashboardPart.Read(context.Grant().Project, from, to, null, null, null, slice);
        if (part.Succeeded) filter = part.Value;
        else wrong ??= Problems.Validation(part.Errors);
        return wrong is null;
    }

    private static AnnotatorFindingView View(AnnotatorEstimate e) => new(
        Ids.Text(e.UserId), Names.Of(e.Finding), e.Accuracy, e.Lower, e.Upper, e.Count, e.Confused is { } c ? new ConfusionView(new RawJson(c.Right), new RawJson(c.Given), Math.Round(c.Count, 4), Math.Round(c.Share, 6)) : null);

    private static ConsensusView View(Consensus found, IReadOnlyList<ConsensusDifference> differences) => new(
        Names.Of(found.Method), found.Items.Count,
        [.. found.Annotators.OrderBy(a => a.UserId).Select(a => new ConsensusAnnotatorView(Ids.Text(a.UserId), a.Accuracy.Estimate, a.Accuracy.Lower, a.Accuracy.Upper, a.Competence, a.Count, Confusion(a.Confusion, found.Labels)))],
        [.. differences.Select(d => new ConsensusDifferenceView(Ids.Text(d.ItemId), d.Key, new RawJson(d.Label), new RawJson(d.Suggested), Math.Round(d.Probability, 6), d.Votes))]);

    private static List<ConfusionView> Confusion(double[] table, IReadOnlyList<string> labels)
    {
        var cells = new List<ConfusionView>();
        for (var r = 0; r < labels.Count; r++)
        {
            double all = 0;
            for (var g = 0; g < labels.Count; g++) all += table[(r * labels.Count) + g];
            for (var g = 0; g < labels.Count; g++)
            {
                if (table[(r * labels.Count) + g] is var count && count >= LeastShown) cells.Add(new ConfusionView(new RawJson(labels[r]), new RawJson(labels[g]), Math.Round(count, 4), Math.Round(count / all, 6)));
            }
        }

        return cells;
    }

    private static CoefficientsView View(AgreementReport a) => new(
        Names.Of(a.Scale), a.Items, a.Ratings, a.Annotators, View(a.Percent), View(a.Cohen), View(a.WeightedCohen), View(a.Scott), View(a.Fleiss), View(a.Gwet), View(a.Alpha),
        a.Drawn is { } d ? new DrawnView(View(d.F1), View(d.Boundaries), View(d.Naming), View(d.Strict), View(d.Overlap)) : null);

    private static FigureView View(MeasuredFigure figure) => new(figure.Value, figure.Lower, figure.Upper);
}
