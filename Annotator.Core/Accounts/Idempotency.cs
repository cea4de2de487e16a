using System.Security.Cryptography;
using System.Text;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>An answer as it was first given.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="ContentType">Media type; null without a body.</param>
/// <param name="Body">Body as text.</param>
/// <param name="Location">The <c>Location</c> header.</param>
public sealed record KeptAnswer(int Status, string? ContentType, string? Body, string? Location);

/// <summary>One execution of a request with an idempotency key.</summary>
public sealed class IdempotencyTicket
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private readonly byte[] _secret;

    internal IdempotencyTicket(long userId, string key)
    {
        UserId = userId;
        Key = Secret.Hash("idempotency:" + key);
        Owner = Guid.NewGuid().ToString("n");
        _secret = HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(key), 32, Encoding.UTF8.GetBytes($"{userId}"), "annotator idempotency"u8.ToArray());
    }

    /// <summary>Whose request.</summary>
    public long UserId { get; }

    /// <summary>Hash of the key, under which it is kept.</summary>
    internal string Key { get; }

    /// <summary>This execution.</summary>
    internal string Owner { get; }

    // Answers may hold secrets that are shown once (tokens, invitations). They are kept under the key that the client chose, which
    // itself is kept as a hash only: who reads the database alone reads neither.
    internal string Encrypt(string text)
    {
        var plain = Encoding.UTF8.GetBytes(text);
        var sealedBytes = new byte[NonceBytes + TagBytes + plain.Length];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceBytes));
        using var cipher = new AesGcm(_secret, TagBytes);
        cipher.Encrypt(sealedBytes.AsSpan(0, NonceBytes), plain, sealedBytes.AsSpan(NonceBytes + TagBytes), sealedBytes.AsSpan(NonceBytes, TagBytes));
        return Convert.ToBase64String(sealedBytes);
    }

    internal string Decrypt(string text)
    {
        var sealedBytes = Convert.FromBase64String(text);
        var plain = new byte[sealedBytes.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(_secret, TagBytes);
        cipher.Decrypt(sealedBytes.AsSpan(0, NonceBytes), sealedBytes.AsSpan(NonceBytes + TagBytes), sealedBytes.AsSpan(NonceBytes, TagBytes), plain);
        return Encoding.UTF8.GetString(plain);
    }
}

/// <summary>What is known of a request with an idempotency key.</summary>
public abstract record IdempotencyState
{
    private IdempotencyState()
    {
    }

    /// <summary>It is for the caller to carry out; it may have been begun by a process that died.</summary>
    /// <param name="Ticket">The execution.</param>
    /// <param name="Journal">What was written so far.</param>
    public sealed record Mine(IdempotencyTicket Ticket, RequestJournal Journal) : IdempotencyState;

    /// <summary>It was carried out.</summary>
    /// <param name="RequestHash">Hash of the request; empty where the body was not read to its end.</param>
    /// <param name="Answer">What it answered.</param>
    public sealed record Done(string RequestHash, KeptAnswer Answer) : IdempotencyState;

    /// <summary>The key was used for another request.</summary>
    public sealed record Mismatch : IdempotencyState;

    /// <summary>It is being carried out at this moment.</summary>
    public sealed record Busy : IdempotencyState;
}

/// <summary>
/// Keeps what requests with an <c>Idempotency-Key</c> answered, for <see cref="Life"/>, so that a repeat answers the same and does
/// nothing twice: also one that comes at the same moment, and one that comes after the process died in between.
/// </summary>
public sealed class Idempotency(AnnotatorDatabase database, TimeProvider time)
{
    /// <summary>How long a key is known.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromHours(24);

    /// <summary>How long an execution is believed to live without a further sign.</summary>
    public static readonly TimeSpan OwnerLife = TimeSpan.FromSeconds(15);

    /// <summary>The longest key, in characters.</summary>
    public const int MaxKeyLength = 255;

    private const int CleanBatch = 5_000;

    /// <summary>Looks a key up, and takes the request on where nobody does.</summary>
    /// <param name="userId">Whose request.</param>
    /// <param name="key">The key.</param>
    /// <param name="requestHash">Hash of the request as far as it is known: null while its body still streams in.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<IdempotencyState> BeginAsync(long userId, string key, Func<string?> requestHash, CancellationToken cancellationToken = default)
    {
        var ticket = new IdempotencyTicket(userId, key);
        return database.WriteAsync<IdempotencyState>(
            async scope =>
            {
                var now = await scope.Dialect.NowAsync(scope.Db, cancellationToken);
                var born = now - Life;
                await scope.Db.Idempotency.Where(r => r.UserId == userId && r.Key == ticket.Key && r.CreatedAt < born).ExecuteDeleteAsync(cancellationToken);
                var fresh = new IdempotencyRecord
                {
                    UserId = userId,
                    Key = ticket.Key,
                    RequestHash = requestHash() ?? "",
                    Owner = ticket.Owner,
                    OwnedUntil = now + OwnerLife,
                    CreatedAt = now,
                };
                if (await scope.Dialect.InsertAsync(scope.Db, [fresh], ignoreConflicts: true, cancellationToken) == 1)
                    return new IdempotencyState.Mine(ticket, new RequestJournal(ticket, null, fresh.RequestHash, requestHash));

                // Gone again: its execution was given up at this moment, and the caller looks once more.
                var there = await scope.Db.Idempotency.AsNoTracking().FirstOrDefaultAsync(r => r.UserId == userId && r.Key == ticket.Key, cancellationToken);
                if (there is null) return new IdempotencyState.Busy();
                if (requestHash() is { } hash && there.RequestHash.Length > 0 && !string.Equals(hash, there.RequestHash, StringComparison.Ordinal)) return new IdempotencyState.Mismatch();
                if (there.Status != 0)
                {
                    var body = there.Body is null ? null : ticket.Decrypt(there.Body);
                    return new IdempotencyState.Done(there.RequestHash, new KeptAnswer(there.Status, there.ContentType, body, there.Location));
                }

                var taken = await scope.Db.Idempotency
                    .Where(r => r.UserId == userId && r.Key == ticket.Key && r.Status == 0 && r.Owner == there.Owner && (r.OwnedUntil == null || r.OwnedUntil < now))
                    .ExecuteUpdateAsync(x => x.SetProperty(r => r.Owner, ticket.Owner).SetProperty(r => r.OwnedUntil, now + OwnerLife), cancellationToken);
                return taken == 0
                    ? new IdempotencyState.Busy()
                    : new IdempotencyState.Mine(ticket, new RequestJournal(ticket, there.Journal is null ? null : ticket.Decrypt(there.Journal), there.RequestHash, requestHash));
            },
            cancellationToken);
    }

    /// <summary>Gives a sign of life.</summary>
    public Task KeepAliveAsync(IdempotencyTicket ticket, CancellationToken cancellationToken = default) => database.WriteAsync(
        async scope =>
        {
            var until = await scope.Dialect.NowAsync(scope.Db, cancellationToken) + OwnerLife;
            await Mine(scope, ticket).ExecuteUpdateAsync(x => x.SetProperty(r => r.OwnedUntil, until), cancellationToken);
        },
        cancellationToken);

    /// <summary>Keeps the answer; from now on repeats get it.</summary>
    public Task CompleteAsync(IdempotencyTicket ticket, string requestHash, KeptAnswer answer, CancellationToken cancellationToken = default)
    {
        var body = answer.Body is null ? null : ticket.Encrypt(answer.Body);
        return database.WriteAsync(
            scope => Mine(scope, ticket).ExecuteUpdateAsync(
                x => x.SetProperty(r => r.Status, answer.Status).SetProperty(r => r.ContentType, answer.ContentType).SetProperty(r => r.Body, body).SetProperty(r => r.Location, answer.Location)
                    .SetProperty(r => r.RequestHash, requestHash).SetProperty(r => r.OwnedUntil, (DateTimeOffset?)null).SetProperty(r => r.Journal, (string?)null),
                cancellationToken),
            cancellationToken);
    }

    /// <summary>Gives the request up without an answer: the next repeat carries it out, or goes on where this one got to.</summary>
    /// <param name="ticket">The execution.</param>
    /// <param name="forget">Whether nothing was done, so that the key is as new.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task ReleaseAsync(IdempotencyTicket ticket, bool forget, CancellationToken cancellationToken = default) => database.WriteAsync(
        scope => forget
            ? Mine(scope, ticket).ExecuteDeleteAsync(cancellationToken)
            : Mine(scope, ticket).ExecuteUpdateAsync(x => x.SetProperty(r => r.OwnedUntil, (DateTimeOffset?)null), cancellationToken),
        cancellationToken);

    /// <summary>At the start of a process that has its database alone: whoever carried a request out is gone.</summary>
    public Task ReleaseAllAsync(CancellationToken cancellationToken = default) => database.WriteAsync(
        scope => scope.Db.Idempotency.Where(r => r.Status == 0).ExecuteUpdateAsync(x => x.SetProperty(r => r.OwnedUntil, (DateTimeOffset?)null), cancellationToken),
        cancellationToken);

    /// <summary>Removes what is older than <see cref="Life"/>, some thousand rows at a time.</summary>
    /// <returns>How many rows went.</returns>
    public async Task<int> CleanAsync(CancellationToken cancellationToken = default)
    {
        var born = time.GetUtcNow() - Life;
        var gone = 0;
        for (var rows = CleanBatch; rows == CleanBatch; gone += rows)
        {
            rows = await database.WriteAsync(
                async scope =>
                {
                    var old = await scope.Db.Idempotency.Where(r => r.CreatedAt < born).OrderBy(r => r.CreatedAt).Take(CleanBatch).Select(r => r.CreatedAt).ToListAsync(cancellationToken);
                    if (old.Count == 0) return 0;
                    var last = old[^1];
                    await scope.Db.Idempotency.Where(r => r.CreatedAt <= last).ExecuteDeleteAsync(cancellationToken);
                    return old.Count;
                },
                cancellationToken);
        }

        return gone;
    }

    private static IQueryable<IdempotencyRecord> Mine(WriteScope scope, IdempotencyTicket ticket) =>
        scope.Db.Idempotency.Where(r => r.UserId == ticket.UserId && r.Key == ticket.Key && r.Owner == ticket.Owner && r.Status == 0);
}
