using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Items.Search;

/// <summary>Brings the text index of a project up to its items, in small steps so that nobody who writes waits long.</summary>
internal sealed class IndexTextHandler(ITextIndex index) : IRunHandler
{
    public const string RunKind = "indexText";

    private const int Page = 2_000;
    private const long Many = 10_000;

    // One step: about 30 ms of the write gate.
    private const int MostCharacters = 64 * 1024;
    private const int MostItems = 500;

    // Nodes take ids in blocks: an item may come into sight after one with a larger id.
    private const long LateIds = 200_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var id = run.ProjectId;
        var known = await run.Database.ReadAsync(db => index.ThroughAsync(db, id, cancellationToken), cancellationToken) ?? 0;
        var after = run.Database.Dialect.ProjectsVersion is null ? Math.Max(0, known - LateIds) : known;
        var (from, added) = (after, 0L);
        await run.CheckpointAsync(null, null, total: run.Run.Done + await run.Database.ReadAsync(db => db.Items.LongCountAsync(i => i.ProjectId == id && i.Id > from, cancellationToken), cancellationToken), cancellationToken: cancellationToken);
        while (true)
        {
            var start = after;
            var page = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == id && i.Id > start).OrderBy(i => i.Id).Take(Page)
                    .Select(i => new TextOfItem(i.Id, i.Key, i.Text == null || i.Text.Length <= ITextIndex.MostCharacters ? i.Text : i.Text.Substring(0, ITextIndex.MostCharacters))).ToListAsync(cancellationToken),
                cancellationToken);
            if (page.Count == 0) break;
            foreach (var step in Steps(page))
            {
                known = Math.Max(known, step[^1].Id);
                var through = known;
                await run.CheckpointAsync(scope => index.AddAsync(scope.Db, id, step, through, cancellationToken), null, step.Count, cancellationToken: cancellationToken);
                added += step.Count;
            }

            after = page[^1].Id;
        }

        if (added >= Many) await run.Database.ReadAsync(
            async db =>
            {
                await index.MeasureAsync(db, cancellationToken);
                return true;
            },
            cancellationToken);
        run.SetResult(new IndexTextResult { Indexed = added, Through = known });
    }

    private static IEnumerable<List<TextOfItem>> Steps(List<TextOfItem> page)
    {
        var (step, characters) = (new List<TextOfItem>(), 0);
        foreach (var item in page)
        {
            step.Add(item);
            characters += item.Key.Length + (item.Text?.Length ?? 0);
            if (step.Count < MostItems && characters < MostCharacters) continue;
            yield return step;
            (step, characters) = ([], 0);
        }

        if (step.Count > 0) yield return step;
    }
}

/// <summary>Result of an indexing.</summary>
internal sealed record IndexTextResult
{
    /// <summary>Items that were looked at.</summary>
    public long Indexed { get; init; }

    /// <summary>The last item that is in the index.</summary>
    public long Through { get; init; }
}
