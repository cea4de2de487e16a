using System.Text.Json;
using Annotator.Core.Formats;
using Annotator.Core.Formats.Media;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Import;

/// <summary>What an import run is told.</summary>
public sealed record ImportOptions
{
    /// <summary>Name of the uploaded file in the blob store.</summary>
    public string Blob { get; init; } = "";

    /// <summary>The name that the person's file had, to show.</summary>
    public string? FileName { get; init; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; init; }

    /// <summary>SHA-256 of the file, as hexadecimal.</summary>
    public string Hash { get; init; } = "";

    /// <summary>Format, encoding and dialect.</summary>
    public DataFormat Format { get; init; } = new(DataFormatKind.Csv, TextEncoding.Utf8);

    /// <summary>Format of an archive or file of annotations of images and videos; null where records are read.</summary>
    public string? MediaFormat { get; init; }

    /// <summary>Whether the records are tasks of Label Studio; the mapping then names the text under <c>data</c>, or nothing.</summary>
    public bool LabelStudio { get; init; }

    /// <summary>Which column means what.</summary>
    public RecordMapping Mapping { get; init; } = new("text");
}

/// <summary>How an upload is to be read; what is null is detected.</summary>
/// <param name="Format"><c>csv</c>, <c>tsv</c>, <c>jsonl</c> or <c>label-studio</c>; of images and videos also <c>zip</c>, <c>coco</c>, <c>yolo</c>, <c>voc</c>, ….</param>
/// <param name="Text">Column of the text.</param>
/// <param name="Key">Column of the key.</param>
/// <param name="Label">Column of known labels.</param>
/// <param name="Annotator">Column of the annotators who gave them.</param>
/// <param name="FileName">The file's name, to show.</param>
public sealed record UploadRequest(string? Format, string? Text, string? Key, string? Label, string? Annotator, string? FileName);

/// <summary>Takes uploads in: the file is stored as it streams past, then a run reads it.</summary>
public sealed class ImportService(AnnotatorDatabase database, IBlobStore blobs, RunService runs)
{
    internal const string UploadFolder = "uploads";

    private const string LabelStudio = "label-studio";

    // Columns that hold the addresses of images and videos, where none is named.
    private static readonly HashSet<string> AddressColumns = new(StringComparer.OrdinalIgnoreCase) { "url", "image", "image_url", "video", "video_url", "uri", "address", "file", "path" };

    /// <summary>Stores an upload and starts its run.</summary>
    /// <param name="project">The project.</param>
    /// <param name="request">How to read it.</param>
    /// <param name="content">The file; read once, at constant memory.</param>
    /// <param name="userId">Who uploads.</param>
    /// <param name="cancellationToken">Cancels; nothing stays then.</param>
    public async Task<Outcome<Run>> StartAsync(Project project, UploadRequest request, Stream content, long? userId, CancellationToken cancellationToken = default)
    {
        // Label Studio has both.
        var asMedia = MediaFormats.IsKnown(request.Format) && !(project.Modality == Modality.Text && string.Equals(request.Format, LabelStudio, StringComparison.OrdinalIgnoreCase));
        if (asMedia && project.Modality == Modality.Text) return Outcome<Run>.Fail("format", $"'{request.Format}' is a format of images and videos, and this project takes texts.");
        var kind = asMedia ? (DataFormatKind?)null : ParseFormat(request.Format);
        if (!kind.Succeeded) return Outcome<Run>.Fail(kind.Errors);

        await using var hashing = new HashingStream(content);
        var (blob, bytes) = await blobs.PutAsync(UploadFolder, hashing, cancellationToken);
        var started = false;
        try
        {
            var options = await DescribeAsync(project, blob, bytes, kind.Value, request, hashing.Hash(), cancellationToken);
            if (!options.Succeeded) return Outcome<Run>.Fail(options.Errors);
            var run = await database.WriteAsync(scope => runs.AddAsync(scope, project.Id, ImportHandler.RunKind, options.Value, userId), cancellationToken);

            // A repeat of a request that was carried out already gets the run of the first, which has its own copy of the file.
            started = run.Options.Contains(blob, StringComparison.Ordinal);
            return run;
        }
        finally
        {
            if (!started) await blobs.DeleteAsync(blob, CancellationToken.None);
        }
    }

    /// <summary>Removes uploads that no run will read any more: of imports that failed or were cancelled, and of processes that died during an upload.</summary>
    /// <param name="before">Only what was stored before this moment: younger ones may be on their way into a run.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>How many were removed.</returns>
    public async Task<int> CleanAsync(DateTimeOffset before, CancellationToken cancellationToken = default)
    {
        var left = new List<string>();
        await foreach (var name in blobs.ListAsync(UploadFolder, before, cancellationToken)) left.Add(name);
        if (left.Count == 0) return 0;
        var waiting = await database.ReadAsync(
            db => db.Runs.Where(r => (r.Kind == ImportHandler.RunKind || r.Kind == Media.Sampling.SampleFramesHandler.RunKind) && r.State < RunState.Succeeded).Select(r => r.Options).ToListAsync(cancellationToken), cancellationToken);
        var wanted = waiting.Select(o => JsonSerializer.Deserialize<WaitingUpload>(o, ProjectJson.Options)!.Blob).ToHashSet(StringComparer.Ordinal);
        left.RemoveAll(wanted.Contains);
        await blobs.DeleteAsync(left, cancellationToken);
        return left.Count;
    }

    // Of the arguments of a run, where its upload is kept.
    private sealed record WaitingUpload(string Blob);

    // A zip archive is told by its first bytes where no format is given.
    private static async Task<string?> MediaFormatAsync(string? format, Stream stored, CancellationToken cancellationToken)
    {
        if (MediaFormats.IsKnown(format)) return format!.ToLowerInvariant();
        if (!string.IsNullOrEmpty(format)) return null;
        var head = new byte[4];
        var read = await stored.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        stored.Position = 0;
        return head.AsSpan(0, read).StartsWith("PK\u0003\u0004"u8) ? MediaFormats.Zip : null;
    }

    /// <summary>Formats of archives and files of annotations that a project takes; <c>zip</c> finds out by itself.</summary>
    public static IReadOnlyList<string> MediaFormatsOf(Project project)
    {
        ArgumentNullException.ThrowIfNull(project);
        return project.Modality == Modality.Text ? [] : [MediaFormats.Zip, .. MediaFormats.Names.Where(n => n is not MediaFormats.Zip && MediaFormats.Fits(n, project.Modality))];
    }

    /// <summary>The format of a request, or what is wrong with it; null where it is to be detected.</summary>
    public static Outcome<DataFormatKind?> ParseFormat(string? format) => format?.ToLowerInvariant() switch
    {
        null or "" => (DataFormatKind?)null,
        "csv" or "tsv" => (DataFormatKind?)DataFormatKind.Csv,
        "jsonl" or "ndjson" or "json" or LabelStudio => (DataFormatKind?)DataFormatKind.Jsonl,
        _ => Outcome<DataFormatKind?>.Fail("format", $"'{format}' cannot be imported. Known formats: csv, tsv, jsonl, label-studio; of images and videos also {string.Join(", ", MediaFormats.Names)}."),
    };

    private async Task<Outcome<ImportOptions>> DescribeAsync(
        Project project, string blob, long bytes, DataFormatKind? kind, UploadRequest request, string hash, CancellationToken cancellationToken)
    {
        if (bytes == 0) return Outcome<ImportOptions>.Fail("file", "The file is empty.");
        await using var stored = await blobs.OpenAsync(blob, cancellationToken);
        if (project.Modality != Modality.Text && await MediaFormatAsync(request.Format, stored, cancellationToken) is { } mediaFormat)
            return new ImportOptions { Blob = blob, FileName = request.FileName, Bytes = bytes, Hash = hash, MediaFormat = mediaFormat };
        var preview = await ImportPreview.PreviewAsync(stored, kind, cancellationToken: cancellationToken);
        if (string.Equals(request.Format, LabelStudio, StringComparison.OrdinalIgnoreCase))
            return new ImportOptions { Blob = blob, FileName = request.FileName, Bytes = bytes, Hash = hash, Format = preview.Format, Mapping = new RecordMapping(request.Text ?? ""), LabelStudio = true };
        var text = request.Text ?? (project.Modality == Modality.Text ? preview.Suggested?.Text : preview.Columns.FirstOrDefault(c => AddressColumns.Contains(c)) ?? request.Key);
        if (text is null) return Outcome<ImportOptions>.Fail("text", project.Modality == Modality.Text ? "Name the column that holds the text." : "Name the column that holds the addresses, or the keys of items that are here.");
        var mapping = new RecordMapping(text, request.Key, request.Label, request.Annotator);

        // Lines of JSON need not all have the same fields: a column that the first lines lack may still come.
        var missing = preview.Format.Kind == DataFormatKind.Csv ? mapping.Missing(preview.Columns) : [];
        if (missing.Count > 0)
        {
            var known = string.Join(", ", preview.Columns.Take(30).Select(c => $"'{c}'"));
            (string Field, string? Column)[] fields = [("text", mapping.Text), ("key", mapping.Key), ("label", mapping.Label), ("annotator", mapping.Annotator)];
            return Outcome<ImportOptions>.Fail([.. fields.Where(f => f.Column is not null && missing.Contains(f.Column, StringComparer.Ordinal))
                .Select(f => (f.Field, $"The file has no column '{f.Column}'. Its columns are: {known}."))]);
        }

        return new ImportOptions { Blob = blob, FileName = request.FileName, Bytes = bytes, Hash = hash, Format = preview.Format, Mapping = mapping };
    }
}
