using Annotator.Core.Formats;
using Annotator.Core.Formats.Media;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Import;

/// <summary>
/// Reads an archive of images or videos, with or without annotations, or a file of annotations of items that are there already. Files are checked and kept some at a
/// time; how far it has come is committed with the items, so that a run that is taken up again neither loses nor doubles one.
/// </summary>
internal sealed class MediaImport(MediaService media, IOptions<MediaOptions> options)
{
    // Few, since each of them is decoded before any is stored.
    private const int Batch = 100;

    private const int Decoders = 2;

    /// <summary>Imports an upload.</summary>
    /// <param name="run">The run.</param>
    /// <param name="project">The project.</param>
    /// <param name="upload">The upload.</param>
    /// <param name="file">Its content, seekable.</param>
    /// <param name="cursor">How far an earlier execution came.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>How far it has come.</returns>
    public async Task<ImportCursor> ReadAsync(RunContext run, Project project, ImportOptions upload, Stream file, ImportCursor cursor, CancellationToken cancellationToken)
    {
        var head = new byte[4];
        var read = await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        file.Position = 0;
        try
        {
            if (!head.AsSpan(0, read).StartsWith("PK\u0003\u0004"u8) && !head.AsSpan(0, read).StartsWith("PK\u0005\u0006"u8)) return await ReadBareAsync(run, project, upload, file, cursor, cancellationToken);
            using var archive = MediaArchive.Open(file, options.Value);
            return await ReadArchiveAsync(run, project, upload, archive, cursor, cancellationToken);
        }
        catch (Exception e) when (e is FormatException or ArchiveRefusedException)
        {
            throw new RunFailedException(e.Message, e);
        }
    }

    private async Task<ImportCursor> ReadArchiveAsync(RunContext run, Project project, ImportOptions upload, MediaArchive archive, ImportCursor cursor, CancellationToken cancellationToken)
    {
        var broken = await BrokenAsync(archive, cancellationToken);
        var files = archive.Files.Where(f => !broken.ContainsKey(f)).ToDictionary(f => f.Name, StringComparer.Ordinal);
        var source = new MediaSource([.. files.Keys], name => new MemoryStream(archive.ReadAsync(files[name], cancellationToken).GetAwaiter().GetResult(), writable: false));
        var contents = archive.Files.Where(f => !MediaArchiveNames.IsAnnotation(f.Name)).ToList();
        var annotations = await Task.Run(() => AnnotationsOf(upload.MediaFormat!, source, project.Schema, contents.Count > 0), cancellationToken);
        var lookup = new AnnotationLookup(annotations.Items);

        // What is no medium and no annotation is said once, with what the archive itself refuses.
        if (cursor.Offset == 0)
        {
            var refused = archive.Refused.Select(r => ((long)r.Number, r.Reason)).Concat(broken.Select(b => ((long)b.Key.Number, b.Value))).Concat(annotations.Rejected).ToList();
            if (refused.Count > 0) await new ImportHandler.BatchWriter(run, new ImportHandler.MappedBatch([], refused), project, new ImportedAnnotators(project.Id)).CommitAsync(cursor, contents.Count, cancellationToken);
        }

        foreach (var part in contents.Skip((int)cursor.Offset).Chunk(Batch))
        {
            var mapped = await KeepAsync(run, project, archive, part, lookup, cancellationToken);
            foreach (var name in part) lookup.Find(name.Name);
            var writer = new ImportHandler.BatchWriter(run, mapped, project, new ImportedAnnotators(project.Id));
            cursor = await writer.CommitAsync(cursor with { Offset = cursor.Offset + part.Length }, contents.Count + archive.Refused.Count, cancellationToken);
            project = writer.Project;
            foreach (var left in mapped.Files!.Where(f => !writer.Used(f.Key))) await media.ForgetAsync(left.Value);
        }

        // Annotations of images that are not in the archive may be of items that are there already.
        foreach (var skipped in contents.Take((int)Math.Min(cursor.Offset, contents.Count))) lookup.Find(skipped.Name);
        (cursor, _) = await LabelStoredAsync(run, project, [.. lookup.Left.Skip((int)Math.Max(0, cursor.Offset - contents.Count))], cursor, cancellationToken);
        return cursor with { Notes = [.. annotations.Losses.Lines] };
    }

    // Files of annotations whose bytes are not what the archive says of them: they are refused alone, as images are.
    private static async Task<Dictionary<ArchiveFile, string>> BrokenAsync(MediaArchive archive, CancellationToken cancellationToken)
    {
        var broken = new Dictionary<ArchiveFile, string>();
        foreach (var file in archive.Files.Where(f => MediaArchiveNames.IsAnnotation(f.Name)))
        {
            try
            {
                await using var content = archive.OpenFile(file);
                await content.CopyToAsync(Stream.Null, cancellationToken);
            }
            catch (Exception e) when (e is ArchiveRefusedException or InvalidDataException)
            {
                broken[file] = $"{MediaArchive.Shown(file.Name)}: {(e is ArchiveRefusedException ? e.Message : "it is damaged: its bytes are not what the archive says of them")}";
            }
        }

        return broken;
    }

    // Where nobody said which format it is, images come in also if what looks like annotations cannot be read.
    private static MediaAnnotations AnnotationsOf(string format, MediaSource source, LabelSchema schema, bool hasContents)
    {
        try
        {
            return Checked(() => MediaFormats.Reader(format, source).Read(source, schema));
        }
        catch (FormatException e) when (hasContents && string.Equals(format, MediaFormats.Zip, StringComparison.OrdinalIgnoreCase))
        {
            var none = new MediaAnnotations();
            none.Rejected.Add((1, $"the annotations are not read: {e.Message}"));
            return none;
        }
    }

    private async Task<ImportCursor> ReadBareAsync(RunContext run, Project project, ImportOptions upload, Stream file, ImportCursor cursor, CancellationToken cancellationToken)
    {
        if (string.Equals(upload.MediaFormat, MediaFormats.Zip, StringComparison.OrdinalIgnoreCase)) throw new FormatException("The file is no zip archive.");
        if (file.Length > options.Value.AnnotationMegabytes * 1_000_000L) throw new FormatException($"A file of annotations may have {options.Value.AnnotationMegabytes} MB at the most.");
        var name = upload.FileName is { Length: > 0 } given ? given : "annotations";
        using var memory = new MemoryStream();
        await file.CopyToAsync(memory, cancellationToken);
        var source = new MediaSource([name], _ => new MemoryStream(memory.GetBuffer(), 0, (int)memory.Length, writable: false));
        var annotations = await Task.Run(() => Checked(() => MediaFormats.Reader(upload.MediaFormat!, source).Read(source, project.Schema)), cancellationToken);
        if (cursor.Offset == 0 && annotations.Rejected.Count > 0)
            await new ImportHandler.BatchWriter(run, new ImportHandler.MappedBatch([], annotations.Rejected), project, new ImportedAnnotators(project.Id)).CommitAsync(cursor, annotations.Items.Count, cancellationToken);
        (cursor, _) = await LabelStoredAsync(run, project, [.. annotations.Items.Skip((int)cursor.Offset)], cursor, cancellationToken);
        return cursor with { Notes = [.. annotations.Losses.Lines] };
    }

    private async Task<ImportHandler.MappedBatch> KeepAsync(RunContext run, Project project, MediaArchive archive, ArchiveFile[] part, AnnotationLookup lookup, CancellationToken cancellationToken)
    {
        // What is there already need not be decoded again; its label may be new.
        var keys = part.Select(f => MediaKeys.Of(f.Name)).ToList();
        var there = await run.Database.ReadAsync(
            db => db.Items.Where(i => i.ProjectId == project.Id && keys.Contains(i.Key)).Select(i => new { i.Key, i.Metadata }).ToDictionaryAsync(i => i.Key, i => i.Metadata, StringComparer.Ordinal, cancellationToken), cancellationToken);
        var kept = new KeptMedia[part.Length];
        var gate = new SemaphoreSlim(1, 1);
        await Parallel.ForAsync(0, part.Length, new ParallelOptions { MaxDegreeOfParallelism = Decoders, CancellationToken = cancellationToken }, async (i, cancel) =>
        {
            if (!there.ContainsKey(keys[i])) kept[i] = await KeepAsync(project, archive, part[i], gate, cancel);
        });

        var records = new List<ImportRecord>(part.Length);
        var rejected = new List<(long, string)>();
        var values = new Dictionary<ImportRecord, LabelValue>(ReferenceEqualityComparer.Instance);
        var files = new Dictionary<string, MediaFile>(StringComparer.Ordinal);
        for (var i = 0; i < part.Length; i++)
        {
            if (kept[i] is { Refused: { } reason })
            {
                rejected.Add((part[i].Number, $"{MediaArchive.Shown(part[i].Name)}: {reason}"));
                continue;
            }

            var file = kept[i]?.File;
            var size = file is { Width: > 0 } ? new ImageSize(file.Width, file.Height) : MediaMetadata.SizeOf(there.GetValueOrDefault(keys[i]));
            var annotation = lookup.Find(part[i].Name);
            LabelValue? value = null;
            try
            {
                value = annotation is null ? null : Checked(() => annotation.Value(size));
            }
            catch (FormatException e)
            {
                rejected.Add((part[i].Number, $"{MediaArchive.Shown(part[i].Name)}: its label is not read: {e.Message}"));
            }

            if (annotation?.Stated is { } stated && size is { } real && stated != real && value is not null)
            {
                rejected.Add((part[i].Number, $"{MediaArchive.Shown(part[i].Name)}: its label is not read: the annotations say {stated.Width} x {stated.Height} pixels, the image has {real.Width} x {real.Height}"));
                value = null;
            }

            if (file is not null && !files.TryAdd(keys[i], file))
            {
                await media.ForgetAsync(file);
                rejected.Add((part[i].Number, $"{MediaArchive.Shown(part[i].Name)}: another file has the key {MediaArchive.Shown(keys[i])}"));
                continue;
            }

            var record = new ImportRecord(
                keys[i], false, "", null, null, file is null ? null : MediaService.MetadataOf(part[i].Name, file), part[i].Number, file is null ? null : MediaService.AddressOf(project.Id, file.Name));
            records.Add(record);
            if (value is not null) values[record] = value;
        }

        return new ImportHandler.MappedBatch(records, rejected) { Values = values, Files = files };
    }

    private async Task<KeptMedia> KeepAsync(Project project, MediaArchive archive, ArchiveFile file, SemaphoreSlim gate, CancellationToken cancellationToken)
    {
        try
        {
            // One reader at a time over the one stream of the archive; decoding goes on beside it.
            await gate.WaitAsync(cancellationToken);
            byte[] bytes;
            try
            {
                if (!MediaArchiveNames.IsImage(file.Name) && file.Bytes > options.Value.ImageMegabytes * 1_000_000L)
                {
                    await using var content = archive.OpenFile(file);
                    return await media.KeepAsync(project, content, cancellationToken);
                }

                bytes = await archive.ReadAsync(file, cancellationToken);
            }
            finally
            {
                gate.Release();
            }

            return await media.KeepAsync(project, new MemoryStream(bytes, writable: false), cancellationToken);
        }
        catch (Exception e) when (e is ArchiveRefusedException or InvalidDataException)
        {
            return new KeptMedia(null, e is ArchiveRefusedException ? e.Message : "it is damaged: its bytes are not what the archive says of them");
        }
    }

    // Labels for items that came earlier: known by key, or by name where only one item is called so.
    private static async Task<(ImportCursor Cursor, Project Project)> LabelStoredAsync(RunContext run, Project project, IReadOnlyList<MediaAnnotation> annotations, ImportCursor cursor, CancellationToken cancellationToken)
    {
        foreach (var part in annotations.Chunk(Batch * 5))
        {
            var names = part.SelectMany(a => new[] { a.FileName, MediaKeys.Of(a.FileName), Path.GetFileName(a.FileName) }).Distinct(StringComparer.Ordinal).ToList();
            var stems = part.Where(a => !MediaArchiveNames.IsImage(a.FileName) && !MediaArchiveNames.IsVideo(a.FileName)).Select(a => MediaKeys.Stem(a.FileName)).SelectMany(s => Endings.Select(e => s + e)).ToList();
            names.AddRange(stems);
            var there = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && names.Contains(i.Key)).Select(i => new { i.Key, i.Metadata }).ToDictionaryAsync(i => i.Key, i => i.Metadata, StringComparer.Ordinal, cancellationToken), cancellationToken);
            var (records, rejected) = (new List<ImportRecord>(), new List<(long, string)>());
            var values = new Dictionary<ImportRecord, LabelValue>(ReferenceEqualityComparer.Instance);
            foreach (var annotation in part)
            {
                var stem = MediaKeys.Stem(annotation.FileName);
                var key = new[] { annotation.FileName, MediaKeys.Of(annotation.FileName), Path.GetFileName(annotation.FileName) }.Concat(Endings.Select(e => stem + e)).FirstOrDefault(there.ContainsKey);
                if (key is null && annotation.Url is null)
                {
                    rejected.Add((annotation.Line, $"there is no item \"{MediaArchive.Shown(annotation.FileName)}\": send the images first, or in one archive with the annotations"));
                    continue;
                }

                try
                {
                    var size = key is null ? annotation.Stated : MediaMetadata.SizeOf(there[key]) ?? annotation.Stated;
                    var value = Checked(() => annotation.Value(size));
                    if (value is null && key is not null) continue;
                    var record = new ImportRecord(key ?? MediaKeys.Of(annotation.FileName), false, "", null, null, key is null ? MediaMetadata.Of(annotation.FileName, annotation.Stated) : null, annotation.Line, key is null ? annotation.Url : null);
                    records.Add(record);
                    if (value is not null) values[record] = value;
                }
                catch (FormatException e)
                {
                    rejected.Add((annotation.Line, $"{MediaArchive.Shown(annotation.FileName)}: {e.Message}"));
                }
            }

            if (records.Count == 0 && rejected.Count == 0) continue;
            var writer = new ImportHandler.BatchWriter(run, new ImportHandler.MappedBatch(records, rejected) { Values = values }, project, new ImportedAnnotators(project.Id));
            cursor = await writer.CommitAsync(cursor with { Offset = cursor.Offset + part.Length }, run.Run.Done + run.Run.Rejected + part.Length, cancellationToken);
            project = writer.Project;
        }

        return (cursor, project);
    }

    private static readonly string[] Endings = [".jpg", ".png", ".jpeg", ".JPG", ".webp", ".bmp", ".gif", ".mp4", ".webm", ".mov", ".avi"];

    // Readers meet files of any kind.
    private static T Checked<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException or IndexOutOfRangeException or ArgumentException or OverflowException or System.Xml.XmlException)
        {
            throw new FormatException($"The annotations cannot be read: {e.Message}", e);
        }
    }
}
