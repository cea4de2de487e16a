using Microsoft.AspNetCore.Identity;

namespace Annotator.Core.Accounts;

/// <summary>What a person may do, over the whole installation.</summary>
public enum Role
{
    /// <summary>Labels in the projects they are members of.</summary>
    Annotator,

    /// <summary>Leads the projects they are a lead of, and makes new ones.</summary>
    Lead,

    /// <summary>Everything.</summary>
    Admin,
}

/// <summary>A person, or the name of one who came with imported annotations and cannot sign in.</summary>
public sealed class AppUser : IdentityUser<long>
{
    /// <summary>Name to show.</summary>
    public string DisplayName { get; set; } = "";

    /// <summary>Role.</summary>
    public Role Role { get; set; }

    /// <summary>Whether this is an annotator of imported data, without a log-in.</summary>
    public bool IsImported { get; set; }

    /// <summary>Whether an admin closed the account.</summary>
    public bool Disabled { get; set; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>SHA-256 of the invitation's secret, while it is open.</summary>
    public string? InvitationHash { get; set; }

    /// <summary>When the invitation ends.</summary>
    public DateTimeOffset? InvitationExpiresAt { get; set; }

    /// <summary>Preferences (keys, theme, language) as JSON.</summary>
    public string? Preferences { get; set; }
}

/// <summary>A bearer token: only its hash is kept.</summary>
public sealed class ApiToken
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>Whose rights it carries.</summary>
    public long UserId { get; set; }

    /// <summary>What it is for.</summary>
    public required string Name { get; set; }

    /// <summary>SHA-256 of the token, as hexadecimal.</summary>
    public required string Hash { get; set; }

    /// <summary>The first characters, to tell tokens apart.</summary>
    public required string Prefix { get; set; }

    /// <summary>The most that it may do, where that is less than its user.</summary>
    public Role Role { get; set; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it ends; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>When it was revoked.</summary>
    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>When it was last used, to the minute.</summary>
    public DateTimeOffset? LastUsedAt { get; set; }
}

/// <summary>A person's place in a project.</summary>
public sealed class Membership
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The person.</summary>
    public long UserId { get; set; }

    /// <summary><see cref="Role.Lead"/> or <see cref="Role.Annotator"/>.</summary>
    public Role Role { get; set; }

    /// <summary>Since when.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>Who did what to the installation: appended, never changed.</summary>
public sealed class AuditEntry
{
    /// <summary>Identifier; grows with time.</summary>
    public long Id { get; set; }

    /// <summary>The project, where it concerns one.</summary>
    public long? ProjectId { get; set; }

    /// <summary>Who; null for the product itself.</summary>
    public long? UserId { get; set; }

    /// <summary>What, as <c>subject.verb</c>.</summary>
    public required string Action { get; set; }

    /// <summary>Details as JSON, never a secret.</summary>
    public string? Detail { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Place in the log of its project, or of what concerns none, from 1 without gaps.</summary>
    public long Sequence { get; set; }

    /// <summary>SHA-256 over the hash of the entry before and this one's content, as 64 hexadecimal digits; see <see cref="AuditChain"/>.</summary>
    public string Hash { get; set; } = "";
}

/// <summary>The answer to a POST that carried an <c>Idempotency-Key</c>.</summary>
public sealed class IdempotencyRecord
{
    /// <summary>Whose key.</summary>
    public long UserId { get; set; }

    /// <summary>SHA-256 of the key.</summary>
    public required string Key { get; set; }

    /// <summary>SHA-256 of method, path and body; empty while the body is still coming in.</summary>
    public required string RequestHash { get; set; }

    /// <summary>Status of the answer; 0 while the first request is still under way.</summary>
    public int Status { get; set; }

    /// <summary>Media type of the answer.</summary>
    public string? ContentType { get; set; }

    /// <summary>Body of the answer, encrypted under the key.</summary>
    public string? Body { get; set; }

    /// <summary>The answer's <c>Location</c>.</summary>
    public string? Location { get; set; }

    /// <summary>What the request has written so far, encrypted under the key; see <see cref="Storage.RequestJournal"/>.</summary>
    public string? Journal { get; set; }

    /// <summary>The execution that carries it out.</summary>
    public string? Owner { get; set; }

    /// <summary>Until when that execution is believed to live, on the database's clock.</summary>
    public DateTimeOffset? OwnedUntil { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}
