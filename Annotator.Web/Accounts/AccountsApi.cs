using Annotator.Core.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Accounts;

/// <summary>An account as the API shows it.</summary>
/// <param name="Id">Identifier.</param>
/// <param name="Email">Address, which is also the name for signing in.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Role">Role in the installation.</param>
/// <param name="Disabled">Whether the account is closed.</param>
/// <param name="CreatedAt">When it was made.</param>
public record UserView(string Id, string? Email, string Name, Role Role, bool Disabled, DateTimeOffset CreatedAt);

/// <summary>An account that was just made, or invited anew.</summary>
/// <param name="Id">Identifier.</param>
/// <param name="Email">Address.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Role">Role in the installation.</param>
/// <param name="Disabled">Whether the account is closed.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="InvitationLink">The page on which the person chooses a password; works once, shown this once. Null where a password was given.</param>
/// <param name="InvitationExpiresAt">When the link ends.</param>
public sealed record InvitedUserView(
    string Id, string? Email, string Name, Role Role, bool Disabled, DateTimeOffset CreatedAt, string? InvitationLink, DateTimeOffset? InvitationExpiresAt)
    : UserView(Id, Email, Name, Role, Disabled, CreatedAt);

/// <summary>A new account as it is sent; without a password an invitation link is answered.</summary>
public sealed record NewUserBody(string? Email, string? Name, Role? Role, string? Password);

/// <summary>Changes of an account; what is not named stays. People may change their own name, the rest is for admins.</summary>
public sealed record UserPatch(string? Name, string? Email, Role? Role, bool? Disabled, string? Password);

/// <summary>A token as it is asked for: <c>role</c> is the most it may do, by default all that its user may; <c>expiresAt</c> null: it does not end.</summary>
public sealed record NewTokenBody(string? Name, DateTimeOffset? ExpiresAt, Role? Role);

/// <summary>A token that was just made; its text is shown this once.</summary>
public sealed record NewTokenView(string Id, string Token, string Name, Role Role, DateTimeOffset? ExpiresAt);

/// <summary>What is kept of a token.</summary>
public sealed record TokenView(string Id, string Name, string Prefix, Role Role, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);

/// <summary>What somebody becomes in a project: lead or annotator.</summary>
public sealed record MemberBody(Role? Role);

/// <summary>A member of a project.</summary>
public sealed record MemberView(string UserId, string Name, string? Email, Role Role, bool Disabled, DateTimeOffset Since);

internal static class AccountsApi
{
    // The caller's own account, wherever a user's id stands.
    private const string Me = "me";

    public static void MapAccountsApi(this IEndpointRouteBuilder endpoints)
    {
        var users = endpoints.MapGroup("/api/v1/users").RequireAuthorization(Policies.SignedIn).WithTags("People");
        users.MapPost("", CreateAsync).RequireAuthorization(Policies.Admin).WithSummary("Makes an account, with a password or an invitation").Produces<InvitedUserView>(StatusCodes.Status201Created);
        users.MapGet("", ListAsync).RequireAuthorization(Policies.Lead).WithSummary("Accounts, oldest first; q: part of the name or the address");
        users.MapGet("/{userId}", FindAsync).WithSummary("An account; 'me' is the caller's own").Produces<UserView>();
        users.MapPatch("/{userId}", UpdateAsync).WithSummary("Changes an account; what is not named stays").Produces<UserView>();
        users.MapPost("/{userId}/invitation", InviteAsync).RequireAuthorization(Policies.Admin).WithSummary("Makes a new invitation link; the old one ends").Produces<InvitedUserView>(StatusCodes.Status201Created);
        users.MapPost("/{userId}/tokens", CreateTokenAsync).WithSummary("Makes a token, shown this once").Produces<NewTokenView>(StatusCodes.Status201Created);
        users.MapGet("/{userId}/tokens", ListTokensAsync).WithSummary("Tokens of an account, newest first, without the revoked").Produces<Listing<TokenView>>();
        users.MapDelete("/{userId}/tokens/{tokenId}", RevokeTokenAsync).WithSummary("Revokes a token").Produces(StatusCodes.Status204NoContent);

        var members = endpoints.MapProjectApi("/members").WithTags("People");
        members.MapGet("", ListMembersAsync).WithSummary("Members of a project, by name").Produces<Listing<MemberView>>();
        members.MapPut("/{userId}", SetMemberAsync).RequireLead().WithSummary("Makes somebody a member, or changes what they are").Produces<MemberView>();
        members.MapDelete("/{userId}", RemoveMemberAsync).RequireLead().WithSummary("Takes somebody out of a project").Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<IResult> CreateAsync(NewUserBody body, AccountService accounts, HttpContext context)
    {
        var errors = new List<(string, string)>();
        if (string.IsNullOrWhiteSpace(body.Email)) errors.Add(("email", "Is required."));
        if (body.Role is null) errors.Add(("role", "Must be admin, lead or annotator."));
        if (errors.Count > 0) return Problems.Validation(errors);
        var email = body.Email!.Trim();

        // Without a name the beginning of the address serves, until the person chooses one.
        var name = string.IsNullOrWhiteSpace(body.Name) ? email.Split('@')[0] : body.Name;
        var made = await accounts.CreateUserAsync(context.Caller(), email, name, body.Role!.Value, body.Password, context.RequestAborted);
        if (!made.Succeeded) return Problems.Validation(made.Errors);
        return TypedResults.Created($"/api/v1/users/{Ids.Text(made.Value.User.Id)}", Invited(context, made.Value.User, made.Value.InvitationToken));
    }

    private static async Task<Listing<UserView>> ListAsync(string? q, Paging paging, AccountService accounts, HttpContext context)
    {
        var rows = await accounts.ListUsersAsync(context.Caller(), paging.Id, paging.Limit + 1, q, context.RequestAborted);
        return paging.Page(rows, u => u.Id, View);
    }

    private static async Task<IResult> FindAsync(string userId, AccountService accounts, HttpContext context)
    {
        var (caller, id) = (context.Caller(), Id(userId, context));
        if (caller.Role != Role.Admin && caller.UserId != id) return Problems.Forbidden();
        return await accounts.FindAsync(caller, id, context.RequestAborted) is { IsImported: false } user ? TypedResults.Ok(View(user)) : Problems.NotFound();
    }

    private static async Task<IResult> UpdateAsync(string userId, UserPatch body, AccountService accounts, HttpContext context)
    {
        var change = new UserChange { Name = body.Name, Email = body.Email, Role = body.Role, Disabled = body.Disabled, Password = body.Password };
        var changed = await accounts.UpdateUserAsync(context.Caller(), Id(userId, context), change, context.RequestAborted);
        return changed.Succeeded ? TypedResults.Ok(View(changed.Value)) : Refused(changed.Errors);
    }

    private static async Task<IResult> InviteAsync(string userId, AccountService accounts, HttpContext context)
    {
        var (caller, id) = (context.Caller(), Id(userId, context));
        var invited = await accounts.InviteAsync(caller, id, context.RequestAborted);
        if (!invited.Succeeded) return Refused(invited.Errors);
        var user = await accounts.FindAsync(caller, id, context.RequestAborted);
        return TypedResults.Created($"/api/v1/users/{Ids.Text(id)}", Invited(context, user!, invited.Value));
    }

    private static async Task<IResult> CreateTokenAsync(string userId, NewTokenBody body, AccountService accounts, HttpContext context)
    {
        var id = Id(userId, context);
        var made = await accounts.CreateTokenAsync(context.Caller(), id, body.Name ?? "", body.Role, body.ExpiresAt, context.RequestAborted);
        if (!made.Succeeded) return Refused(made.Errors);
        var token = made.Value.Token;
        return TypedResults.Created($"/api/v1/users/{Ids.Text(id)}/tokens/{Ids.Text(token.Id)}", new NewTokenView(Ids.Text(token.Id), made.Value.Plain, token.Name, token.Role, token.ExpiresAt));
    }

    private static async Task<IResult> ListTokensAsync(string userId, Paging paging, AccountService accounts, HttpContext context)
    {
        var id = Id(userId, context);
        var tokens = await accounts.ListTokensAsync(context.Caller(), id, context.RequestAborted);
        if (tokens.Count == 0 && await accounts.FindAsync(context.Caller(), id, context.RequestAborted) is not { IsImported: false }) return Problems.NotFound();
        var before = paging.Id ?? long.MaxValue;
        var rows = tokens.Where(t => t.Id < before).Take(paging.Limit + 1).ToList();
        return TypedResults.Ok(paging.Page(rows, t => t.Id, t => new TokenView(Ids.Text(t.Id), t.Name, t.Prefix, t.Role, t.CreatedAt, t.ExpiresAt, t.LastUsedAt)));
    }

    private static async Task<IResult> RevokeTokenAsync(string userId, string tokenId, AccountService accounts, HttpContext context) =>
        await accounts.RevokeTokenAsync(context.Caller(), Id(userId, context), Ids.Parse(tokenId), context.RequestAborted) ? TypedResults.NoContent() : Problems.NotFound();

    private static async Task<IResult> ListMembersAsync(Paging paging, AccountService accounts, HttpContext context)
    {
        if (await accounts.ListMembersAsync(context.Caller(), context.Grant().Project.Id, context.RequestAborted) is not { } members) return Problems.NotFound();

        // In order of names, so that the cursor is the last one's place; a project has at most some thousand members.
        var skip = paging.Id is { } after ? members.FindIndex(m => m.UserId == after) + 1 : 0;
        return TypedResults.Ok(paging.Page(members.Skip(skip).Take(paging.Limit + 1).ToList(), m => m.UserId, View));
    }

    private static async Task<IResult> SetMemberAsync(string userId, MemberBody body, AccountService accounts, HttpContext context)
    {
        if (body.Role is null) return Problems.Validation("role", "Must be lead or annotator.");
        var (project, id) = (context.Grant().Project.Id, Id(userId, context));
        var set = await accounts.AddMemberAsync(context.Caller(), project, id, body.Role.Value, context.RequestAborted);
        if (!set.Succeeded) return set.Errors.Any(e => e.Field is "user") ? Problems.NotFound() : Problems.Validation(set.Errors);
        var members = await accounts.ListMembersAsync(context.Caller(), project, context.RequestAborted);
        return members?.Find(m => m.UserId == id) is { } member ? TypedResults.Ok(View(member)) : Problems.NotFound();
    }

    private static async Task<IResult> RemoveMemberAsync(string userId, AccountService accounts, HttpContext context) =>
        await accounts.RemoveMemberAsync(context.Caller(), context.Grant().Project.Id, Id(userId, context), context.RequestAborted) ? TypedResults.NoContent() : Problems.NotFound();

    private static long Id(string userId, HttpContext context) => string.Equals(userId, Me, StringComparison.Ordinal) ? context.Caller().UserId : Ids.Parse(userId);

    // An error on the id is about the address, not about the body.
    private static IResult Refused(IReadOnlyList<(string Field, string Message)> errors) => errors.Any(e => e.Field is "id") ? Problems.NotFound() : Problems.Validation(errors);

    private static UserView View(AppUser user) => new(Ids.Text(user.Id), user.Email, user.DisplayName, user.Role, user.Disabled, user.CreatedAt);

    private static InvitedUserView Invited(HttpContext context, AppUser user, string? token)
    {
        var link = token is null ? null : $"{context.Request.Scheme}://{context.Request.Host}{context.Request.PathBase}/account/invitation?token={token}";
        return new InvitedUserView(Ids.Text(user.Id), user.Email, user.DisplayName, user.Role, user.Disabled, user.CreatedAt, link, token is null ? null : user.InvitationExpiresAt);
    }

    private static MemberView View(Member member) => new(Ids.Text(member.UserId), member.Name, member.Email, member.Role, member.Disabled, member.Since);
}
