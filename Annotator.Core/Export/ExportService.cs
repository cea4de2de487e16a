using Annotator.Core.Formats;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Export;

/// <summary>Writes labels with where they come from, page by page by key, at constant memory.</summary>
public sealed class ExportService(AnnotatorDatabase database, IBlobStore blobs)
{
    private const int Page = 2_000;

    /// <summary>How many items an export will hold.</summary>
    public Task<long> CountAsync(long projectId, bool all, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var names = Enum.GetValues<ItemState>().Where(s => all || s == ItemState.Final).Select(CounterNames.State).ToList();
            return Math.Max(0, await db.Counters.Where(c => c.ProjectId == projectId && names.Contains(c.Name)).SumAsync(c => c.Value, cancellationToken));
        },
        cancellationToken);

    /// <summary>Writes an export to a stream.</summary>
    /// <param name="project">The project.</param>
    /// <param name="request">What it holds.</param>
    /// <param name="output">Where to; stays open.</param>
    /// <param name="progress">Is told how many items were written, some thousand at a time; null: nobody asks.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>How many items were written.</returns>
    public async Task<long> WriteAsync(Project project, ExportRequest request, Stream output, Func<long, Task>? progress = null, CancellationToken cancellationToken = default)
    {
        if (request.History is { } old) project = new Project { Id = project.Id, Name = project.Name, Modality = project.Modality, SchemaJson = ProjectJson.WriteSchema(old.Schema), SchemaVersion = old.Version, SettingsJson = project.SettingsJson, Guidelines = project.Guidelines };
        if (request.Media) request = request with { OpenMedia = (row, cancel) => OpenMediaAsync(project.Id, row, cancel) };
        await using var writer = request.Format.Open(project, request, output);
        var names = new Dictionary<long, string?>();
        long after = 0;
        long written = 0;
        while (true)
        {
            var from = after;
            var (items, deciders) = await database.ReadAsync(db => ReadPageAsync(db, project.Id, request.All, from, names, cancellationToken), cancellationToken);
            if (items.Count == 0) break;
            after = items[^1].Id;
            var left = items.Count;
            if (request.History is { } history)
            {
                var (first, last) = (items[0].Id, after);
                var events = await database.ReadAsync(db => history.EventsAsync(db, project.Id, first, last, cancellationToken), cancellationToken);
                left -= InWordsOf(history, events, items, request.All);
            }

            foreach (var item in items)
            {
                var row = Row(item, deciders, names);
                await writer.WriteAsync(request.SignUrl is { } sign ? row with { Url = sign(row.Url) } : row, cancellationToken);
            }

            await writer.FlushAsync(cancellationToken);
            written += left;
            if (progress is not null) await progress(written);
        }

        return written;
    }

    // A label that the older version has no word for is left out, and where only labels are asked for its item with it.
    private static int InWordsOf(LabelHistory history, ILookup<long, (long Run, string? Value)> events, List<Item> items, bool all)
    {
        foreach (var item in items.Where(i => i.LabelValue is not null))
        {
            item.LabelValue = history.Of(item.LabelValue!, events[item.Id].GroupBy(e => e.Run).ToDictionary(g => g.Key, g => g.First().Value));
            if (item.LabelValue is null) (item.LabelSource, item.LabelConfidence, item.DecidedAt) = (null, null, null);
        }

        return all ? 0 : items.RemoveAll(i => i.LabelValue is null);
    }

    private async Task<Stream?> OpenMediaAsync(long projectId, ExportRow row, CancellationToken cancellationToken)
    {
        if (MediaService.BlobOf(projectId, row.Url) is not { } blob) return null;
        try
        {
            return await blobs.OpenAsync(blob, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static async Task<(List<Item> Items, ILookup<long, long> Deciders)> ReadPageAsync(
        AnnotatorDbContext db, long projectId, bool all, long after, Dictionary<long, string?> names, CancellationToken cancellationToken)
    {
        var items = await db.Items.Where(i => i.ProjectId == projectId && i.Id > after && (all || i.State == ItemState.Final)).OrderBy(i => i.Id).Take(Page).ToListAsync(cancellationToken);
        if (items.Count == 0) return (items, Enumerable.Empty<long>().ToLookup(x => x));
        var (first, last) = (items[0].Id, items[^1].Id);
        var decisions = await db.Decisions
            .Where(d => d.ProjectId == projectId && d.ItemId >= first && d.ItemId <= last && d.UserId != null && d.UndoneById == null && d.Status == DecisionStatus.Recorded
                && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct || d.Action == DecisionAction.Import))
            .OrderBy(d => d.Id).Select(d => new { d.ItemId, UserId = d.UserId!.Value }).ToListAsync(cancellationToken);
        var unknown = decisions.Select(d => d.UserId).Distinct().Where(u => !names.ContainsKey(u)).ToList();
        if (unknown.Count > 0)
        {
            var users = await db.Users.Where(u => unknown.Contains(u.Id)).ToListAsync(cancellationToken);
            foreach (var user in users) names[user.Id] = ItemQueries.NameOf(user);
        }

        return (items, decisions.ToLookup(d => d.ItemId, d => d.UserId));
    }

    private static ExportRow Row(Item item, ILookup<long, long> deciders, Dictionary<long, string?> names) => new()
    {
        Id = item.Id.ToString(System.Globalization.CultureInfo.InvariantCulture),
        Key = item.Key,
        Text = item.Text,
        Url = item.Url,
        Label = item.LabelValue,
        Source = item.LabelSource is { } source ? Names.Of(source) : null,
        Confidence = item.LabelConfidence,
        Annotators = [.. deciders[item.Id].Distinct().Select(u => names.GetValueOrDefault(u)).OfType<string>()],
        PredictionVersion = item.PredictionVersion,
        DecidedAt = item.DecidedAt,
        Metadata = item.Metadata,
    };
}
