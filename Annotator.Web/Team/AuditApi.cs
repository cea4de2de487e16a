using System.ComponentModel;
using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Team;

/// <summary>An entry of the audit log.</summary>
public sealed record AuditEntryView(string Id, long Sequence, string? UserId, string? Who, string Action, RawJson? Detail, DateTimeOffset CreatedAt, string Hash);

/// <summary>A place where the log was tampered with.</summary>
public sealed record AuditFaultView(string Kind, long Sequence, string? Id);

/// <summary>What was found when a log was read from its beginning.</summary>
public sealed record AuditVerificationView(string? ProjectId, bool Holds, long Entries, long Sequence, string Hash, IReadOnlyList<AuditFaultView> Faults);

internal static class AuditApi
{
    public static void MapAuditApi(this IEndpointRouteBuilder endpoints)
    {
        var audit = endpoints.MapProjectApi("/audit").WithTags("Audit");
        audit.MapGet("", async (Paging paging, AuditReader reader, HttpContext context) =>
        {
            var rows = await reader.ReadAsync(context.Grant().Project.Id, paging.Id, paging.Limit + 1, context.RequestAborted);
            return paging.Page(rows, r => r.Entry.Id, View);
        }).RequireLead().WithSummary("Who changed what in the project, newest first");
        audit.MapGet("/verification", async (
            [Description("Place of an entry whose hash was noted down.")] string? sequence, [Description("The hash that was noted down for it.")] string? hash, AuditVerifier verifier, HttpContext context) =>
        {
            if (!TryNoted(sequence, hash, out var noted)) return (IResult)Problems.Validation("sequence", "Both are needed: the place of an entry (from 1) as 'sequence', and its hash as 'hash'.");
            return TypedResults.Ok(View(await verifier.VerifyAsync(context.Grant().Project.Id, noted, context.RequestAborted)));
        }).RequireLead().WithSummary("Whether the project's audit log is as it was written, and where not").Produces<AuditVerificationView>();
        endpoints.MapGet("/api/v1/audit/verification", async (AuditVerifier verifier, HttpContext context) =>
            new Listing<AuditVerificationView>([.. (await verifier.VerifyAllAsync(context.RequestAborted)).Select(View)], null))
            .RequireAuthorization(Policies.Admin).WithTags("Audit").WithSummary("The same of all logs: of each project, also of those that are gone, and of what concerns none");
    }

    private static bool TryNoted(string? sequence, string? hash, out (long, string)? noted)
    {
        noted = null;
        if (sequence is null && hash is null) return true;
        if (hash is null || !long.TryParse(sequence, NumberStyles.None, CultureInfo.InvariantCulture, out var place) || place < 1) return false;
        noted = (place, hash);
        return true;
    }

    private static AuditEntryView View(ShownAuditEntry row) => new(
        Ids.Text(row.Entry.Id), row.Entry.Sequence, row.Entry.UserId is { } user ? Ids.Text(user) : null, row.Who, row.Entry.Action, row.Entry.Detail is { } detail ? new RawJson(detail) : null, row.Entry.CreatedAt, row.Entry.Hash);

    private static AuditVerificationView View(AuditVerification v) => new(
        v.ProjectId is { } project ? Ids.Text(project) : null, v.Holds, v.Entries, v.Sequence, v.Hash,
        [.. v.Faults.Select(f => new AuditFaultView(Names.Of(f.Kind), f.Sequence, f.EntryId is { } id ? Ids.Text(id) : null))]);
}
