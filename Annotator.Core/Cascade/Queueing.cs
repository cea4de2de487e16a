using System.Text.Json;
using Annotator.Core.Items;
using Annotator.Core.Live;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Cascade;

/// <summary>Order in the queue: the smallest rank first.</summary>
internal static class QueueRanks
{
    /// <summary>The rank of an item by its routing: the more uncertain, the earlier; equals in an order that looks random and is always the same.</summary>
    public static double Of(Routing routing, long itemId) => -routing.Uncertainty + (1e-6 * Shuffle(itemId));

    /// <summary>The rank of an urgent item: before all that can wait, the one that is due first before the others.</summary>
    public static double Urgent(DateTimeOffset due) => -100_000 + (due.ToUnixTimeMilliseconds() * 1e-9);

    /// <summary>A number in [0, 1) for an id, without order (the finaliser of SplitMix64).</summary>
    public static double Shuffle(long id)
    {
        var z = (ulong)id + 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}

/// <summary>From which probability on a student's labels are accepted without a person.</summary>
internal static class AcceptanceLines
{
    public static double Of(StudentVersion version)
    {
        using var metrics = JsonDocument.Parse(version.Metrics);
        return metrics.RootElement.TryGetProperty("acceptanceLine", out var line) && line.ValueKind == JsonValueKind.Number ? line.GetDouble() : double.PositiveInfinity;
    }
}

/// <summary>Tells the world of new pre-labels.</summary>
internal static class PrelabelEvents
{
    // A batch of thousands is told in part: pages show the last few, and read the rest when they need it.
    private const int MostInOneEvent = 200;

    private const int Excerpt = 160;

    /// <summary>Tells of items. Where they were read without what they are of (no text and no address), the beginning of the text is read here for those that are told.</summary>
    public static async Task PublishAsync(WriteScope scope, long projectId, IEnumerable<Item> items)
    {
        var told = items.Where(i => i.PredictionValue is not null).Take(MostInOneEvent).ToList();
        if (told.Count == 0) return;
        var bare = told.Where(i => i.Text is null && i.Url is null).Select(i => i.Id).ToList();
        var texts = bare.Count == 0 ? [] : await scope.Db.Items.Where(i => i.ProjectId == projectId && bare.Contains(i.Id) && i.Text != null)
            .Select(i => new { i.Id, Text = i.Text!.Substring(0, Excerpt) }).ToDictionaryAsync(i => i.Id, i => i.Text, scope.CancellationToken);
        scope.Publish(new ItemsPreLabelled(projectId, told.ConvertAll(i => Told(i, i.Text ?? texts.GetValueOrDefault(i.Id)))));
    }

    private static PreLabelled Told(Item item, string? text) => new(
        item.Id, item.Key, item.PredictionValue!, item.PredictionConfidence ?? 0, item.PredictionSource!.Value, item.PredictionVersion ?? 0, item.Route ?? Route.Human,
        text is null || text.Length <= Excerpt ? text : text[..(char.IsHighSurrogate(text[Excerpt - 1]) ? Excerpt - 1 : Excerpt)]);
}
