using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning.Steering;

/// <content>The audit: draws, answers, the bound, and the acceptance of what is left.</content>
internal sealed partial class SteeringService
{
    // People may run ahead of the bound by this many answers: what is answered after the bound was reached is wasted. By fewer where little is left.
    private const int AuditAhead = 20;
    private const int LeastAuditAhead = 5;

    private const int FewestOpenDraws = 30;

    private const int MostOpenDraws = 200;

    // Fewer reviews than this are not worth a change of plan.
    private const int WorthReviewing = 25;

    // Before so many draws nobody knows whether the predicted risks are true.
    private const int DrawsBeforeReviews = 50;

    // Drawn items stand before everything else, in the order of the draws.
    private const double DrawRank = -1e9;

    /// <summary>Takes in what people have decided since, draws more, or ends the audit.</summary>
    /// <returns>The state after.</returns>
    public async Task<AuditState> AdvanceAsync(RunContext run, Project project, Audit audit, CancellationToken cancellationToken)
    {
        if (audit.State == AuditState.Running)
        {
            try
            {
                audit.State = await StepAsync(run, project, audit, cancellationToken);
            }
            catch
            {
                // What is in memory may be ahead of what was committed.
                audits.Forget(project.Id);
                throw;
            }
        }

        if (audit.State == AuditState.Passed) await SettleAsync(run, project, audit, cancellationToken);
        return audit.State;
    }

    private async Task<AuditState> StepAsync(RunContext run, Project project, Audit audit, CancellationToken cancellationToken)
    {
        var session = await audits.OpenAsync(audit, fresh: false, cancellationToken);
        var decided = await DecidedAsync(project.Id, cancellationToken);
        var classes = AuditLedger.ClassesOf(audit).Select((n, c) => (Value: LabelJson.Write(new ChoiceValue(n)), c)).ToDictionary(p => p.Value, p => p.c, StringComparer.Ordinal);
        bool IsWrong(long id, string label) => !classes.TryGetValue(label, out var c) || c != session.ProposalOf(id);

        // A person changed their mind on an item that was counted: the draws stay what they were, the bound is made anew.
        var corrected = decided.Where(d => session.RecordOf(d.Id) is { Wrong: { } said } && said != IsWrong(d.Id, d.Label)).ToList();
        if (corrected.Count > 0)
        {
            await run.CheckpointAsync(
                scope =>
                {
                    var records = corrected.Select(d => session.RecordOf(d.Id)!).ToList();
                    foreach (var record in records) record.Wrong = !record.Wrong;
                    return scope.Dialect.UpsertAsync(scope.Db, records, cancellationToken);
                },
                null,
                cancellationToken: cancellationToken);
            session = await audits.OpenAsync(audit, fresh: true, cancellationToken);
        }

        var aside = await SetAsideAsync(project.Id, session, decided.Select(d => d.Id).ToHashSet(), cancellationToken);
        var now = decided.Count > 0 ? decided.Max(d => d.At) : audit.StartedAt;
        List<AuditRecord> changed = [];
        foreach (var (id, label, at) in decided)
        {
            if (session.ProposalOf(id) < 0 || session.RecordOf(id) is { Wrong: not null }) continue;
            changed.Add(session.Answer(id, IsWrong(id, label), at));
        }

        // Whatever people would not or could not say counts against the labels.
        changed.AddRange(aside.Select(id => session.Answer(id, wrong: true, now)));

        var total = audit.DecidedBefore + audit.Population;
        var allowed = AccuracyCertificate.AllowedErrors(audit.Target, total, total - session.Test.Remaining, PeopleAccuracy.Unmeasured);
        var state = audit.SchemaVersion != project.SchemaVersion || !project.Settings.AutoAccept ? AuditState.Abandoned
            : session.Test.RemainingErrors <= allowed ? AuditState.Passed : AuditState.Running;
        var plan = state == AuditState.Running ? session.Test.PlanLeft(Math.Max(0, allowed)) : default;
        if (state == AuditState.Running) changed.AddRange(DrawMore(session, plan, now));
        var learned = decided.Count;
        await run.CheckpointAsync(scope => CommitAsync(scope, project, session, changed, state, (long)Math.Ceiling(plan.Reviews + plan.Draws)), null, cancellationToken: cancellationToken);
        run.SetResult(new { audit = audit.Number, state = Names.Of(state), drawn = session.Test.Audited, found = session.Test.Found, errorBound = session.Test.RemainingErrors, allowed, learned });
        return state;
    }

    // Where the riskiest items are worth more than draws, no more are drawn for now: people go on with the queue, which begins with those.
    private static List<AuditRecord> DrawMore(AuditSession session, (double Reviews, double Draws) plan, DateTimeOffset now)
    {
        if (plan.Reviews >= WorthReviewing && session.Test.Audited >= DrawsBeforeReviews) return [];
        var wanted = (int)Math.Clamp(plan.Draws / 2, FewestOpenDraws, MostOpenDraws);
        List<AuditRecord> drawn = [];
        for (var open = session.OpenDraws; open < wanted; open++)
        {
            if (session.Draw(now) is not { } record) break;
            drawn.Add(record);
        }

        return drawn;
    }

    private async Task CommitAsync(WriteScope scope, Project project, AuditSession session, List<AuditRecord> changed, AuditState state, long left)
    {
        var audit = session.Audit;
        foreach (var record in changed.Where(r => r.Wrong is null)) record.CreatedAt = scope.Now;
        await scope.Dialect.UpsertAsync(scope.Db, changed, scope.CancellationToken);
        var ended = state == AuditState.Running ? (DateTimeOffset?)null : scope.Now;
        await scope.Db.Audits.Where(a => a.ProjectId == project.Id && a.Number == audit.Number)
            .ExecuteUpdateAsync(x => x.SetProperty(a => a.State, state).SetProperty(a => a.EndedAt, ended), scope.CancellationToken);
        await ShowAsync(scope, project, [.. changed.Where(r => r is { Kind: AuditEntry.Draw, Wrong: null })]);
        if (state == AuditState.Abandoned) await WithdrawAsync(scope, project, session);
        await CertifyAsync(scope, project, session);
        var decided = await scope.Db.Counters.AsNoTracking().Where(c => c.ProjectId == project.Id && c.Name == CounterNames.HumanDecisions).Select(c => c.Value).FirstOrDefaultAsync(scope.CancellationToken);
        await SteeringCounters.SetAsync(
            scope, project.Id,
            (SteeringCounters.Phase, (long)(state == AuditState.Abandoned ? SteeringPhase.Learning : SteeringPhase.Audit)),
            (SteeringCounters.Left, Math.Min(left, session.Test.Remaining)), (SteeringCounters.Ahead, Math.Clamp(left / 4, LeastAuditAhead, AuditAhead)), (SteeringCounters.LearnedDecisions, decided));
        scope.Publish(new ProjectChanged(project.Id));
    }

    // Drawn items go to the front of the queue, blind; to their annotators they look like any other.
    private static async Task ShowAsync(WriteScope scope, Project project, List<AuditRecord> drawn)
    {
        if (drawn.Count == 0) return;
        var ids = drawn.Select(d => d.ItemId).ToList();
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id)).ToDictionaryAsync(i => i.Id, scope.CancellationToken);
        var leases = await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == project.Id && ids.Contains(l.ItemId)).GroupBy(l => l.ItemId)
            .Select(g => new { g.Key, Count = g.Count() }).ToDictionaryAsync(g => g.Key, g => g.Count, scope.CancellationToken);
        var changes = drawn.Where(d => items.TryGetValue(d.ItemId, out var item) && !IsDecided(item)).Select(d =>
        {
            var item = items[d.ItemId];
            var open = Math.Max(0, project.Settings.Overlap - item.Votes - leases.GetValueOrDefault(item.Id));
            return new ItemChange(item, ItemState.Queued, Route.Human, Place: new QueuePlace(DrawRank + d.Ordinal, QueueReason.Random, Blind: true, open), Audit: true);
        }).ToList();
        if ((await ItemTransitions.ApplyAsync(scope, changes)).Contains(false)) throw new ConcurrentChangeException();
    }

    // Draws of an audit that was given up are ordinary items again.
    private static async Task WithdrawAsync(WriteScope scope, Project project, AuditSession session)
    {
        var ids = session.Records.Where(r => r is { Kind: AuditEntry.Draw, Wrong: null }).Select(r => r.ItemId).ToList();
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id) && i.State == ItemState.Queued && i.Audit).ToListAsync(scope.CancellationToken);
        await ItemTransitions.ApplyAsync(scope, [.. items.Select(i => new ItemChange(i, ItemState.Queued, Audit: false))]);
        await scope.Db.Queue.Where(q => q.ProjectId == project.Id && ids.Contains(q.ItemId))
            .ExecuteUpdateAsync(x => x.SetProperty(q => q.Blind, false).SetProperty(q => q.Rank, 0.0).SetProperty(q => q.Reason, QueueReason.Uncertain), scope.CancellationToken);
    }

    private static async Task CertifyAsync(WriteScope scope, Project project, AuditSession session)
    {
        if (session.Test.Audited == 0) return;
        var certificate = AccuracyCertificate.Of(session.Test, session.Audit.Number, session.Audit.DecidedBefore, session.Audit.Target, session.Audit.Confidence, PeopleAccuracy.Unmeasured);
        var last = await scope.Db.Certificates.AsNoTracking().Where(c => c.ProjectId == project.Id).OrderByDescending(c => c.Id).FirstOrDefaultAsync(scope.CancellationToken);
        if (last is not null && last.Audited == certificate.Audited && last.LowerBound == certificate.LowerBound && last.Items == certificate.Items) return;
        await scope.Dialect.InsertAsync(
            scope.Db,
            [
                new CertificateSnapshot
                {
                    Id = scope.NextId("certificate"),
                    ProjectId = project.Id,
                    Target = certificate.Target,
                    Confidence = certificate.Confidence,
                    Estimate = certificate.Estimate,
                    LowerBound = Math.Max(0, certificate.LowerBound),
                    Audited = certificate.Audited,
                    Items = certificate.Items,
                    Detail = System.Text.Json.JsonSerializer.Serialize(
                        new { audit = certificate.Audit, decided = certificate.Decided, accepted = certificate.Accepted, errorBound = certificate.ErrorBound, fewestErrors = certificate.FewestErrors, expectedErrors = Math.Round(certificate.ExpectedErrors, 1), found = session.Test.Found, alpha = session.Audit.Alpha },
                        ProjectJson.Options),
                    CreatedAt = scope.Now,
                },
            ],
            ignoreConflicts: false,
            scope.CancellationToken);
    }

    private async Task SettleAsync(RunContext run, Project project, Audit audit, CancellationToken cancellationToken)
    {
        var session = await audits.OpenAsync(audit, fresh: false, cancellationToken);
        var values = AuditLedger.ClassesOf(audit).Select(n => LabelJson.Write(new ChoiceValue(n))).ToArray();
        foreach (var part in Enumerable.Range(0, session.Frozen.Items.Length).Chunk(Part))
        {
            var place = part.ToDictionary(i => session.Frozen.Items[i]);
            var ids = place.Keys.ToList();
            await run.CheckpointAsync(
                async scope =>
                {
                    var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id) && i.State != ItemState.Final && !i.Flagged).ToListAsync(cancellationToken);

                    var held = await HeldByPeople.AmongAsync(scope, project.Id, items);
                    items.RemoveAll(i => held.Contains(i.Id));
                    var changes = items.Select(i => new ItemChange(
                        i, ItemState.Final, Route.Auto, Label: new LabelChange(values[session.Frozen.Classes[place[i.Id]]], LabelSource.Auto, 1 - session.Frozen.Risks[place[i.Id]]), Audit: false)).ToList();
                    var done = await ItemTransitions.ApplyAsync(scope, changes);
                    scope.Publish(new ItemsDecided(project.Id, [.. items.Where((_, n) => done[n]).Take(200).Select(i => new Decided(i.Id, i.Key, i.LabelValue, LabelSource.Auto, null, ItemState.Final))]));
                },
                null,
                part.Length,
                cancellationToken: cancellationToken);
        }

        await run.CheckpointAsync(
            async scope =>
            {
                await scope.Db.Audits.Where(a => a.ProjectId == project.Id && a.Number == audit.Number).ExecuteUpdateAsync(x => x.SetProperty(a => a.State, AuditState.Settled), cancellationToken);
                await SteeringCounters.SetAsync(scope, project.Id, (SteeringCounters.Phase, (long)SteeringPhase.Done), (SteeringCounters.Left, 0), (SteeringCounters.Ahead, 0));
                scope.Publish(new ProjectChanged(project.Id));
            },
            null,
            cancellationToken: cancellationToken);
        audit.State = AuditState.Settled;
        audits.Forget(project.Id);
    }

    private Task<List<(long Id, string Label, DateTimeOffset At)>> DecidedAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var rows = await db.Items
                .Where(i => i.ProjectId == projectId && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import) && i.State == ItemState.Final)
                .Select(i => new { i.Id, i.LabelValue, i.DecidedAt }).ToListAsync(cancellationToken);
            return rows.Select(r => (r.Id, r.LabelValue!, r.DecidedAt ?? default)).OrderBy(r => r.Item3).ThenBy(r => r.Id).ToList();
        },
        cancellationToken);

    // Draws that people set aside: flagged ones at once; skipped ones when nothing else is left to wait for.
    private async Task<List<long>> SetAsideAsync(long projectId, AuditSession session, HashSet<long> decided, CancellationToken cancellationToken)
    {
        var open = session.Records.Where(r => r is { Kind: AuditEntry.Draw, Wrong: null } && !decided.Contains(r.ItemId)).Select(r => r.ItemId).ToList();
        if (open.Count == 0) return [];
        return await database.ReadAsync(
            async db =>
            {
                var flagged = await db.Items.Where(i => i.ProjectId == projectId && open.Contains(i.Id) && i.Flagged).Select(i => i.Id).ToListAsync(cancellationToken);
                var skipped = await db.Decisions
                    .Where(d => d.ProjectId == projectId && open.Contains(d.ItemId) && d.UndoneById == null && (d.Action == DecisionAction.Skip || d.Action == DecisionAction.Reject) && d.CreatedAt >= session.Audit.StartedAt)
                    .Select(d => d.ItemId).Distinct().ToListAsync(cancellationToken);
                return flagged.Count + skipped.Except(flagged).Count() == open.Count ? [.. flagged.Union(skipped)] : flagged;
            },
            cancellationToken);
    }
}
