using System.Text.Json;
using Annotator.Core.Edge;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Student;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Work;
using Annotator.Web.Projects;

namespace Annotator.Web.Review;

/// <summary>How many items to lend.</summary>
public sealed record LeaseBody(int? Count);

/// <summary>Lent items, most valuable first.</summary>
public sealed record LeasesView(IReadOnlyList<LeaseView> Items);

/// <summary>A lent item.</summary>
public sealed record LeaseView(
    string ItemId, string Key, ItemData Data, PredictionView? Prediction, string Lease, DateTimeOffset ExpiresAt, QueueReason Reason, RawJson? Metadata, IReadOnlyList<LabelProbability>? Probabilities, DateTimeOffset? DueAt = null, string? Device = null);

/// <summary>What is to be labelled.</summary>
public sealed record ItemData(string? Text, string? Url);

/// <summary>How likely the student thinks a label is.</summary>
public sealed record LabelProbability(string Label, double P);

/// <summary>Decisions as they are sent.</summary>
public sealed record DecisionsBody(IReadOnlyList<DecisionBody>? Decisions);

/// <summary>A decision as it is sent; the prediction is what stood on the screen, where that is not what was lent.</summary>
public sealed record DecisionBody(string? ItemId, string? Lease, string? Action, JsonElement? Value, double? Seconds, string? Comment, ShownBody? Prediction = null);

/// <summary>A pre-label as it stood on a person's screen.</summary>
public sealed record ShownBody(JsonElement? Value, double? Confidence, string? Source, int? Version);

/// <summary>What became of decisions, in their order.</summary>
public sealed record DecisionsView(IReadOnlyList<DecisionResultView> Results);

/// <summary>What became of a decision.</summary>
public sealed record DecisionResultView(string ItemId, DecisionStatus Status, string? Detail);

/// <summary>Which decision to take back; none named: the caller's last.</summary>
public sealed record UndoBody(string? ItemId);

/// <summary>An item whose decision was taken back, lent again.</summary>
public sealed record UndoView(bool Undone, LeaseView? Item);

/// <summary>Leases by their ids.</summary>
public sealed record LeaseIdsBody(IReadOnlyList<string>? Leases);

/// <summary>A renewed lease.</summary>
public sealed record RenewedView(string Lease, DateTimeOffset ExpiresAt);

internal static class ReviewApi
{
    /// <summary>The header with the id of the person that a page was opened by.</summary>
    public const string PersonHeader = "X-Annotator-User";

    public static void MapReviewApi(this IEndpointRouteBuilder endpoints)
    {
        var queue = endpoints.MapProjectApi("/queue").WithTags("Review").AddEndpointFilter(ForSamePersonAsync);
        queue.MapGet("", async (ReviewQueue review, HttpContext context) => await review.StandingAsync(context.Grant().Project.Id, context.Caller().UserId, context.RequestAborted))
            .WithSummary("How the queue stands for the caller");
        queue.MapPost("/lease", async (LeaseBody? body, ReviewQueue review, StudentCatalog students, DeviceService devices, HttpContext context) =>
        {
            var count = body?.Count ?? 10;
            if (count is < 1 or > ReviewQueue.MostAtOnce) return Problems.Validation("count", $"Must be 1 to {ReviewQueue.MostAtOnce}.");
            var project = context.Grant().Project;
            if (project.Settings.Work.Paused) return Problems.Of(StatusCodes.Status423Locked, WorkApi.Resting(project.Settings.Work));
            var lent = await review.LeaseAsync(project, context.Caller().UserId, count, context.RequestAborted);
            return (IResult)TypedResults.Ok(new LeasesView(await ViewAsync(project, lent, students, devices, context.RequestAborted)));
        }).WithSummary("Lends the most valuable items to the caller").Produces<LeasesView>();
        queue.MapPost("/release", async (LeaseIdsBody body, ReviewQueue review, HttpContext context) =>
        {
            await review.ReleaseAsync(context.Grant().Project.Id, context.Caller().UserId, [.. (body.Leases ?? []).Take(1_000)], context.RequestAborted);
            return TypedResults.NoContent();
        }).WithSummary("Gives lent items back");
        queue.MapPost("/renew", async (LeaseIdsBody body, ReviewQueue review, HttpContext context) =>
        {
            var renewed = await review.RenewAsync(context.Grant().Project, context.Caller().UserId, [.. (body.Leases ?? []).Take(1_000)], context.RequestAborted);
            return new Listing<RenewedView>([.. renewed.Select(l => new RenewedView(l.Id, l.ExpiresAt))], null);
        }).WithSummary("Keeps lent items for another term");
        queue.MapPost("/recall", async (ReviewQueue review, HttpContext context) =>
            new { recalled = await review.RecallSkippedAsync(context.Grant().Project.Id, context.Caller().UserId, context.RequestAborted) })
            .WithSummary("Shows the caller once more what they skipped");

        var decisions = endpoints.MapProjectApi("/decisions").WithTags("Review").AddEndpointFilter(ForSamePersonAsync);
        decisions.MapPost("", async (DecisionsBody body, DecisionRecorder recorder, HttpContext context) =>
        {
            var grant = context.Grant();
            var (given, errors) = Read(body.Decisions ?? [], grant.Project);
            if (errors.Count == 0) errors.AddRange(DecisionRecorder.Check(grant.Project, given));
            if (errors.Count > 0) return Problems.Validation(errors);
            var results = await recorder.RecordAsync(grant, context.Caller().UserId, given, context.RequestAborted);
            return (IResult)TypedResults.Ok(new DecisionsView([.. results.Select((r, i) => new DecisionResultView(body.Decisions![i].ItemId ?? "", r.Status, r.Detail))]));
        }).WithSummary("Records decisions").Produces<DecisionsView>();
        decisions.MapPost("/undo", async (UndoBody? body, DecisionRecorder recorder, StudentCatalog students, DeviceService devices, HttpContext context) =>
        {
            var project = context.Grant().Project;
            var lent = await recorder.UndoAsync(project, context.Caller().UserId, body?.ItemId is { } id ? Ids.Parse(id) : null, context.RequestAborted);
            var views = lent is null ? [] : await ViewAsync(project, [lent], students, devices, context.RequestAborted);
            return new UndoView(lent is not null, views.Count > 0 ? views[0] : null);
        }).WithSummary("Takes the caller's last decision back");
    }

    // A page says who sat before it. After a new sign-in in the same browser that may be somebody else now, and one person's
    // decisions must not go down under another's name.
    private static async ValueTask<object?> ForSamePersonAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        var meant = context.Request.Headers[PersonHeader].ToString();
        return meant.Length == 0 || string.Equals(meant, Ids.Text(context.Caller().UserId), StringComparison.Ordinal)
            ? await next(invocation)
            : Problems.Of(StatusCodes.Status412PreconditionFailed, context.User.FindFirst(SessionClaims.DisplayName)?.Value ?? "Somebody else is signed in.");
    }

    private static async Task<IReadOnlyList<LeaseView>> ViewAsync(Project project, IReadOnlyList<LeasedItem> lent, StudentCatalog students, DeviceService devices, CancellationToken cancellationToken)
    {
        var names = await devices.NamesAsync(project.Id, [.. lent.Select(l => l.Item.DeviceId).OfType<long>().Distinct()], cancellationToken);

        // The likely labels come first on the page; an audit draw must not be hinted at.
        var shown = lent.Where(l => !l.Lease.Blind && l.Item.Text is not null).ToList();
        var likely = new Dictionary<long, IReadOnlyList<LabelProbability>>();
        if (shown.Count > 0 && project.Schema.Type == TaskType.Classification && await students.FindAsync(project.Id, cancellationToken) is { } student)
        {
            var predictions = student.Predict([.. shown.Select(l => l.Item.Text!)], cancellationToken);
            for (var i = 0; i < shown.Count; i++)
            {
                var row = predictions.Row(i).ToArray();
                likely[shown[i].Item.Id] = [.. row.Select((p, c) => new LabelProbability(predictions.Classes[c], Math.Round(p, 4))).OrderByDescending(p => p.P).Take(12)];
            }
        }

        return [.. lent.Select(l => new LeaseView(
            Ids.Text(l.Item.Id), l.Item.Key, new ItemData(l.Item.Text, l.Item.Url),
            l.Lease.PredictionValue is null ? null : new PredictionView(new RawJson(l.Lease.PredictionValue), Math.Round(l.Lease.PredictionConfidence ?? 0, 4), l.Lease.PredictionSource!.Value, l.Lease.PredictionVersion ?? 0),
            l.Lease.Id, l.Lease.ExpiresAt, l.Lease.Reason, RawJson.Of(l.Item.Metadata), likely.GetValueOrDefault(l.Item.Id), l.Item.DueAt, l.Item.DeviceId is { } from ? names.GetValueOrDefault(from) : null))];
    }

    private static (List<NewDecision> Decisions, List<(string Field, string Message)> Errors) Read(IReadOnlyList<DecisionBody> bodies, Project project)
    {
        var (decisions, errors) = (new List<NewDecision>(bodies.Count), new List<(string, string)>());
        var schema = project.Schema;
        for (var i = 0; i < bodies.Count; i++)
        {
            var body = bodies[i];
            if (body is null)
            {
                errors.Add(($"decisions[{i}]", "A decision is needed."));
                continue;
            }

            if (string.IsNullOrEmpty(body.ItemId)) errors.Add(($"decisions[{i}].itemId", "Is required."));
            if (!Names.TryParse<DecisionAction>(body.Action, out var action) || action is DecisionAction.Undo or DecisionAction.Import)
            {
                errors.Add(($"decisions[{i}].action", "Must be accept, correct, skip, flag or reject."));
                continue;
            }

            LabelValue? value = null;
            if (body.Value is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } json && !LabelJson.TryRead(json, schema, null, out value, out var error)) errors.Add(($"decisions[{i}].value", error!));
            ShownPrelabel? shown = null;
            if (body.Prediction is { } seen)
            {
                LabelValue? label = null;
                if (!Names.TryParse<LabelSource>(seen.Source, out var source)) errors.Add(($"decisions[{i}].prediction.source", "Must be one of the sources of a prediction."));
                else if (seen.Value is not { } raw || !LabelJson.TryRead(raw, schema, null, out label, out var wrong)) errors.Add(($"decisions[{i}].prediction.value", "Must be a label value of the project's task."));
                else shown = new ShownPrelabel(label!, seen.Confidence, source, seen.Version);
            }

            decisions.Add(new NewDecision(Ids.Parse(body.ItemId), action, value, body.Lease, body.Seconds, body.Comment, shown));
        }

        return (decisions, errors);
    }
}
