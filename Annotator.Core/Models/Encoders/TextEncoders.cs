using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Models.Encoders;

/// <summary>An uploaded encoder of texts as it is shown.</summary>
/// <param name="Id">Identifier.</param>
/// <param name="Name">Name.</param>
/// <param name="Version">Counts the uploads of the name, from 1.</param>
/// <param name="Spec">What was said of it.</param>
/// <param name="Report">What its check found out.</param>
/// <param name="Bytes">Size of all its files.</param>
/// <param name="Sha256">Of the model and its tokenizer's files.</param>
/// <param name="Tokenizer">What its tokenizer's files are.</param>
/// <param name="CreatedAt">When it came.</param>
public sealed record TextEncoderInfo(
    string Id, string Name, int Version, TextEncoderSpec Spec, TextEncoderReport Report, long Bytes, string Sha256, IReadOnlyList<TokenizerFileKind> Tokenizer, DateTimeOffset CreatedAt)
{
    /// <summary>Name and version in one.</summary>
    public string Title => string.Create(CultureInfo.InvariantCulture, $"{Name} v{Version}");
}

/// <summary>What is sent as an encoder of texts.</summary>
/// <param name="Name">Its name; another upload of a name is its next version.</param>
/// <param name="Spec">What is said of it.</param>
/// <param name="Model">The ONNX file.</param>
/// <param name="Tokenizer">The files of its tokenizer; what each is, is told by what is in it.</param>
public sealed record EncoderUpload(string? Name, TextEncoderSpec Spec, byte[] Model, IReadOnlyList<byte[]> Tokenizer);

/// <summary>Keeps uploaded encoders of texts and holds those in use ready. One that was not checked is never opened here.</summary>
public sealed class TextEncoders(AnnotatorDatabase database, IBlobStore blobs, IOptions<ModelOptions> options, ModelCheckCommand? command = null) : IDisposable
{
    private const string Folder = "text-encoders";

    // Of more encoders than these the one that was used longest ago is closed.
    private const int MostOpen = 2;

    private readonly SessionPool<TextEncoder> _open = new(MostOpen);

    /// <summary>The largest model that is taken, in bytes.</summary>
    public long MostModelBytes => options.Value.Megabytes * 1_000_000L;

    /// <summary>The largest file of a tokenizer that is taken, in bytes.</summary>
    public long MostTokenizerBytes => options.Value.TokenizerMegabytes * 1_000_000L;

    /// <summary>Checks an encoder and keeps it.</summary>
    /// <param name="caller">Who sends it.</param>
    /// <param name="upload">What is sent.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ConcurrentChangeException">Others sent encoders of this name at the same moment, again and again; nothing is kept.</exception>
    public async Task<Outcome<TextEncoderInfo>> AddAsync(Caller caller, EncoderUpload upload, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(upload);
        var errors = Check(upload);
        if (errors.Count > 0) return Outcome<TextEncoderInfo>.Fail(errors);
        List<TokenizerFile> files;
        try
        {
            files = [.. upload.Tokenizer.Select(TokenizerFile.Recognize)];
        }
        catch (EncoderRefusedException e)
        {
            return Outcome<TextEncoderInfo>.Fail(e.Field, e.Message);
        }

        var report = await TextEncoderCheck.CheckAsync(command!, upload.Model, upload.Tokenizer, upload.Spec, options.Value, cancellationToken);
        if (report.Refused is { } reason) return Outcome<TextEncoderInfo>.Fail(report.Field ?? "model", reason);
        return await KeepAsync(caller, upload, files, report, cancellationToken);
    }

    /// <summary>All encoders, newest first.</summary>
    public async Task<IReadOnlyList<TextEncoderInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        (await database.ReadAsync(db => db.TextEncoders.OrderByDescending(e => e.Id).Take(1_000).ToListAsync(cancellationToken), cancellationToken)).ConvertAll(Info);

    /// <summary>An encoder; null where there is none.</summary>
    public async Task<TextEncoderInfo?> FindAsync(long id, CancellationToken cancellationToken = default) =>
        await database.ReadAsync(db => db.TextEncoders.SingleOrDefaultAsync(e => e.Id == id, cancellationToken), cancellationToken) is { } row ? Info(row) : null;

    /// <summary>Removes an encoder; projects that use it keep their vectors, and go on with the built-in representation when these are made anew.</summary>
    /// <returns>False where there is none.</returns>
    public async Task<bool> DeleteAsync(long id, CancellationToken cancellationToken = default)
    {
        var removed = await database.WriteAsync(
            async scope =>
            {
                var row = await scope.Db.TextEncoders.SingleOrDefaultAsync(e => e.Id == id, cancellationToken);
                if (row is null) return null;
                scope.Db.TextEncoders.Remove(row);
                await scope.Db.SaveChangesAsync(cancellationToken);
                return row;
            },
            cancellationToken);
        if (removed is null) return false;

        // Whoever runs it now goes on, and closes it after that.
        _open.Remove(id);
        await blobs.DeleteAsync([removed.Blob, .. FilesOf(removed).Select(f => f.Blob)], cancellationToken);
        return true;
    }

    /// <summary>Lends an encoder ready to run, to be given back; null where there is none.</summary>
    /// <exception cref="EncoderRefusedException">It cannot be opened any more; the message says why.</exception>
    public Task<SessionLease<TextEncoder>?> OpenAsync(long id, CancellationToken cancellationToken = default) => _open.LendAsync(
        id, () => ReadAsync(id, cancellationToken), read => TextEncoder.Open(read.Model, read.Tokenizer, read.Spec, options.Value), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _open.Dispose();

    private List<(string Field, string Message)> Check(EncoderUpload upload)
    {
        var errors = ModelUploads.Check(upload.Name, upload.Spec);
        if (upload.Model.Length == 0) errors.Add(("model", "The ONNX file is missing or empty."));
        else if (upload.Model.LongLength > MostModelBytes) errors.Add(("model", $"The model is larger than {options.Value.Megabytes} MB."));
        if (upload.Tokenizer.Count == 0) errors.Add(("tokenizer", $"The encoder has no tokenizer. {TokenizerFile.Accepted}"));
        if (upload.Tokenizer.Count > 2) errors.Add(("tokenizer", $"A tokenizer has one or two files; {upload.Tokenizer.Count} were sent. {TokenizerFile.Accepted}"));
        if (upload.Tokenizer.Any(f => f.LongLength > MostTokenizerBytes)) errors.Add(("tokenizer", $"A file of the tokenizer is larger than {options.Value.TokenizerMegabytes} MB."));
        if (command is null) errors.Add(("model", "Encoders cannot be checked by this program, and are not taken without."));
        return errors;
    }

    private static string HashOf(EncoderUpload upload)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in (IEnumerable<byte[]>)[upload.Model, .. upload.Tokenizer]) hash.AppendData(SHA256.HashData(file));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // Its files, then the row that names them: what no row names is removed again.
    private async Task<TextEncoderInfo> KeepAsync(Caller caller, EncoderUpload upload, List<TokenizerFile> files, TextEncoderReport report, CancellationToken cancellationToken)
    {
        var (title, hash) = (upload.Name!.Trim(), HashOf(upload));
        var stored = new List<(string Name, long Bytes)>();
        try
        {
            foreach (var file in (IEnumerable<byte[]>)[upload.Model, .. files.Select(f => f.Bytes)]) stored.Add(await blobs.PutAsync(Folder, new MemoryStream(file, writable: false), cancellationToken));
            var kept = files.Zip(stored.Skip(1), (f, s) => new EncoderFile(f.Kind, s.Name, s.Bytes)).ToList();
            var row = await database.WriteRepeatedlyAsync(
                async scope =>
                {
                    var made = new TextEncoderRow
                    {
                        Name = title, Version = 1 + (await scope.Db.TextEncoders.Where(e => e.Name == title).MaxAsync(e => (int?)e.Version, cancellationToken) ?? 0), Blob = stored[0].Name,
                        Files = JsonSerializer.Serialize(kept, ProjectJson.Options), Hash = hash, Bytes = stored.Sum(s => s.Bytes), Spec = JsonSerializer.Serialize(upload.Spec, ProjectJson.Options),
                        Report = JsonSerializer.Serialize(report, ProjectJson.Options), CreatedAt = scope.Now, CreatedBy = caller.UserId,
                    };
                    scope.Db.TextEncoders.Add(made);
                    await scope.Db.SaveChangesAsync(cancellationToken);
                    return made;
                },
                cancellationToken);
            return Info(row);
        }
        catch (Exception e)
        {
            await RemoveUnnamedAsync(stored.ConvertAll(s => s.Name));
            if (database.Dialect.IsDuplicate(e)) throw new ConcurrentChangeException($"Another encoder named \"{title}\" came at the same moment. Send it again.");
            throw;
        }
    }

    private async Task RemoveUnnamedAsync(List<string> names)
    {
        // A commit whose answer was lost has kept them.
        if (names is not [var model, ..] || await database.ReadAsync(db => db.TextEncoders.AnyAsync(e => e.Blob == model))) return;
        await blobs.DeleteAsync(names, CancellationToken.None);
    }

    private async Task<EncoderFiles?> ReadAsync(long id, CancellationToken cancellationToken)
    {
        var row = await database.ReadAsync(db => db.TextEncoders.SingleOrDefaultAsync(e => e.Id == id, cancellationToken), cancellationToken);
        if (row is null) return null;
        try
        {
            var files = new List<TokenizerFile>();
            foreach (var file in FilesOf(row)) files.Add(new TokenizerFile(file.Kind, await ModelUploads.ReadAsync(blobs, file.Blob, cancellationToken)));
            return new EncoderFiles(await ModelUploads.ReadAsync(blobs, row.Blob, cancellationToken), files, Info(row).Spec);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new EncoderRefusedException("model", "A file of the encoder is not there any more.", e);
        }
    }

    private static List<EncoderFile> FilesOf(TextEncoderRow row) => JsonSerializer.Deserialize<List<EncoderFile>>(row.Files, ProjectJson.Options)!;

    private static TextEncoderInfo Info(TextEncoderRow row) => new(
        row.Id.ToString(CultureInfo.InvariantCulture), row.Name, row.Version, JsonSerializer.Deserialize<TextEncoderSpec>(row.Spec, ProjectJson.Options)!, JsonSerializer.Deserialize<TextEncoderReport>(row.Report, ProjectJson.Options)!,
        row.Bytes, row.Hash, FilesOf(row).ConvertAll(f => f.Kind), row.CreatedAt);

    private sealed record EncoderFiles(byte[] Model, List<TokenizerFile> Tokenizer, TextEncoderSpec Spec);
}
