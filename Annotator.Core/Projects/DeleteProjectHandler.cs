using Annotator.Core.Edge;
using Annotator.Core.Export;
using Annotator.Core.Items.Search;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Map;
using Annotator.Core.Media;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review.Checks;
using Annotator.Core.Review.Discussion;
using Annotator.Core.Review.Work;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Projects;

/// <summary>Removes the rows and files of a deleted project, some thousands at a time.</summary>
internal sealed class DeleteProjectHandler(IBlobStore blobs, Representations representations, ITextIndex textIndex, ItemMaps maps) : IRunHandler
{
    public const string RunKind = "deleteProject";

    private const int Batch = 5_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var id = run.ProjectId;
        var models = await run.Database.ReadAsync(db => db.Students.Where(s => s.ProjectId == id && s.Blob != "").Select(s => s.Blob).ToListAsync(cancellationToken), cancellationToken);
        await blobs.DeleteAsync(models, cancellationToken);
        var exports = await run.Database.ReadAsync(db => db.Runs.Where(r => r.ProjectId == id && r.Kind == ExportHandler.RunKind && r.Cursor != null).ToListAsync(cancellationToken), cancellationToken);
        await blobs.DeleteAsync(exports.Select(ExportFile.Of).OfType<ExportFile>().Select(f => f.Blob), cancellationToken);
        await blobs.DeleteAsync((await representations.AllAsync(id, int.MaxValue, cancellationToken)).SelectMany(r => new[] { r.Space, r.Vectors }).Where(b => b.Length > 0), cancellationToken);
        await blobs.DeleteAsync(await run.Database.ReadAsync(db => Learning.EncodedRepresentation.LeftAsync(db, id, cancellationToken), cancellationToken), cancellationToken);

        await blobs.DeleteAsync((await maps.AllAsync(id, int.MaxValue - 10, cancellationToken)).Select(m => m.Blob), cancellationToken);
        while (true)
        {
            var last = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == id).OrderBy(i => i.Id).Select(i => new { i.Id, i.Url }).Take(Batch).ToListAsync(cancellationToken), cancellationToken);
            if (last.Count == 0) break;
            await blobs.DeleteAsync(await ThumbnailsAsync(run.Database, id, last.Select(i => MediaService.NameOf(id, i.Url)).OfType<string>().ToList(), cancellationToken), cancellationToken);
            await blobs.DeleteAsync(last.Select(i => MediaService.BlobOf(id, i.Url)).OfType<string>(), cancellationToken);
            var (from, to) = (last[0].Id, last[^1].Id);
            await run.CheckpointAsync(
                async scope =>
                {
                    await scope.Db.Predictions.Where(p => p.ProjectId == id && p.ItemId >= from && p.ItemId <= to).ExecuteDeleteAsync(cancellationToken);
                    await scope.Db.PromptAnswers.Where(p => p.ProjectId == id && p.ItemId >= from && p.ItemId <= to).ExecuteDeleteAsync(cancellationToken);
                    await scope.Db.ItemEvents.Where(p => p.ProjectId == id && p.ItemId >= from && p.ItemId <= to).ExecuteDeleteAsync(cancellationToken);
                    await scope.Db.Queue.Where(p => p.ProjectId == id && p.ItemId >= from && p.ItemId <= to).ExecuteDeleteAsync(cancellationToken);
                    await scope.Db.Leases.Where(p => p.ProjectId == id && p.ItemId >= from && p.ItemId <= to).ExecuteDeleteAsync(cancellationToken);
                    await scope.Db.Decisions.Where(p => p.ProjectId == id && p.ItemId >= from && p.ItemId <= to).ExecuteDeleteAsync(cancellationToken);
                    await scope.Db.Items.Where(p => p.ProjectId == id && p.Id >= from && p.Id <= to).ExecuteDeleteAsync(cancellationToken);
                },
                null,
                last.Count,
                cancellationToken: cancellationToken);
        }

        await EdgeServices.DeleteAsync(run, blobs, id, cancellationToken);
        await run.CheckpointAsync(
            async scope =>
            {
                await textIndex.ForgetAsync(scope.Db, id, cancellationToken);
                await scope.Db.Set<CommentMention>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<ItemComment>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<AssignedItem>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<Assignment>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<WorkLane>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<SchemaSnapshot>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<GoldItem>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<QualityCheck>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<AnnotatorPause>().Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.DetectorTunings.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.MediaFiles.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await Slices.ForgetAsync(scope, await scope.Db.Set<Slice>().Where(s => s.ProjectId == id).Select(s => s.Id).ToListAsync(cancellationToken));
                await scope.Db.Tallies.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Counters.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Students.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Audits.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.AuditRecords.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Certificates.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.CachedAnswers.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Prompts.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Memberships.Where(c => c.ProjectId == id).ExecuteDeleteAsync(cancellationToken);
            },
            null,
            cancellationToken: cancellationToken);
    }

    private static async Task<List<string>> ThumbnailsAsync(AnnotatorDatabase database, long projectId, List<string> names, CancellationToken cancellationToken)
    {
        var found = new List<string>();
        foreach (var part in names.Chunk(500))
        {
            found.AddRange(await database.ReadAsync(
                db => db.MediaFiles.Where(m => m.ProjectId == projectId && part.Contains(m.Name) && m.Thumbnail != null).Select(m => m.Thumbnail!).ToListAsync(cancellationToken), cancellationToken));
        }

        return found;
    }
}
