using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Live;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Streaming;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Cascade;

/// <summary>An item as it arrives.</summary>
/// <param name="Key">The caller's name for it; made from the content where none is given.</param>
/// <param name="Text">The text.</param>
/// <param name="Url">Address of the medium.</param>
/// <param name="Metadata">Other fields as a JSON object.</param>
/// <param name="DeviceId">The device that sends it.</param>
/// <param name="ForPerson">Whether a person is to see it, however sure the models are: so with what is of a kind that they have not seen.</param>
/// <param name="Priority">How much it is in a hurry.</param>
/// <param name="StudentOnly">Whether the LLM is left out.</param>
/// <param name="Said">What the fast stage has said of it already; null: it is asked.</param>
public sealed record NewItem(
    string? Key, string? Text, string? Url = null, string? Metadata = null, long? DeviceId = null, bool ForPerson = false, ItemPriority Priority = ItemPriority.Normal, bool StudentOnly = false,
    Opinion? Said = null);

/// <summary>What became of an item that arrived.</summary>
/// <param name="Item">The item as it stands.</param>
/// <param name="Created">Whether it was new.</param>
public sealed record StoredItem(Item Item, bool Created);

/// <summary>Takes single items in and lets the fast stage annotate them at once.</summary>
public sealed class ItemIntake(AnnotatorDatabase database, StudentReader students, VisionReader vision, LabelHints hints, RunService runs, LlmStage llm, RepresentTrigger representing)
{
    /// <summary>The most items in one call.</summary>
    public const int MostAtOnce = 1_000;

    /// <summary>The longest text, in characters.</summary>
    public const int MaxTextLength = 1_000_000;

    private static readonly string[] Schemes = ["https://", "http://", "s3://"];

    /// <summary>Stores items that are not there yet, with the pre-label of the fast stage.</summary>
    public async Task<Outcome<IReadOnlyList<StoredItem>>> StoreAsync(Project project, IReadOnlyList<NewItem> items, CancellationToken cancellationToken = default)
    {
        var errors = Check(project, items);
        if (errors.Count > 0) return Outcome<IReadOnlyList<StoredItem>>.Fail(errors);

        // The model works before the transaction: the write gate is held for the writing only.
        var keys = items.Select(KeyOf).ToArray();
        var opinions = await OpinionsAsync(project, items, cancellationToken);
        var askLlm = await llm.IsAvailableAsync(project, cancellationToken);
        return await database.WriteRepeatedlyAsync(
            async scope =>
            {
                // What is there already is found by the insertion: most often nothing is.
                var there = new Dictionary<string, Item>(StringComparer.Ordinal);
                var fresh = new Dictionary<string, Item>(StringComparer.Ordinal);
                var queue = new List<Review.QueueEntry>();
                for (var n = 0; n < items.Count; n++)
                {
                    if (fresh.ContainsKey(keys[n])) continue;
                    var routing = CascadeRouter.Decide(project.Settings, opinions.Line, opinions.Student?[n], null, opinions.Hints?[n], askLlm && items[n] is { StudentOnly: false, Priority: not ItemPriority.Urgent }, llmFailed: false);
                    if (items[n].ForPerson) routing = routing with { Route = Route.Human, Uncertainty = 1 };
                    if (items[n].Priority == ItemPriority.Urgent && routing.Route == Route.Human) routing = routing with { Reason = QueueReason.Urgent };
                    var item = NewRow(scope, project, items[n], keys[n], routing);
                    fresh[item.Key] = item;
                    if (item.State == ItemState.Queued) queue.Add(Entry(project, item, routing));
                }

                await InsertAsync(scope, project, fresh, there, queue);

                // A film takes minutes: its sender does not wait for what a model finds in it.
                var films = project.Modality == Modality.Video && project.Settings.Vision.Model is not null && fresh.Count > 0;
                if (fresh.Count > 0) scope.OnCommitted(() => representing.Look(project.Id));
                if (films || fresh.Values.Any(i => i.Route == Route.Llm)) await runs.AddOnceAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions());
                IReadOnlyList<StoredItem> stored = [.. keys.Select(k => fresh.TryGetValue(k, out var made) ? new StoredItem(made, true) : new StoredItem(there[k], false))];
                return Outcome<IReadOnlyList<StoredItem>>.Of(stored);
            },
            cancellationToken);
    }

    private static async Task InsertAsync(WriteScope scope, Project project, Dictionary<string, Item> fresh, Dictionary<string, Item> there, List<Review.QueueEntry> queue)
    {
        var inserted = await scope.Dialect.InsertAsync(scope.Db, fresh.Values, ignoreConflicts: true, scope.CancellationToken);
        if (inserted < fresh.Count)
        {
            // What was there before, or was stored by somebody else at the same moment, counts.
            var keys = fresh.Keys.ToList();
            var stored = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && keys.Contains(i.Key)).ToListAsync(scope.CancellationToken);
            foreach (var item in stored.Where(i => i.Id != fresh[i.Key].Id))
            {
                queue.RemoveAll(q => q.ItemId == fresh[item.Key].Id);
                fresh.Remove(item.Key);
                there[item.Key] = item;
            }
        }

        if (queue.Count > 0)
        {
            var items = fresh.Values.ToDictionary(i => i.Id);
            await Review.Work.WorkLanes.PlaceAsync(scope, queue, id => items[id]);
        }

        await scope.Dialect.InsertAsync(scope.Db, queue, ignoreConflicts: false, scope.CancellationToken);
        if (queue.Any(q => q.Reason == QueueReason.Urgent)) scope.Publish(new UrgentArrived(project.Id));
        ItemTransitions.CountNew(scope, project.Id, fresh.Values);
        await PrelabelEvents.PublishAsync(scope, project.Id, fresh.Values);
        scope.Publish(new ProjectChanged(project.Id));
    }

    private static Item NewRow(WriteScope scope, Project project, NewItem given, string key, Routing routing)
    {
        var accepted = routing.Route == Route.Auto;
        return new Item
        {
            ProjectId = project.Id,
            Id = scope.NextId("item"),
            Key = key,
            Text = given.Text,
            Url = given.Url,
            Metadata = given.Metadata,
            State = accepted ? ItemState.Final : routing.Route == Route.Llm ? ItemState.Prelabelled : ItemState.Queued,
            Route = routing.Route,
            PredictionValue = routing.Prelabel?.Value,
            PredictionConfidence = routing.Prelabel?.Confidence,
            PredictionSource = routing.Prelabel?.Source,
            PredictionVersion = routing.Prelabel?.Version,
            LabelValue = accepted ? routing.Prelabel!.Value : null,
            LabelSource = accepted ? LabelSource.Auto : null,
            LabelConfidence = accepted ? routing.Prelabel!.Confidence : null,
            DecidedAt = accepted ? scope.Now : null,
            DueAt = routing is { Route: Route.Human, Reason: QueueReason.Urgent } ? scope.Now.AddSeconds(project.Settings.Stream.DecisionSeconds) : null,
            DeviceId = given.DeviceId,
            CreatedAt = scope.Now,
        };
    }

    private static Review.QueueEntry Entry(Project project, Item item, Routing routing) => new()
    {
        ProjectId = project.Id,
        ItemId = item.Id,
        Rank = item.DueAt is { } due ? QueueRanks.Urgent(due) : QueueRanks.Of(routing, item.Id),
        Reason = routing.Reason,
        Open = project.Settings.Overlap,
    };

    private async Task<(double Line, IReadOnlyList<Opinion?>? Student, IReadOnlyList<Opinion?>? Hints)> OpinionsAsync(Project project, IReadOnlyList<NewItem> items, CancellationToken cancellationToken)
    {
        if (items.All(i => i.Said is not null))
        {
            var own = items.All(i => i.Said!.Source == LabelSource.Student) ? await students.FindAsync(project, cancellationToken) : null;
            return (own is null ? double.PositiveInfinity : AcceptanceLines.Of(own.Version), [.. items.Select(i => i.Said)], null);
        }

        if (await students.FindAsync(project, cancellationToken) is { } student)
            return (AcceptanceLines.Of(student.Version), await students.OpinionsAsync(project, student, [.. items.Select(i => (i.Text, i.Url))], cancellationToken), null);
        if (project.Modality == Modality.Image && await vision.FindAsync(project, cancellationToken) is { } model)
            return (double.PositiveInfinity, await vision.OpinionsAsync(project, model, [.. items.Select(i => new Item { Key = "", Url = i.Url })], cancellationToken: cancellationToken), null);
        var guessed = project.Modality == Modality.Text && project.Schema.Type == TaskType.Classification;
        return (double.PositiveInfinity, null, guessed ? hints.Guess(project, [.. items.Select(i => i.Text!)]) : null);
    }

    /// <summary>Checks items; messages by field.</summary>
    public static List<(string Field, string Message)> Check(Project project, IReadOnlyList<NewItem> items)
    {
        var errors = new List<(string, string)>();
        if (items.Count is 0 or > MostAtOnce) errors.Add(("items", $"1 to {MostAtOnce} items are needed."));
        for (var n = 0; n < items.Count && errors.Count < 100; n++)
        {
            var item = items[n];
            if (project.Modality == Modality.Text && string.IsNullOrWhiteSpace(item.Text)) errors.Add(($"items[{n}].text", "A text is needed."));
            if (project.Modality != Modality.Text && string.IsNullOrWhiteSpace(item.Url)) errors.Add(($"items[{n}].url", "An address is needed."));
            if (!string.IsNullOrWhiteSpace(item.Url) && !IsAddress(project, item.Url)) errors.Add(($"items[{n}].url", "Must begin with http://, https:// or s3://, and have at most 4,000 characters."));
            if (item.Text?.Length > MaxTextLength) errors.Add(($"items[{n}].text", $"At most {MaxTextLength} characters."));
            if (item.Key?.Length > 500) errors.Add(($"items[{n}].key", "At most 500 characters."));
            if (item.Metadata is { } metadata && !metadata.AsSpan().TrimStart().StartsWith("{") && !string.Equals(metadata.Trim(), "null", StringComparison.Ordinal)) errors.Add(($"items[{n}].metadata", "Must be an object."));
        }

        return errors;
    }

    // What a page may show as a picture or a link: an address that runs something is none.
    internal static bool IsAddress(Project project, string url) =>
        url.Length <= 4_000 && (Schemes.Any(s => url.StartsWith(s, StringComparison.OrdinalIgnoreCase) && url.Length > s.Length) || MediaService.BlobOf(project.Id, url) is not null);

    /// <summary>The key of an item: the caller's, or one that is made of its content.</summary>
    internal static string KeyOf(NewItem item)
    {
        if (!string.IsNullOrEmpty(item.Key)) return item.Key;
        var content = Encoding.UTF8.GetBytes(item.Text ?? item.Url ?? "");
        return $"sha256-{Convert.ToHexStringLower(SHA256.HashData(content))[..32]}";
    }
}
