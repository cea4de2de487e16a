using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Prompts;

/// <summary>A version of a prompt with its parts read.</summary>
/// <param name="Version">Number.</param>
/// <param name="Content">Its parts.</param>
/// <param name="Active">Whether it is the one in use.</param>
/// <param name="Note">Why it was made.</param>
/// <param name="Parent">The version it was made from.</param>
/// <param name="CreatedBy">Who made it; null for the product itself.</param>
/// <param name="CreatedAt">When.</param>
/// <param name="Figures">What it was last measured at; null before.</param>
public sealed record PromptInfo(int Version, PromptContent Content, bool Active, string? Note, int? Parent, long? CreatedBy, DateTimeOffset CreatedAt, PromptFigures? Figures);

/// <summary>An item about which two versions say different things.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Key">Its key.</param>
/// <param name="Text">Its text, shortened.</param>
/// <param name="People">What people say.</param>
/// <param name="Before">What the one version says; null: nothing.</param>
/// <param name="After">What the other says; null: nothing.</param>
public sealed record PromptDifference(long ItemId, string Key, string? Text, string? People, string? Before, string? After);

/// <summary>Two versions side by side.</summary>
/// <param name="Before">The one.</param>
/// <param name="After">The other.</param>
/// <param name="Text">Their texts, line by line.</param>
/// <param name="Items">Items that both were measured on.</param>
/// <param name="BeforeRight">On how many of them the one is right.</param>
/// <param name="AfterRight">On how many the other is.</param>
/// <param name="Better">On how many only the other is right.</param>
/// <param name="Worse">On how many only the one is.</param>
/// <param name="PValue">How probable so clear an advantage of the other, or a clearer one, would be if they were equally good (McNemar, exact, one-sided).</param>
/// <param name="Differences">Items about which they say different things.</param>
public sealed record PromptComparison(
    PromptInfo Before, PromptInfo After, IReadOnlyList<DiffLine> Text, int Items, int BeforeRight, int AfterRight, int Better, int Worse, double PValue, IReadOnlyList<PromptDifference> Differences);

/// <summary>The versions of the prompts of projects. A version never changes; another is made, and one is in use.</summary>
public sealed class PromptCatalog(AnnotatorDatabase database)
{
    /// <summary>Differences that a comparison lists.</summary>
    public const int MostDifferences = 500;

    private const int Excerpt = 300;

    /// <summary>The version in use. Where the project says something else than when it was made, a new one with the same improvements is made and used.</summary>
    public async Task<PromptInfo> CurrentAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var active = await database.ReadAsync(db => db.Prompts.FirstOrDefaultAsync(p => p.ProjectId == project.Id && p.Active, cancellationToken), cancellationToken);
        if (active is not null && Read(active) is var content && content.Fits(project)) return Info(active);
        return await database.WriteAsync(
            async scope =>
            {
                var there = await scope.Db.Prompts.AsNoTracking().FirstOrDefaultAsync(p => p.ProjectId == project.Id && p.Active, cancellationToken);
                if (there is not null && Read(there).Fits(project)) return Info(there);
                var next = there is null ? PromptContent.Of(project) : Read(there).Rebase(project);
                var made = await AddAsync(scope, project.Id, next, there is null ? "From the labels and guidelines of the project." : "The labels or guidelines of the project have changed.", there?.Version, null);
                await ActivateAsync(scope, project.Id, made.Version);
                return Info(made) with { Active = true };
            },
            cancellationToken);
    }

    /// <summary>All versions, newest first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="before">Only versions with a smaller number, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<PromptInfo>> ListAsync(long projectId, long? before, int limit, CancellationToken cancellationToken = default)
    {
        var rows = await database.ReadAsync(
            db => db.Prompts.Where(p => p.ProjectId == projectId && (before == null || p.Version < before)).OrderByDescending(p => p.Version).Take(limit).ToListAsync(cancellationToken), cancellationToken);
        return [.. rows.Select(Info)];
    }

    /// <summary>One version; null where there is none of that number.</summary>
    public async Task<PromptInfo?> FindAsync(long projectId, int version, CancellationToken cancellationToken = default) =>
        await database.ReadAsync(db => db.Prompts.FirstOrDefaultAsync(p => p.ProjectId == projectId && p.Version == version, cancellationToken), cancellationToken) is { } row ? Info(row) : null;

    /// <summary>Makes a version by hand; it is not in use before it is promoted.</summary>
    public async Task<Outcome<PromptInfo>> CreateAsync(Caller caller, Project project, PromptContent content, string? note, int? parent, CancellationToken cancellationToken = default)
    {
        var errors = content.Validate().ToList();
        if (note?.Length > 2_000) errors.Add(("note", "At most 2,000 characters."));
        if (errors.Count > 0) return Outcome<PromptInfo>.Fail(errors);
        return await database.WriteAsync(
            async scope =>
            {
                var made = await AddAsync(scope, project.Id, content, note, parent, caller.UserId);
                scope.Audit(caller.UserId, "prompt.created", new { version = made.Version, parent }, project.Id);
                return (Outcome<PromptInfo>)Info(made);
            },
            cancellationToken);
    }

    /// <summary>Takes a version into use: a newer one is promoted, an older one rolled back to. What was labelled by others stays.</summary>
    /// <returns>Whether there is such a version.</returns>
    public Task<bool> PromoteAsync(long? userId, long projectId, int version, CancellationToken cancellationToken = default) => database.WriteAsync(
        async scope =>
        {
            if (!await scope.Db.Prompts.AnyAsync(p => p.ProjectId == projectId && p.Version == version, cancellationToken)) return false;
            await ActivateAsync(scope, projectId, version);
            scope.Audit(userId, "prompt.promoted", new { version }, projectId);
            return true;
        },
        cancellationToken);

    /// <summary>Compares two versions on the items that both were measured on.</summary>
    /// <returns>The comparison; null where there is no such version.</returns>
    public async Task<PromptComparison?> CompareAsync(long projectId, int before, int after, CancellationToken cancellationToken = default)
    {
        if (await FindAsync(projectId, before, cancellationToken) is not { } a || await FindAsync(projectId, after, cancellationToken) is not { } b) return null;
        var rows = await database.ReadAsync(
            db => (from x in db.PromptAnswers
                   join y in db.PromptAnswers on new { x.ProjectId, x.ItemId } equals new { y.ProjectId, y.ItemId }
                   join i in db.Items on new { x.ProjectId, Id = x.ItemId } equals new { i.ProjectId, i.Id }
                   where x.ProjectId == projectId && x.PromptVersion == before && y.PromptVersion == after && i.LabelValue != null
                   orderby i.Id
                   select new PromptDifference(i.Id, i.Key, i.Text, i.LabelValue, x.Value, y.Value)).ToListAsync(cancellationToken),
            cancellationToken);
        static double Likeness(PromptDifference d, string? said) => said is null ? 0 : LabelLikeness.Of(d.People!, said);
        static bool Right(PromptDifference d, string? said) => said is not null && LabelLikeness.Same(d.People!, said);
        var gains = rows.ConvertAll(r => Likeness(r, r.After) - Likeness(r, r.Before));
        var (better, worse) = (gains.Count(g => g > 1e-9), gains.Count(g => g < -1e-9));
        return new PromptComparison(
            a, b, LineDiff.Of(a.Content.ToLines(), b.Content.ToLines()), rows.Count, rows.Count(r => Right(r, r.Before)), rows.Count(r => Right(r, r.After)), better, worse,
            PairedTest.PValue(better, worse),
            [.. rows.Where(r => !string.Equals(r.Before, r.After, StringComparison.Ordinal)).Take(MostDifferences).Select(r => r with { Text = r.Text?.Length > Excerpt ? r.Text[..Excerpt] : r.Text })]);
    }

    /// <summary>Adds a version.</summary>
    internal static async Task<PromptVersion> AddAsync(WriteScope scope, long projectId, PromptContent content, string? note, int? parent, long? userId)
    {
        var last = await scope.Db.Prompts.Where(p => p.ProjectId == projectId).MaxAsync(p => (int?)p.Version, scope.CancellationToken) ?? 0;
        var row = new PromptVersion
        {
            ProjectId = projectId,
            Version = last + 1,
            Content = JsonSerializer.Serialize(content, ProjectJson.Options),
            Note = note,
            Parent = parent,
            CreatedBy = userId,
            CreatedAt = scope.Now,
        };
        await scope.Dialect.InsertAsync(scope.Db, [row], ignoreConflicts: false, scope.CancellationToken);
        return row;
    }

    /// <summary>Takes a version into use.</summary>
    internal static async Task ActivateAsync(WriteScope scope, long projectId, int version)
    {
        await scope.Db.Prompts.Where(p => p.ProjectId == projectId && p.Active && p.Version != version).ExecuteUpdateAsync(x => x.SetProperty(p => p.Active, false), scope.CancellationToken);
        await scope.Db.Prompts.Where(p => p.ProjectId == projectId && p.Version == version).ExecuteUpdateAsync(x => x.SetProperty(p => p.Active, true), scope.CancellationToken);
        scope.Publish(new ProjectChanged(projectId));
    }

    internal static PromptInfo Info(PromptVersion row) => new(
        row.Version, Read(row), row.Active, row.Note, row.Parent, row.CreatedBy, row.CreatedAt, row.Figures is null ? null : JsonSerializer.Deserialize<PromptFigures>(row.Figures, ProjectJson.Options));

    private static PromptContent Read(PromptVersion row) => JsonSerializer.Deserialize<PromptContent>(row.Content, ProjectJson.Options)!;
}
