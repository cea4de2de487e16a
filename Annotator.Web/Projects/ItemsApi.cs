using Annotator.Core.Cascade;
using Annotator.Core.Edge;
using Annotator.Core.Items;
using Annotator.Core.Items.Search;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Annotator.Core.Streaming;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Media;
using Route = Annotator.Core.Items.Route;

namespace Annotator.Web.Projects;

/// <summary>A pre-label as the API shows it.</summary>
public sealed record PredictionView(RawJson Value, double Confidence, LabelSource Source, int Version);

/// <summary>An item in a list.</summary>
public sealed record ItemView(
    string Id, string Key, string State, string? Text, string? Url, RawJson? Metadata, string? Group, PredictionView? Prediction, RawJson? Label, LabelSource? Source, double? Confidence,
    Route? Route, bool Flagged, DateTimeOffset? DecidedAt, DateTimeOffset CreatedAt, string? Device = null, DateTimeOffset? DueAt = null, string? SignedUrl = null);

/// <summary>What one labeller last said of an item.</summary>
public sealed record LabellerView(LabelSource Source, int Version, RawJson? Value, double Confidence, string? Failure, DateTimeOffset CreatedAt);

/// <summary>A decision in an item's history.</summary>
public sealed record AnnotationView(
    string Id, DecisionAction Action, RawJson? Value, string? Annotator, DecisionStatus Status, bool Undone, PredictionView? Shown, bool Blind, double? Seconds, string? Comment, int SchemaVersion, DateTimeOffset CreatedAt);

/// <summary>An item with all that is known of it.</summary>
public sealed record ItemDetailView(
    string Id, string Key, string State, string? Text, string? Url, RawJson? Metadata, string? Group, PredictionView? Prediction, RawJson? Label, LabelSource? Source, double? Confidence,
    Route? Route, bool Flagged, DateTimeOffset? DecidedAt, DateTimeOffset CreatedAt, IReadOnlyList<LabellerView> Predictions, IReadOnlyList<AnnotationView> Annotations, IReadOnlyList<AnnotationView> History, string? Device = null, DateTimeOffset? DueAt = null, string? SignedUrl = null);

/// <summary>Items as they are sent.</summary>
public sealed record NewItemsBody(IReadOnlyList<NewItemBody?>? Items);

/// <summary>One item as it is sent.</summary>
public sealed record NewItemBody(string? Key, string? Text, string? Url, RawJson? Metadata, ItemPriority Priority = ItemPriority.Normal);

/// <summary>What became of a sent item.</summary>
public sealed record StoredItemView(string Id, string Key, bool Created, PredictionView? Prediction, Route Route, bool Shed = false);

/// <summary>What became of sent items, in their order.</summary>
public sealed record StoredItemsView(IReadOnlyList<StoredItemView> Items);

/// <summary>An item that is like another.</summary>
public sealed record SimilarItemView(string ItemId, string Key, double Similarity);

/// <summary>Items that are like another, the most like first.</summary>
public sealed record SimilarItemsView(IReadOnlyList<SimilarItemView> Items);

internal static class ItemsApi
{
    private const int MostSimilar = 200;

    public static void MapItemsApi(this IEndpointRouteBuilder endpoints)
    {
        var items = endpoints.MapProjectApi("/items").WithTags("Items");
        items.MapPost("", async (NewItemsBody body, ItemIntake intake, IntakeLanes lanes, HttpContext context) =>
        {
            var sent = body.Items ?? [];
            var missing = sent.Select((item, i) => (item, i)).Where(x => x.item is null).Select(x => (Ids.At("items", x.i), "An item is needed.")).ToList();
            if (missing.Count > 0) return Problems.Validation(missing);
            var project = context.Grant().Project;
            NewItem[] given = [.. sent.Select(i => new NewItem(i!.Key, i.Text, i.Url, i.Metadata?.Text, Priority: i.Priority))];
            return await StoreAsync(project, given, intake, lanes, context);
        }).RequireLead().WithSummary("Stores items, annotated by the fast stage at once").Produces<StoredItemsView>();

        items.MapGet("", async (string? state, string? label, string? source, string? q, bool? flagged, string? group, bool? links, Paging paging, ItemQueries queries, TextIndexing indexing, DeviceService devices, MediaLinks signed, HttpContext context) =>
        {
            var filter = new ItemFilter(Label: Blank(label), Text: Blank(q), Flagged: flagged ?? false, Group: Blank(group) is { } g ? Ids.Parse(g) : null);
            if (Blank(state) is { } wanted)
            {
                if (string.Equals(wanted, "inReview", StringComparison.Ordinal)) filter = filter with { InReview = true };
                else if (Names.TryParse<ItemState>(wanted, out var parsed)) filter = filter with { State = parsed };
                else return Problems.Validation("state", "Must be new, prelabelled, queued, inReview or final.");
            }

            if (Blank(source) is { } from)
            {
                if (!Names.TryParse<LabelSource>(from, out var parsed)) return Problems.Validation("source", "Must be human, auto, propagated, import, student, llm or hint.");
                filter = filter with { Source = parsed };
            }

            var rows = await queries.ListAsync(context.Grant().Project.Id, filter, paging.Id, paging.Limit + 1, context.RequestAborted);
            if (filter.Text is not null) await indexing.KeepUpAsync(context.Grant().Project.Id, context.RequestAborted);
            var names = await devices.NamesAsync(context.Grant().Project.Id, [.. rows.Select(r => r.Item.DeviceId).OfType<long>().Distinct()], context.RequestAborted);
            var sign = await SignerAsync(links, signed, context);
            return (IResult)TypedResults.Ok(paging.Page(rows, r => r.Item.Id, r => View(r.Item, r.InReview, names, sign)));
        }).RequireLead().WithSummary("Items in order of arrival").Produces<Listing<ItemView>>();

        items.MapGet("/{itemId}", async (string itemId, bool? links, ItemQueries queries, DeviceService devices, MediaLinks signed, HttpContext context) =>
        {
            var found = await queries.FindAsync(context.Grant().Project.Id, Ids.Parse(itemId), context.RequestAborted);
            if (found is null || !MaySee(found, context)) return (IResult)Problems.NotFound();
            return TypedResults.Ok(Detail(found, found.Item.DeviceId is { } device ? await devices.NamesAsync(context.Grant().Project.Id, [device], context.RequestAborted) : [], await SignerAsync(links, signed, context)));
        }).WithSummary("An item with its predictions, annotations and history").Produces<ItemDetailView>();
        items.MapGet("/{itemId}/similar", async (string itemId, int? limit, ItemQueries queries, Representations representations, HttpContext context) =>
        {
            var (project, id) = (context.Grant().Project.Id, Ids.Parse(itemId));
            if (limit is < 1 or > MostSimilar) return Problems.Validation("limit", $"Must be 1 to {MostSimilar}.");
            if (!await queries.ExistsAsync(project, id, context.RequestAborted)) return Problems.NotFound();

            // Before the first representation nothing is known to be similar.
            var similar = await representations.SimilarAsync(project, id, limit ?? 20, context.RequestAborted) ?? [];
            var keys = await queries.KeysAsync(project, [.. similar.Select(s => s.Id)], context.RequestAborted);
            return (IResult)TypedResults.Ok(new SimilarItemsView(
                [.. similar.Where(s => keys.ContainsKey(s.Id)).Select(s => new SimilarItemView(Ids.Text(s.Id), keys[s.Id], Math.Round(s.Similarity, 4)))]));
        }).RequireLead().WithSummary("Items that are like one, the most like first").Produces<SimilarItemsView>();
    }

    private static async Task<IResult> StoreAsync(Project project, NewItem[] given, ItemIntake intake, IntakeLanes lanes, HttpContext context)
    {
        // Several items are a batch by themselves; and what a repeat must find again is written within the request.
        if (given.Length != 1 || RequestJournal.Current is not null)
        {
            var stored = await intake.StoreAsync(project, given, context.RequestAborted);
            return stored.Succeeded ? TypedResults.Ok(new StoredItemsView([.. stored.Value.Select(s => Stored(s, shed: false))])) : Problems.Validation(stored.Errors);
        }

        var errors = ItemIntake.Check(project, given);
        if (errors.Count > 0) return Problems.Validation(errors);
        try
        {
            var (stored, shed) = await await lanes.EnqueueAsync(project, given[0], waitsForRoom: false, context.RequestAborted);
            return TypedResults.Ok(new StoredItemsView([Stored(stored, shed)]));
        }
        catch (LaneFullException e)
        {
            context.Response.Headers.RetryAfter = "1";
            return Problems.Of(StatusCodes.Status429TooManyRequests, e.Message);
        }
    }

    private static StoredItemView Stored(StoredItem s, bool shed) => new(Ids.Text(s.Item.Id), s.Item.Key, s.Created, Prediction(s.Item), s.Item.Route ?? Route.Human, shed);

    public static PredictionView? Prediction(Item item) => item.PredictionValue is null
        ? null
        : new PredictionView(new RawJson(item.PredictionValue), Math.Round(item.PredictionConfidence ?? 0, 4), item.PredictionSource!.Value, item.PredictionVersion ?? 0);

    // An annotator sees what they have decided, and nobody else's work before they have.
    private static bool MaySee(ItemDetail item, HttpContext context)
    {
        if (context.Grant().IsLead) return true;
        var me = context.Caller().UserId;
        return item.Decisions.Any(d => d.Decision.UserId == me);
    }

    private static async Task<Func<string?, string?>?> SignerAsync(bool? links, MediaLinks signed, HttpContext context) =>
        links is true ? await signed.SignerAsync(context.Grant().Project.Id, SignedMediaApi.BaseOf(context), cancellationToken: context.RequestAborted) : null;

    private static ItemView View(Item i, bool inReview, Dictionary<long, string> devices, Func<string?, string?>? sign) => new(
        Ids.Text(i.Id), i.Key, State(i, inReview), i.Text, i.Url, RawJson.Of(i.Metadata), i.GroupId is { } g ? Ids.Text(g) : null, Prediction(i), RawJson.Of(i.LabelValue), i.LabelSource, i.LabelConfidence,
        i.Route, i.Flagged, i.DecidedAt, i.CreatedAt, i.DeviceId is { } device ? devices.GetValueOrDefault(device) : null, i.DueAt, sign is not null && MediaService.NameOf(i.ProjectId, i.Url) is not null ? sign(i.Url) : null);

    private static ItemDetailView Detail(ItemDetail d, Dictionary<long, string> devices, Func<string?, string?>? sign)
    {
        var v = View(d.Item, d.InReview, devices, sign);
        var history = d.Decisions.Select(x => Annotation(x.Decision, x.Who)).ToList();
        return new ItemDetailView(
            v.Id, v.Key, v.State, v.Text, v.Url, v.Metadata, v.Group, v.Prediction, v.Label, v.Source, v.Confidence, v.Route, v.Flagged, v.DecidedAt, v.CreatedAt,
            [.. d.Predictions.Select(p => new LabellerView(p.Source, p.Version, RawJson.Of(p.Value), p.Confidence, p.Failure, p.CreatedAt))],
            [.. history.Where(h => h is { Undone: false, Value: not null, Status: DecisionStatus.Recorded })],
            history,
            v.Device,
            v.DueAt,
            v.SignedUrl);
    }

    private static AnnotationView Annotation(Decision d, string? who) => new(
        Ids.Text(d.Id), d.Action, RawJson.Of(d.Value), who, d.Status, d.UndoneById is not null,
        d.ShownValue is null ? null : new PredictionView(new RawJson(d.ShownValue), d.ShownConfidence ?? 0, d.ShownSource ?? LabelSource.Hint, d.ShownVersion ?? 0),
        d.Blind, d.Seconds, d.Comment, d.SchemaVersion, d.CreatedAt);

    private static string State(Item item, bool inReview) => inReview ? "inReview" : Names.Of(item.State);

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
