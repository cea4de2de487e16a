using System.Collections.Concurrent;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>What decides whether a session goes on.</summary>
/// <param name="Role">Role.</param>
/// <param name="Disabled">Whether the account is closed, or one of imported data that cannot sign in.</param>
/// <param name="SecurityStamp">Changes when all sessions are to end.</param>
public sealed record UserState(Role Role, bool Disabled, string? SecurityStamp);

/// <summary>
/// Accounts as sessions, tokens, circuits and hubs see them: read from the database, remembered for a few seconds, so that
/// every request can ask. A change made in this process is seen at once, one of another process within <see cref="Staleness"/>.
/// </summary>
public sealed class UserStates(AnnotatorDatabase database, TimeProvider time)
{
    /// <summary>How old an answer may be.</summary>
    public static readonly TimeSpan Staleness = TimeSpan.FromSeconds(2);

    private const int Most = 10_000;

    private readonly ConcurrentDictionary<long, (UserState? State, long At)> _states = new();

    /// <summary>The account; null where there is none.</summary>
    public async ValueTask<UserState?> FindAsync(long userId, CancellationToken cancellationToken = default)
    {
        var now = time.GetTimestamp();
        if (_states.TryGetValue(userId, out var known) && time.GetElapsedTime(known.At, now) < Staleness) return known.State;
        var state = await database.ReadAsync(
            db => db.Users.Where(u => u.Id == userId).Select(u => new UserState(u.Role, u.Disabled || u.IsImported, u.SecurityStamp)).FirstOrDefaultAsync(cancellationToken),
            cancellationToken);

        // Old entries are of no use; the limit keeps a long life from gathering all that ever signed in.
        if (_states.Count >= Most) _states.Clear();
        _states[userId] = (state, now);
        return state;
    }

    /// <summary>Forgets what is known of an account, after it was changed.</summary>
    public void Forget(long userId) => _states.TryRemove(userId, out _);
}
