using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review.Checks;

/// <summary>How one annotator answered checks.</summary>
/// <param name="UserId">The annotator.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Gold">Known labels answered rightly.</param>
/// <param name="Repeats">Own labels given again.</param>
/// <param name="Pause">The pause that lasts; null: none.</param>
public sealed record AnnotatorChecks(long UserId, string Name, MeasuredShare Gold, MeasuredShare Repeats, AnnotatorPause? Pause);

/// <summary>Reads what checks say, and begins and ends pauses.</summary>
public sealed class CheckReader(AnnotatorDatabase database, RunService runs)
{
    /// <summary>How right people's own labels are in a project, by its known and repeated items: what a certificate needs to speak of truth.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="alpha">Probability that the lower bound is ever too high; see <see cref="AccuracyCertificate.PeopleShare"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The measured accuracy; <see cref="PeopleAccuracy.Unmeasured"/> without an answer.</returns>
    /// <remarks>Each answer counts once, whoever gave it: the mean over people weighed by how much they were asked, which follows how much they label.</remarks>
    public async Task<PeopleAccuracy> PeopleAsync(long projectId, double alpha, CancellationToken cancellationToken = default)
    {
        var (gold, goldRight, repeats, same) = await TotalsAsync(projectId, cancellationToken);
        return PeopleAccuracy.Measure(goldRight, gold, same, repeats, alpha);
    }

    /// <summary>Everybody who answered a check or is paused, by name; or one person.</summary>
    public Task<List<AnnotatorChecks>> ReadAsync(long projectId, long? userId = null, CancellationToken cancellationToken = default) =>
        ReadAsync(projectId, DashboardFilter.None with { UserId = userId }, cancellationToken);

    /// <summary>Everybody who answered a check of a part of the work, or is paused, by name.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="filter">
    /// What part: when they were answered, by whom, on items with these metadata; the label is the known or the given one, and the source that of the pre-label that was shown.
    /// </param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<AnnotatorChecks>> ReadAsync(long projectId, DashboardFilter filter, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var userId = filter.UserId;
            var part = Part(db, projectId, filter);
            var groups = filter.Label is { } label
                ? await CountAsync(part, label, cancellationToken)
                : await part.GroupBy(c => new { c.UserId, c.Kind }).Select(g => new CheckCount(g.Key.UserId, g.Key.Kind, g.Count(), g.Count(c => c.Correct == true))).ToListAsync(cancellationToken);
            var pauses = await db.Set<AnnotatorPause>().Where(p => p.ProjectId == projectId && p.EndedAt == null && (userId == null || p.UserId == userId)).ToListAsync(cancellationToken);
            var ids = groups.Select(g => g.UserId).Concat(pauses.Select(p => p.UserId)).Distinct().ToList();
            var names = await db.Users.Where(u => ids.Contains(u.Id)).Select(u => new { u.Id, u.DisplayName, u.Email }).ToDictionaryAsync(u => u.Id, u => string.IsNullOrEmpty(u.DisplayName) ? u.Email ?? "" : u.DisplayName, cancellationToken);
            MeasuredShare Share(long user, CheckKind kind) => groups.Find(g => g.UserId == user && g.Kind == kind) is { } found ? MeasuredShare.Of(found.Right, found.Count) : MeasuredShare.Of(0, 0);
            return ids.Select(id => new AnnotatorChecks(id, names.GetValueOrDefault(id) ?? "", Share(id, CheckKind.Gold), Share(id, CheckKind.Repeat), pauses.Find(p => p.UserId == id)))
                .OrderBy(a => a.Name, StringComparer.OrdinalIgnoreCase).ThenBy(a => a.UserId).ToList();
        },
        cancellationToken);

    /// <summary>How many checks a person answered since a moment: they count as their work like everything else.</summary>
    public Task<int> AnsweredSinceAsync(long projectId, long userId, DateTimeOffset since, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.Set<QualityCheck>().CountAsync(c => c.ProjectId == projectId && c.UserId == userId && c.AnsweredAt >= since, cancellationToken), cancellationToken);

    /// <summary>Whether a person gets no work in a project at the moment.</summary>
    public Task<bool> IsPausedAsync(long projectId, long userId, CancellationToken cancellationToken = default) => database.ReadAsync(db => QualityChecks.IsPausedAsync(db, projectId, userId, cancellationToken), cancellationToken);

    /// <summary>Begins or ends a person's pause. For leads.</summary>
    /// <param name="grant">The lead's access to the project.</param>
    /// <param name="leadId">The lead.</param>
    /// <param name="userId">The person.</param>
    /// <param name="paused">Whether they are paused from now on.</param>
    /// <param name="takeBack">Whether a run takes all their labels back: the items go to somebody else, unless the labels of others are enough.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Whether the pause changed.</returns>
    /// <exception cref="UnauthorizedAccessException">The caller is no lead of the project.</exception>
    public Task<bool> PauseAsync(ProjectGrant grant, long leadId, long userId, bool paused, bool takeBack = false, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads pause people.");
        var project = grant.Project.Id;
        return database.WriteRepeatedlyAsync(
            async scope =>
            {
                if (!await scope.Db.Users.AnyAsync(u => u.Id == userId, cancellationToken)) return false;
                if (takeBack)
                {
                    await runs.AddAsync(scope, project, TakeBackHandler.RunKind, new TakeBackOptions { UserId = userId, Since = DateTimeOffset.UnixEpoch, Until = scope.Now }, leadId);
                    scope.Audit(leadId, "annotator.labelsTakenBack", new { userId }, project);
                }

                if (await QualityChecks.IsPausedAsync(scope.Db, project, userId, cancellationToken) == paused) return false;
                if (paused)
                    scope.Db.Set<AnnotatorPause>().Add(new AnnotatorPause { ProjectId = project, UserId = userId, CreatedAt = scope.Now, CreatedBy = leadId });
                else
                    await scope.Db.Set<AnnotatorPause>().Where(p => p.ProjectId == project && p.UserId == userId && p.EndedAt == null).ExecuteUpdateAsync(x => x.SetProperty(p => p.EndedAt, scope.Now).SetProperty(p => p.EndedBy, leadId), cancellationToken);
                scope.Audit(leadId, paused ? "annotator.paused" : "annotator.resumed", new { userId }, project);
                scope.Publish(new Live.ProjectChanged(project));
                return true;
            },
            cancellationToken);
    }

    private static IQueryable<QualityCheck> Part(AnnotatorDbContext db, long projectId, DashboardFilter filter)
    {
        var checks = db.Set<QualityCheck>().Where(c => c.ProjectId == projectId && c.Correct != null);
        if (filter.UserId is { } user) checks = checks.Where(c => c.UserId == user);
        if (filter.From is { } from) checks = checks.Where(c => c.AnsweredAt >= from);
        if (filter.To is { } to) checks = checks.Where(c => c.AnsweredAt < to);
        if (filter.Source is { } source) checks = checks.Where(c => c.ShownValue != null && db.Items.Any(i => i.ProjectId == projectId && i.Id == c.ItemId && i.PredictionSource == source));
        if (filter.Slice is { } slice)
        {
            var items = SliceFilter.Of(db, slice).Where(i => i.ProjectId == projectId);
            checks = checks.Where(c => items.Any(i => i.Id == c.ItemId));
        }

        return checks;
    }

    // The database finds what has the name somewhere; what the name is there, a value's own reader knows. One at a time: values of many shapes are large.
    private static async Task<List<CheckCount>> CountAsync(IQueryable<QualityCheck> checks, string label, CancellationToken cancellationToken)
    {
        var name = LabelJson.Write(new ChoiceValue(label))["{\"choice\":".Length..^1];
        var counts = new Dictionary<(long UserId, CheckKind Kind), CheckCount>();
        var named = checks.Where(c => c.Expected.Contains(name) || (c.Given != null && c.Given.Contains(name))).Select(c => new { c.UserId, c.Kind, c.Correct, c.Expected, c.Given });
        await foreach (var check in named.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            if (!Has(check.Expected) && (check.Given is null || !Has(check.Given))) continue;
            var before = counts.GetValueOrDefault((check.UserId, check.Kind)) ?? new CheckCount(check.UserId, check.Kind, 0, 0);
            counts[(check.UserId, check.Kind)] = before with { Count = before.Count + 1, Right = before.Right + (check.Correct == true ? 1 : 0) };
        }

        return [.. counts.Values];
        bool Has(string value) => LabelJson.Read(value).LabelNames.Contains(label, StringComparer.Ordinal);
    }

    private Task<(int Gold, int GoldRight, int Repeats, int Same)> TotalsAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var groups = await db.Set<QualityCheck>().Where(c => c.ProjectId == projectId && c.Correct != null).GroupBy(c => c.Kind).Select(g => new { g.Key, Count = g.Count(), Right = g.Count(c => c.Correct == true) }).ToListAsync(cancellationToken);
            var (gold, repeats) = (groups.Find(g => g.Key == CheckKind.Gold), groups.Find(g => g.Key == CheckKind.Repeat));
            return (gold?.Count ?? 0, gold?.Right ?? 0, repeats?.Count ?? 0, repeats?.Right ?? 0);
        },
        cancellationToken);

    private sealed record CheckCount(long UserId, CheckKind Kind, int Count, int Right);
}
