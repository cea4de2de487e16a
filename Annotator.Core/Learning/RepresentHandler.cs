using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Representation;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>
/// Learns a representation of a project's texts or images from these alone, or has texts encoded by the encoder that the project has chosen, and stores it with the vectors of all items: what neighbours,
/// diverse samples, clusters and propagation rest on. Items are streamed twice; memory holds a sample of them and the space. An encoder that fails is told of, and the project goes on without.
/// </summary>
internal sealed class RepresentHandler(IBlobStore blobs, Representations representations, ItemFeatures features, FirstSample first, EncodedRepresentation encodedTexts) : IRunHandler
{
    public const string RunKind = "represent";

    // Below this there is nothing to learn from.
    public const int FewestItems = 20;

    private const int Page = 4_000;
    private const int VersionsKept = 2;

    private const int ImagePage = 500;

    // Components are found from so many images.
    private const int SampledImages = 4_000;

    // Large sets get shorter vectors, so that a million of them take 76 MB.
    private const int ManyItems = 200_000;
    private const int Dimensions = 96;
    private const int DimensionsOfMany = 64;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        await RepresentAsync(run, cancellationToken);

        // What was spread over the neighbours of before is spread over those of now.
        if (JsonSerializer.Deserialize<RepresentResult>(run.Run.Result ?? "{}", ProjectJson.Options) is { Represented: true }
            && await run.Database.ReadAsync(db => PropagateHandler.AgainAsync(db, run.ProjectId, cancellationToken), cancellationToken) is { } again) run.Then(PropagateHandler.RunKind, again);
    }

    private async Task RepresentAsync(RunContext run, CancellationToken cancellationToken)
    {
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (project.Modality == Modality.Video)
        {
            run.SetResult(new RepresentResult { Represented = false, Reason = "The built-in representation is of texts and images." });
            return;
        }

        var total = await run.Database.ReadAsync(db => db.Items.LongCountAsync(i => i.ProjectId == project.Id, cancellationToken), cancellationToken);
        if (total < FewestItems)
        {
            run.SetResult(new RepresentResult { Represented = false, Reason = $"At least {FewestItems} items are needed; there are {total}." });
            return;
        }

        var options = new EmbeddingOptions { Dimensions = total >= ManyItems ? DimensionsOfMany : Dimensions };
        var left = await run.Database.ReadAsync(db => EncodedRepresentation.LeftAsync(db, project.Id, cancellationToken), cancellationToken);
        await blobs.DeleteAsync(left, cancellationToken);
        string? failure = null;
        if (project.Modality == Modality.Text && project.Settings.Representation.Encoder is { } chosen)
        {
            failure = await encodedTexts.TryAsync(run, project, chosen, total, options.Dimensions, cancellationToken);
            if (failure is null)
            {
                await RemoveOldAsync(project.Id, cancellationToken);
                return;
            }
        }

        await run.CheckpointAsync(null, null, failure is null ? 0 : -run.Run.Done, total: 2 * total, message: failure, cancellationToken: cancellationToken);
        if (project.Modality == Modality.Image)
        {
            await RepresentImagesAsync(run, await features.EncoderAsync(project, cancellationToken), options.Dimensions, cancellationToken);
            return;
        }

        var texts = new PagedTexts(run, cancellationToken);
        var space = await Task.Run(() => EmbeddingSpace.Fit(texts.Read().SelectMany(page => page.Select(i => i.Text)), options, cancellationToken), cancellationToken);

        await using var file = NewFile();
        var writer = new CompactVectorWriter(file, space.Dimensions);
        long through = 0;
        await Task.Run(
            () =>
            {
                foreach (var page in texts.Read())
                {
                    writer.Write([.. page.Select(i => i.Id)], space.Transform([.. page.Select(i => i.Text)]));
                    through = page[^1].Id;
                }
            },
            cancellationToken);
        writer.Complete();
        file.Position = 0;
        await first.PlaceAsync(run, () => CompactVectors.ReadAsync(file, cancellationToken), cancellationToken);
        file.Position = 0;
        var (vectorsName, _) = await blobs.PutAsync("representations", file, cancellationToken);
        var (spaceName, _) = await blobs.PutAsync("representations", new MemoryStream(space.ToBytes()), cancellationToken);
        run.SetResult(new RepresentResult { Represented = true, Space = spaceName, Vectors = vectorsName, Items = writer.Count, Through = through, Dimensions = space.Dimensions, Reason = failure });
        await RemoveOldAsync(project.Id, cancellationToken);
    }

    // The encoder's rows, along their principal components, scaled to length 1.
    private async Task RepresentImagesAsync(RunContext run, Student.Images.ImageEncoder encoder, int dimensions, CancellationToken cancellationToken)
    {
        var width = encoder.Options.Dimensions;
        var (ids, rows) = (new List<long>(), new List<float[]>());
        var sample = new List<float>();
        for (long after = 0; ;)
        {
            var from = after;
            var page = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == run.ProjectId && i.Id > from).OrderBy(i => i.Id).Select(i => new { i.Id, i.Url }).Take(ImagePage).ToListAsync(cancellationToken), cancellationToken);
            if (page.Count == 0) break;
            after = page[^1].Id;
            var (known, encoded) = await features.EncodeAsync(run.ProjectId, encoder, page.ConvertAll(i => i.Url), cancellationToken);
            ids.AddRange(page.Where((_, i) => known[i]).Select(i => i.Id));
            rows.Add(encoded);
            if (sample.Count < SampledImages * width) sample.AddRange(encoded);
            await run.CheckpointAsync(null, null, 2 * page.Count, cancellationToken: cancellationToken);
        }

        if (ids.Count < FewestItems)
        {
            run.SetResult(new RepresentResult { Represented = false, Reason = $"At least {FewestItems} images that are kept here are needed; there are {ids.Count}." });
            return;
        }

        var components = await Task.Run(() => PrincipalComponents.Fit(sample.ToArray(), width, Math.Min(Math.Min(dimensions, width), ids.Count - 1)), cancellationToken);
        await using var file = NewFile();
        var writer = new CompactVectorWriter(file, components.Dimensions);
        var place = 0;
        foreach (var encoded in rows)
        {
            var reduced = components.Transform(encoded);
            for (var i = 0; i < reduced.Length / components.Dimensions; i++)
            {
                var row = reduced.AsSpan(i * components.Dimensions, components.Dimensions);
                Vectors.Normalize(row);
                writer.Write([ids[place++]], row);
            }
        }

        writer.Complete();
        file.Position = 0;
        await first.PlaceAsync(run, () => CompactVectors.ReadAsync(file, cancellationToken), cancellationToken);
        file.Position = 0;
        var (vectors, _) = await blobs.PutAsync("representations", file, cancellationToken);
        run.SetResult(new RepresentResult { Represented = true, Space = "", Vectors = vectors, Items = writer.Count, Through = ids[^1], Dimensions = components.Dimensions });
        await RemoveOldAsync(run.ProjectId, cancellationToken);
    }

    private async Task RemoveOldAsync(long projectId, CancellationToken cancellationToken)
    {
        foreach (var old in (await representations.AllAsync(projectId, 50, cancellationToken)).Skip(VersionsKept - 1))
        {
            if (old.Space.Length > 0) await blobs.DeleteAsync(old.Space, cancellationToken);
            await blobs.DeleteAsync(old.Vectors, cancellationToken);
        }
    }

    /// <summary>A file that is gone once it is closed.</summary>
    internal static FileStream NewFile() => new(
        Path.Combine(Path.GetTempPath(), $"annotator-{Guid.NewGuid():n}.vectors"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);

    /// <summary>Whether the newest representation is missing or a good part of the items is not in it.</summary>
    public static bool IsOutgrown(RepresentationVersion? latest, long items) => items >= FewestItems && (latest is null || IsGrown(latest.Items, items));

    /// <summary>Whether a good part of the items has come since there were so many.</summary>
    public static bool IsGrown(long before, long items) => items > before * 1.25;

    // Pages are read by a thread of the pool that does nothing else meanwhile.
    private sealed class PagedTexts(RunContext run, CancellationToken cancellationToken)
    {
        public IEnumerable<List<(long Id, string Text)>> Read()
        {
            for (long after = 0; ;)
            {
                var from = after;
                var page = run.Database.ReadAsync(
                    async db => (await db.Items.Where(i => i.ProjectId == run.ProjectId && i.Id > from).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text }).Take(Page).ToListAsync(cancellationToken))
                        .ConvertAll(i => (i.Id, i.Text ?? "")),
                    cancellationToken).GetAwaiter().GetResult();
                if (page.Count == 0) yield break;
                after = page[^1].Id;
                yield return page;
                run.CheckpointAsync(null, null, page.Count, cancellationToken: cancellationToken).GetAwaiter().GetResult();
            }
        }
    }
}

/// <summary>Result of a representation run; names the files.</summary>
internal sealed record RepresentResult
{
    public bool Represented { get; init; }

    public string? Reason { get; init; }

    public string? Space { get; init; }

    public string? Vectors { get; init; }

    public long Items { get; init; }

    public long Through { get; init; }

    public int Dimensions { get; init; }

    /// <summary>Id of the encoder that it is of; null where it is built in.</summary>
    public string? Encoder { get; init; }

    /// <summary>Its name and version.</summary>
    public string? EncoderName { get; init; }

    /// <summary>Texts that an encoder's principal components were found from.</summary>
    public int Sampled { get; init; }

    public RepresentationVersion? ToVersion(long run) => Represented && Space is not null && Vectors is not null
        ? new RepresentationVersion(run, Space, Vectors, Items, Through, Dimensions) { Encoder = Encoder, EncoderName = EncoderName, Sampled = Sampled, Fallback = Encoder is null ? Reason : null } : null;
}
