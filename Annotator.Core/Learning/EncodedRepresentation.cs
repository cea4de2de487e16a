using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Representation;
using Annotator.Core.Models.Encoders;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>How far an encoder has come with a project's items: what is written already is not encoded again after a restart.</summary>
internal sealed record EncodedCursor
{
    /// <summary>Id of the encoder.</summary>
    public string Encoder { get; init; } = "";

    /// <summary>Blob of the <see cref="PrincipalComponents"/>.</summary>
    public string Components { get; init; } = "";

    /// <summary>Texts that these were found from.</summary>
    public int Sampled { get; init; }

    /// <summary>Blobs of the rows so far, in order of the items.</summary>
    public List<string> Parts { get; init; } = [];

    /// <summary>Rows so far.</summary>
    public long Rows { get; init; }

    /// <summary>The last item so far.</summary>
    public long After { get; init; }
}

/// <summary>
/// Represents a project's texts by an uploaded encoder: its vectors along their principal components, which are found from a sample. Items are streamed in pages, each kept as soon as it is encoded, so that
/// memory holds a page and a run that was ended goes on where it was. What the version before has of the same encoder is taken over.
/// </summary>
internal sealed class EncodedRepresentation(IBlobStore blobs, TextEncoders encoders, Representations representations, FirstSample first, Courtesy courtesy)
{
    private const string Folder = "representations";
    private const int Page = 2_000;

    // So many go to the encoder at once: it makes batches of like length of them, and a cancellation is seen after them.
    private const int Slice = 256;

    // Components are found from so many texts.
    private const int MostSampled = 4_000;

    // Components that were found from fewer texts than that are found again once there are so many times more.
    private const int Outgrown = 2;

    // Of so many runs that were ended before their time the pieces are looked for.
    private const int LeftRuns = 50;

    /// <summary>Represents the texts.</summary>
    /// <param name="run">The run.</param>
    /// <param name="project">A project of texts.</param>
    /// <param name="encoderId">The encoder that it has chosen.</param>
    /// <param name="total">Items that it has.</param>
    /// <param name="dimensions">The most numbers in a row.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Why the encoder cannot be used; null where it was, and the result is set.</returns>
    public async Task<string?> TryAsync(RunContext run, Project project, string encoderId, long total, int dimensions, CancellationToken cancellationToken)
    {
        var name = encoderId;
        try
        {
            var id = long.TryParse(encoderId, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
            var info = await encoders.FindAsync(id, cancellationToken);
            name = info is null ? encoderId : $"\"{info.Title}\"";
            if (info is null || await encoders.OpenAsync(id, cancellationToken) is not { } lent) return $"The text encoder {name} of the project's settings is not there any more: the built-in representation is used.";
            using (lent) await EncodeAsync(run, project, info, lent.Session, total, dimensions, cancellationToken);
            return null;
        }
        catch (EncoderRefusedException e)
        {
            var cursor = run.Cursor<EncodedCursor>();
            await blobs.DeleteAsync(cursor.Parts.Append(cursor.Components).Where(b => b.Length > 0), cancellationToken);
            return $"The text encoder {name} failed, and the built-in representation is used: {e.Message}";
        }
    }

    /// <summary>What an encoder says of a project's items, in memory; null where it has chosen none, or none has come to them yet.</summary>
    /// <param name="project">The project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<LoadedRepresentation?> FindAsync(Project project, CancellationToken cancellationToken) =>
        project is { Modality: Modality.Text, Settings.Representation.Encoder: not null } && await representations.FindAsync(project.Id, cancellationToken) is { Components: not null } loaded ? loaded : null;

    /// <summary>Files of runs that were ended before they came to a result.</summary>
    /// <param name="db">The database.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<List<string>> LeftAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        var cursors = await db.Runs.Where(r => r.ProjectId == projectId && r.Kind == RepresentHandler.RunKind && r.State > RunState.Succeeded && r.Cursor != null)
            .OrderByDescending(r => r.Id).Select(r => r.Cursor).Take(LeftRuns).ToListAsync(cancellationToken);
        return [.. cursors.Select(c => JsonSerializer.Deserialize<EncodedCursor>(c!, ProjectJson.Options)).OfType<EncodedCursor>().SelectMany(c => c.Parts.Append(c.Components)).Where(b => b.Length > 0)];
    }

    private async Task EncodeAsync(RunContext run, Project project, TextEncoderInfo info, TextEncoder encoder, long total, int dimensions, CancellationToken cancellationToken)
    {
        var before = await representations.FindAsync(project.Id, cancellationToken);
        if (!string.Equals(before?.Version.Encoder, info.Id, StringComparison.Ordinal)) before = null;
        var cursor = run.Cursor<EncodedCursor>();
        var (components, sample) = string.Equals(cursor.Encoder, info.Id, StringComparison.Ordinal) ? (await ResumeAsync(cursor, cancellationToken), new Dictionary<long, float[]>()) : (null, []);
        if (components is null)
        {
            await run.CheckpointAsync(null, null, -run.Run.Done, total: total, message: "", cancellationToken: cancellationToken);
            int sampled;
            if (before is { Components: { } fitted, Version.Sampled: var of } && (of >= MostSampled || total <= (long)of * Outgrown))
            {
                (components, sampled) = (fitted, of);
            }
            else
            {
                sample = await SampleAsync(run, encoder, total, cancellationToken);
                (before, sampled) = (null, sample.Count);
                components = await Task.Run(() => PrincipalComponents.Fit(sample.Values.SelectMany(r => r).ToArray(), encoder.Dimensions, Math.Min(Math.Min(dimensions, encoder.Dimensions), sampled - 1)), cancellationToken);
            }

            var (blob, _) = await blobs.PutAsync(Folder, new MemoryStream(components.ToBytes()), cancellationToken);
            cursor = new EncodedCursor { Encoder = info.Id, Components = blob, Sampled = sampled };
            await run.CheckpointAsync(null, cursor, cancellationToken: cancellationToken);
        }
        else if (before?.Components is { } other && !other.ToBytes().AsSpan().SequenceEqual(components.ToBytes()))
        {
            before = null;
        }

        cursor = await PagesAsync(run, encoder, components, sample, before?.Vectors, cursor, cancellationToken);
        await using var file = RepresentHandler.NewFile();
        await JoinAsync(file, components.Dimensions, cursor, cancellationToken);
        await first.PlaceAsync(run, () => CompactVectors.ReadAsync(file, cancellationToken), cancellationToken);
        file.Position = 0;
        var (vectors, _) = await blobs.PutAsync(Folder, file, cancellationToken);
        run.SetResult(new RepresentResult
        {
            Represented = true, Space = cursor.Components, Vectors = vectors, Items = cursor.Rows, Through = cursor.After, Dimensions = components.Dimensions, Encoder = info.Id, EncoderName = info.Title, Sampled = cursor.Sampled,
        });
        await blobs.DeleteAsync(cursor.Parts, cancellationToken);
    }

    // The components of a run that was ended, if all that it wrote is still there.
    private async Task<PrincipalComponents?> ResumeAsync(EncodedCursor cursor, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var part in cursor.Parts) await (await blobs.OpenAsync(part, cancellationToken)).DisposeAsync();
            await using var stored = await blobs.OpenAsync(cursor.Components, cancellationToken);
            return PrincipalComponents.FromBytes(await Representations.ReadAllAsync(stored, cancellationToken));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private async Task<Dictionary<long, float[]>> SampleAsync(RunContext run, TextEncoder encoder, long total, CancellationToken cancellationToken)
    {
        var rows = new Dictionary<long, float[]>();
        foreach (var part in (await run.Database.ReadAsync(db => SampledIdsAsync(db, run.ProjectId, total, MostSampled, cancellationToken), cancellationToken)).Chunk(Slice))
        {
            var items = await run.Database.ReadAsync(
                async db => (await db.Items.Where(i => i.ProjectId == run.ProjectId && part.Contains(i.Id)).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text }).ToListAsync(cancellationToken)).ConvertAll(i => (i.Id, Text: i.Text ?? "")),
                cancellationToken);
            var encoded = await WorkAsync(() => encoder.Encode(items.ConvertAll(i => i.Text), cancellationToken), cancellationToken);
            for (var i = 0; i < items.Count; i++) rows[items[i].Id] = encoded[(i * encoder.Dimensions)..((i + 1) * encoder.Dimensions)];
            await run.CheckpointAsync(null, null, total: total, message: "", cancellationToken: cancellationToken);
        }

        return rows;
    }

    /// <summary>Items that stand for all: each n-th in order of arrival. They are counted off in the database, so that memory holds the chosen ones only.</summary>
    /// <param name="db">The database.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="total">Items that it has, about.</param>
    /// <param name="most">The most that are chosen.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal static Task<List<long>> SampledIdsAsync(AnnotatorDbContext db, long projectId, long total, int most, CancellationToken cancellationToken)
    {
        var step = Math.Max(1, (total + most - 1) / most);
        return db.Database.SqlQuery<long>(
            $"""
            SELECT id AS "Value" FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM items WHERE project_id = {projectId}) AS counted
            WHERE (place - 1) % {step} = 0 ORDER BY id LIMIT {most}
            """).ToListAsync(cancellationToken);
    }

    private async Task<EncodedCursor> PagesAsync(
        RunContext run, TextEncoder encoder, PrincipalComponents components, Dictionary<long, float[]> sample, CompactVectors? before, EncodedCursor cursor, CancellationToken cancellationToken)
    {
        while (true)
        {
            var from = cursor.After;
            var page = await run.Database.ReadAsync(
                async db => (await db.Items.Where(i => i.ProjectId == run.ProjectId && i.Id > from).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text }).Take(Page).ToListAsync(cancellationToken)).ConvertAll(i => (i.Id, Text: i.Text ?? "")),
                cancellationToken);
            if (page.Count == 0) return cursor;
            var rows = new float[page.Count * components.Dimensions];
            var open = new List<int>();
            for (var i = 0; i < page.Count; i++)
            {
                var row = rows.AsSpan(i * components.Dimensions, components.Dimensions);
                if (before?.RowOf(page[i].Id) is >= 0 and var known) before.Read(known, row);
                else if (sample.Remove(page[i].Id, out var encoded)) components.Transform(encoded).CopyTo(row);
                else open.Add(i);
            }

            foreach (var slice in open.Chunk(Slice))
            {
                var reduced = await WorkAsync(() => components.Transform(encoder.Encode(Array.ConvertAll(slice, i => page[i].Text), cancellationToken)), cancellationToken);
                for (var i = 0; i < slice.Length; i++) reduced.AsSpan(i * components.Dimensions, components.Dimensions).CopyTo(rows.AsSpan(slice[i] * components.Dimensions));
            }

            for (var i = 0; i < page.Count; i++) Vectors.Normalize(rows.AsSpan(i * components.Dimensions, components.Dimensions));
            using var part = new MemoryStream();
            var writer = new CompactVectorWriter(part, components.Dimensions);
            writer.Write([.. page.Select(i => i.Id)], rows);
            writer.Complete();
            var (blob, _) = await blobs.PutAsync(Folder, part, cancellationToken);
            cursor = cursor with { Parts = [.. cursor.Parts, blob], Rows = cursor.Rows + page.Count, After = page[^1].Id };
            await run.CheckpointAsync(null, cursor, page.Count, cancellationToken: cancellationToken);
        }
    }

    private async Task JoinAsync(FileStream file, int dimensions, EncodedCursor cursor, CancellationToken cancellationToken)
    {
        file.Write(CompactVectors.Header(dimensions, cursor.Rows));
        foreach (var part in cursor.Parts)
        {
            await using var stored = await blobs.OpenAsync(part, cancellationToken);
            stored.Position = CompactVectors.HeaderSize;
            await stored.CopyToAsync(file, cancellationToken);
        }

        file.Position = 0;
    }

    // Away from the threads that serve people, and with rests where somebody is at work.
    private async Task<float[]> WorkAsync(Func<float[]> work, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var done = await Task.Run(work, cancellationToken);
        await courtesy.RestAsync(Stopwatch.GetElapsedTime(started), cancellationToken);
        return done;
    }
}
