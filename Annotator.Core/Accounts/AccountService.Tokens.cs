using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

public sealed partial class AccountService
{
    /// <summary>How every token made here begins, so that it is known for one wherever it turns up.</summary>
    public const string TokenPrefix = "ann_";

    /// <summary>A person's tokens, newest first, without the revoked.</summary>
    public Task<List<ApiToken>> ListTokensAsync(Caller by, long userId, CancellationToken cancellationToken = default)
    {
        Need(by.Role == Role.Admin || by.UserId == userId);
        return database.ReadAsync(db => db.ApiTokens.Where(t => t.UserId == userId && t.RevokedAt == null).OrderByDescending(t => t.Id).ToListAsync(cancellationToken), cancellationToken);
    }

    /// <summary>Makes a token. Its text is in the answer and nowhere else.</summary>
    /// <param name="by">Who asks: the person, or an admin.</param>
    /// <param name="userId">Whose rights it carries.</param>
    /// <param name="name">What it is for.</param>
    /// <param name="role">The most it may do; null for all that the person may. Never more than the caller may: a token cannot make a stronger one.</param>
    /// <param name="expiresAt">When it ends; null: never.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<AccountResult<NewToken>> CreateTokenAsync(
        Caller by, long userId, string name, Role? role = null, DateTimeOffset? expiresAt = null, CancellationToken cancellationToken = default)
    {
        Need(by.Role == Role.Admin || by.UserId == userId);
        var plain = Secret.New(TokenPrefix);
        return database.WriteAsync<AccountResult<NewToken>>(
            async scope =>
            {
                name = name.Trim();
                var user = await scope.Db.Users.FirstOrDefaultAsync(u => u.Id == userId && !u.Disabled && !u.IsImported, scope.CancellationToken);
                if (user is null) return ("id", "There is no such user.");
                var most = user.Role < by.Role ? user.Role : by.Role;
                var errors = new List<(string, string)>();
                if (name.Length is 0 or > 200) errors.Add(("name", "Must have 1 to 200 characters."));
                if (expiresAt <= scope.Now) errors.Add(("expiresAt", "Is in the past."));
                if (role > most) errors.Add(("role", "Must not be more than the user's own role, or the caller's."));
                if (await scope.Db.ApiTokens.CountAsync(t => t.UserId == userId && t.RevokedAt == null, scope.CancellationToken) >= MostTokens) errors.Add(("name", $"There are {MostTokens} tokens already; revoke some."));
                if (errors.Count > 0) return errors;
                var token = NewTokenRow(scope, userId, name, plain, role ?? most, expiresAt);
                scope.Db.ApiTokens.Add(token);
                await scope.Db.SaveChangesAsync(scope.CancellationToken);
                scope.Audit(by.UserId, "token.created", new { user = userId, token = token.Id, name, role = token.Role, expiresAt });
                return new NewToken(token, plain);
            },
            cancellationToken);
    }

    /// <summary>Revokes a token; it ends at once here, within seconds on other nodes.</summary>
    /// <returns>Whether there was one.</returns>
    public async Task<bool> RevokeTokenAsync(Caller by, long userId, long tokenId, CancellationToken cancellationToken = default)
    {
        Need(by.Role == Role.Admin || by.UserId == userId);
        var revoked = await database.WriteAsync(
            async scope =>
            {
                var rows = await scope.Db.ApiTokens.Where(t => t.Id == tokenId && t.UserId == userId && t.RevokedAt == null)
                    .ExecuteUpdateAsync(x => x.SetProperty(t => t.RevokedAt, scope.Now), scope.CancellationToken);
                if (rows > 0) scope.Audit(by.UserId, "token.revoked", new { user = userId, token = tokenId });
                return rows > 0;
            },
            cancellationToken);
        tokens.Forget();
        return revoked;
    }

    internal const int MostTokens = 200;

    internal static ApiToken NewTokenRow(WriteScope scope, long userId, string name, string plain, Role role, DateTimeOffset? expiresAt) => new()
    {
        UserId = userId,
        Name = name,
        Hash = Secret.Hash(plain),

        // Eight characters of 43 tell tokens apart and leave more than 200 bits unknown; of a token that was given to us, less.
        Prefix = plain.StartsWith(TokenPrefix, StringComparison.Ordinal) ? plain[..12] : plain[..4],
        Role = role,
        CreatedAt = scope.Now,
        ExpiresAt = expiresAt,
    };
}

/// <summary>A token that was just made.</summary>
/// <param name="Token">What is kept of it.</param>
/// <param name="Plain">Its text: shown this once.</param>
public sealed record NewToken(ApiToken Token, string Plain);
