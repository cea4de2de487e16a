using System.Collections.Concurrent;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>Whom a bearer token stands for.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="UserId">Its user.</param>
/// <param name="Role">The lesser of the user's role and the token's.</param>
public sealed record TokenIdentity(long TokenId, long UserId, Role Role);

/// <summary>Tells whom a bearer token stands for, and keeps when it was last used, without a write a request.</summary>
public sealed class TokenAuthenticator(AnnotatorDatabase database, UserStates users, TimeProvider time)
{
    private const int Most = 10_000;

    // By hash, so that the memory of the process holds no token either.
    private readonly ConcurrentDictionary<string, (Known Token, long At)> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, DateTimeOffset> _used = new();

    /// <summary>Whom the token stands for; null where it is unknown, revoked or expired, or its user's account is closed.</summary>
    public async ValueTask<TokenIdentity?> FindAsync(string token, CancellationToken cancellationToken = default)
    {
        if (token.Length is 0 or > 512) return null;
        var hash = Secret.Hash(token);
        var at = time.GetTimestamp();
        if (!_known.TryGetValue(hash, out var entry) || time.GetElapsedTime(entry.At, at) >= UserStates.Staleness)
        {
            var found = await database.ReadAsync(
                db => db.ApiTokens.Where(t => t.Hash == hash).Select(t => new Known(t.Id, t.UserId, t.Role, t.ExpiresAt, t.RevokedAt, t.LastUsedAt)).FirstOrDefaultAsync(cancellationToken),
                cancellationToken);

            // What is unknown is not remembered: whoever tries tokens at random must not fill the memory.
            if (found is null) return null;
            if (_known.Count >= Most) _known.Clear();
            entry = (found, at);
            _known[hash] = entry;
        }

        var (known, now) = (entry.Token, time.GetUtcNow());
        if (known.RevokedAt is not null || known.ExpiresAt <= now) return null;
        if (await users.FindAsync(known.UserId, cancellationToken) is not { Disabled: false } user) return null;

        var minute = new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMinute), TimeSpan.Zero);
        if (known.LastUsedAt is null || known.LastUsedAt < minute) _used[known.Id] = minute;
        return new TokenIdentity(known.Id, known.UserId, known.Role < user.Role ? known.Role : user.Role);
    }

    /// <summary>Which of these tokens are still good; asked for long-lived connections.</summary>
    public Task<HashSet<long>> StillValidAsync(IReadOnlyCollection<long> tokenIds, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var now = time.GetUtcNow();
            return (await db.ApiTokens.Where(t => tokenIds.Contains(t.Id) && t.RevokedAt == null && (t.ExpiresAt == null || t.ExpiresAt > now)).Select(t => t.Id).ToListAsync(cancellationToken)).ToHashSet();
        },
        cancellationToken);

    /// <summary>Forgets all tokens that are remembered, after one was revoked.</summary>
    public void Forget() => _known.Clear();

    /// <summary>Writes when tokens were last used; called about once a minute.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        var used = _used.ToArray();
        if (used.Length == 0) return;
        await database.WriteAsync(
            async scope =>
            {
                foreach (var (id, at) in used)
                    await scope.Db.ApiTokens.Where(t => t.Id == id && (t.LastUsedAt == null || t.LastUsedAt < at)).ExecuteUpdateAsync(x => x.SetProperty(t => t.LastUsedAt, at), cancellationToken);
            },
            cancellationToken);
        foreach (var pair in used) _used.TryRemove(pair);
    }

    private sealed record Known(long Id, long UserId, Role Role, DateTimeOffset? ExpiresAt, DateTimeOffset? RevokedAt, DateTimeOffset? LastUsedAt);
}
