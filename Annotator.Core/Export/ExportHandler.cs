using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using Annotator.Core.Projects;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Export;

/// <summary>What an export run is told.</summary>
public sealed record ExportOptions : IValidatableObject
{
    /// <summary>Name of the format.</summary>
    public string Format { get; init; } = "jsonl";

    /// <summary><c>final</c> or <c>all</c>.</summary>
    public string State { get; init; } = "final";

    /// <summary>For CSV: cells that a spreadsheet would run as a formula are made harmless.</summary>
    public bool SpreadsheetSafe { get; init; }

    /// <summary>Whether the images or videos themselves stand beside the annotations.</summary>
    public bool Media { get; init; }

    /// <summary>The version of the labels in whose words they are said; null: as they are now.</summary>
    [Range(1, int.MaxValue)]
    public int? SchemaVersion { get; init; }

    /// <inheritdoc />
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Format is null || ExportFormats.Find(Format) is null) yield return new($"Must be one of: {ExportFormats.Names}.", [nameof(Format)]);
        if (State is not ("final" or "all")) yield return new("Must be final or all.", [nameof(State)]);
    }
}

/// <summary>
/// Writes an export into a file that can be fetched afterwards. A file is seen under its name only once it is whole; a run that is taken
/// up again writes anew. The last files of a project are kept, older ones removed.
/// </summary>
internal sealed class ExportHandler(ExportService exports, IBlobStore blobs, CertificateReader certificates) : IRunHandler
{
    public const string RunKind = "export";

    private const int FilesKept = 5;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<ExportOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        var request = ExportRequest.Read(project, options.Format, options.State, options.SpreadsheetSafe, options.Media);
        if (!request.Succeeded) throw new RunFailedException(string.Join(" ", request.Errors.Select(e => e.Message)));
        if (options.SchemaVersion is { } version)
        {
            var history = await LabelHistory.FindAsync(run.Database, project, version, cancellationToken);
            if (!history.Succeeded) throw new RunFailedException(string.Join(" ", history.Errors.Select(e => e.Message)));
            request = request.Value with { History = history.Value };
        }

        var cursor = run.Cursor<ExportFile>();
        if (cursor.Blob.Length == 0)
        {
            var total = await exports.CountAsync(project.Id, request.Value.All, cancellationToken);
            await run.CheckpointAsync(null, null, done: -run.Run.Done, total: total, cancellationToken: cancellationToken);
            cursor = await WriteAsync(run, project, request.Value, cancellationToken);
            await run.CheckpointAsync(null, cursor, done: cursor.Items - run.Run.Done, cancellationToken: cancellationToken);
        }

        await RemoveOldAsync(run, cancellationToken);
        run.SetResult(new { format = request.Value.Format.Name, items = cursor.Items, bytes = cursor.Bytes, sha256 = cursor.Sha256, certificate = await certificates.FindAsync(project, cancellationToken), url = string.Create(CultureInfo.InvariantCulture, $"/api/v1/runs/{run.Run.Id}/file") });
    }

    private async Task<ExportFile> WriteAsync(RunContext run, Project project, ExportRequest request, CancellationToken cancellationToken)
    {
        // The writer pushes and the store pulls; the pipe between them holds some hundred kilobytes at the most.
        var pipe = new Pipe();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var hashing = new HashingStream(pipe.Reader.AsStream());
        var storing = blobs.PutAsync("exports", hashing, stop.Token);
        long items;
        try
        {
            items = await exports.WriteAsync(
                project, request, pipe.Writer.AsStream(leaveOpen: true), done => run.CheckpointAsync(null, null, done: done - run.Run.Done, cancellationToken: cancellationToken), cancellationToken);
            await pipe.Writer.CompleteAsync();
        }
        catch (Exception e)
        {
            // The store must not take half a file for a whole one.
            await stop.CancelAsync();
            await pipe.Writer.CompleteAsync(e);
            await ((Task)storing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        var (blob, bytes) = await storing;
        return new ExportFile
        {
            Blob = blob,
            Bytes = bytes,
            Items = items,
            Sha256 = hashing.Hash(),
            Extension = request.Format.Extension,
            ContentType = request.Format.ContentType,
        };
    }

    private async Task RemoveOldAsync(RunContext run, CancellationToken cancellationToken)
    {
        var old = await run.Database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == run.ProjectId && r.Kind == RunKind && r.Id < run.Run.Id && r.Cursor != null).OrderByDescending(r => r.Id).Skip(FilesKept - 1).Take(100).ToListAsync(cancellationToken),
            cancellationToken);
        foreach (var file in old.Select(ExportFile.Of).OfType<ExportFile>()) await blobs.DeleteAsync(file.Blob, cancellationToken);
    }
}

/// <summary>The file that an export run made.</summary>
public sealed record ExportFile
{
    /// <summary>Name in the blob store; empty while it is being written.</summary>
    public string Blob { get; init; } = "";

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; init; }

    /// <summary>Items in it.</summary>
    public long Items { get; init; }

    /// <summary>SHA-256, as hexadecimal.</summary>
    public string Sha256 { get; init; } = "";

    /// <summary>Ending of its name.</summary>
    public string Extension { get; init; } = "";

    /// <summary>Media type.</summary>
    public string ContentType { get; init; } = "";

    /// <summary>The file of a run; null where the run is no export, or has not got that far.</summary>
    public static ExportFile? Of(Run run) =>
        string.Equals(run.Kind, ExportHandler.RunKind, StringComparison.Ordinal) && run.Cursor is not null
            && JsonSerializer.Deserialize<ExportFile>(run.Cursor, ProjectJson.Options) is { Blob.Length: > 0 } file ? file : null;
}
