using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Edge;

/// <summary>A signed manifest.</summary>
/// <param name="Text">The text.</param>
/// <param name="Signature">Its signature, base64.</param>
public sealed record SignedManifest(string Text, string Signature);

/// <summary>The file of a version that devices get.</summary>
/// <param name="Version">The student version.</param>
/// <param name="Blob">Name of the file in the blob store; empty where it is no longer kept.</param>
/// <param name="Hash">SHA-256 of it.</param>
/// <param name="Bytes">Its length.</param>
public sealed record DeviceModel(int Version, string Blob, string Hash, long Bytes);

/// <summary>
/// Brings students to devices in steps. No clock of its own: the devices' reports move it on, so that a fleet that is away costs nothing and misses nothing.
/// </summary>
public sealed class RolloutService(AnnotatorDatabase database, StudentCatalog students, RunService runs, EdgeKeys keys, TimeProvider time)
{
    // How often the devices' reports are looked at together, a project and node.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private const int MostSigned = 1_000;

    private readonly ConcurrentDictionary<long, long> _looked = new();
    private readonly ConcurrentDictionary<(long Project, long Serial, int Schema), SignedManifest> _signed = new();

    /// <summary>Rollouts of a project, newest first.</summary>
    public Task<List<EdgeRollout>> ListAsync(long projectId, int limit = 50, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Set<EdgeRollout>().Where(r => r.ProjectId == projectId).OrderByDescending(r => r.Serial).Take(limit).ToListAsync(cancellationToken), cancellationToken);

    /// <summary>Begins a rollout by hand.</summary>
    /// <param name="caller">Who does.</param>
    /// <param name="project">The project.</param>
    /// <param name="version">The student version; an older one too.</param>
    /// <param name="percent">Its first share, 1 to 100.</param>
    /// <param name="automatic">Whether it goes on by itself.</param>
    /// <param name="int8">Whether devices get the version's file of eight bits, which must have been measured before, by a run of kind <c>quantize</c>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<Outcome<EdgeRollout>> BeginAsync(Caller caller, Project project, int version, int percent, bool automatic, bool int8 = false, CancellationToken cancellationToken = default) => database.WriteAsync(
        async scope =>
        {
            await scope.Dialect.LockProjectAsync(scope.Db, project.Id, cancellationToken);
            if (percent is < 1 or > 100) return Outcome<EdgeRollout>.Fail("percent", "Must be 1 to 100.");
            if (!await scope.Db.Students.AnyAsync(s => s.ProjectId == project.Id && s.Version == version && s.Blob != "", cancellationToken))
                return Outcome<EdgeRollout>.Fail("version", "There is no student of that version, or its file is no longer kept.");
            if (int8 && await Int8Async(scope.Db, project.Id, version, cancellationToken) is var quantized && (quantized?.RefusedFor(project.Settings.Edge.MostInt8Loss) ?? (quantized is null ? "It was not measured yet: start a run of kind quantize." : null)) is { } why)
                return Outcome<EdgeRollout>.Fail("int8", why);
            var rollout = await AddAsync(scope, project.Id, version, percent, automatic, int8, caller.UserId, null);
            scope.Audit(caller.UserId, "rollout.begun", new { version, percent, int8 }, project.Id);
            return rollout;
        },
        cancellationToken);

    /// <summary>Sets the share of the rollout that is under way; 100 completes it.</summary>
    public Task<Outcome<EdgeRollout>> SetShareAsync(Caller caller, long projectId, long serial, int percent, CancellationToken cancellationToken = default) => database.WriteAsync(
        async scope =>
        {
            await scope.Dialect.LockProjectAsync(scope.Db, projectId, cancellationToken);
            var rollout = await scope.Db.Set<EdgeRollout>().SingleOrDefaultAsync(r => r.ProjectId == projectId && r.Serial == serial, cancellationToken);
            if (rollout is null || rollout.State != RolloutState.Rolling) return Outcome<EdgeRollout>.Fail("serial", "This rollout is not under way.");
            if (percent < rollout.Percent || percent > 100) return Outcome<EdgeRollout>.Fail("percent", $"Must be {rollout.Percent} to 100: a share is not made smaller, but taken back.");
            Move(scope, rollout, percent);
            scope.Audit(caller.UserId, "rollout.moved", new { serial, percent }, projectId);
            return rollout;
        },
        cancellationToken);

    /// <summary>Takes the newest rollout back: all devices get the version before it.</summary>
    public Task<Outcome<EdgeRollout>> TakeBackAsync(Caller caller, long projectId, long serial, string? note = null, CancellationToken cancellationToken = default) => database.WriteAsync(
        async scope =>
        {
            await scope.Dialect.LockProjectAsync(scope.Db, projectId, cancellationToken);
            var rollout = await scope.Db.Set<EdgeRollout>().OrderByDescending(r => r.Serial).FirstOrDefaultAsync(r => r.ProjectId == projectId, cancellationToken);
            if (rollout is null || rollout.Serial != serial) return Outcome<EdgeRollout>.Fail("serial", "Only the newest rollout can be taken back.");
            var back = await TakeBackAsync(scope, rollout, note ?? "Taken back by hand.");
            if (back is null) return Outcome<EdgeRollout>.Fail("serial", "There is no version before it that is still kept.");
            scope.Audit(caller.UserId, "rollout.takenBack", new { serial }, projectId);
            return back;
        },
        cancellationToken);

    /// <summary>Moves a project's rollout on, by what its devices have reported.</summary>
    public async Task AdvanceAsync(Project project, CancellationToken cancellationToken = default)
    {
        var now = time.GetTimestamp();
        if (_looked.TryGetValue(project.Id, out var at) && time.GetElapsedTime(at, now) < Look) return;
        _looked[project.Id] = now;
        if (!await NeedsChangeAsync(project, cancellationToken)) return;
        await database.WriteAsync(
            async scope =>
            {
                // Seen again under the lock: another node may have done it.
                await scope.Dialect.LockProjectAsync(scope.Db, project.Id, cancellationToken);
                var newest = await scope.Db.Set<EdgeRollout>().OrderByDescending(r => r.Serial).FirstOrDefaultAsync(r => r.ProjectId == project.Id, cancellationToken);
                if (newest is not null && IsJudged(newest))
                {
                    var verdict = RolloutRules.Judge(newest, await DevicesAsync(scope.Db, project.Id, cancellationToken), project.Settings.Edge, scope.Now);
                    if (verdict.Back is { } reason)
                    {
                        // Where there is nothing to go back to it stays, with the reason for people to read.
                        if (await TakeBackAsync(scope, newest, reason) is null) newest.Note = reason;
                        return;
                    }

                    if (newest.State == RolloutState.Rolling)
                    {
                        if (Moves(newest, verdict)) Move(scope, newest, verdict.Percent);
                        return;
                    }
                }

                if (await NextAsync(scope.Db, project, newest, cancellationToken) is not { } next) return;
                var int8 = false;
                if (project.Settings.Edge.Int8)
                {
                    // It waits until it is known what eight bits cost; where that is too much, or cannot be found out, the full one goes.
                    var quantized = await Int8Async(scope.Db, project.Id, next.Version, cancellationToken);
                    if (quantized is null && !await HasFailedAsync(scope, next)) return;
                    int8 = quantized is not null && quantized.RefusedFor(project.Settings.Edge.MostInt8Loss) is null;
                }

                await AddAsync(scope, project.Id, next.Version, project.Settings.Edge.Stages[0], automatic: true, int8, null, null);
            },
            cancellationToken);
    }

    /// <summary>The manifest of the model that a device should run; null where there is none yet.</summary>
    public async Task<SignedManifest?> TargetAsync(Project project, EdgeDevice device, CancellationToken cancellationToken = default)
    {
        var (rollout, student) = await database.ReadAsync(
            async db =>
            {
                var newest = await db.Set<EdgeRollout>().Where(r => r.ProjectId == project.Id).OrderByDescending(r => r.Serial).FirstOrDefaultAsync(cancellationToken);
                if (newest is { State: RolloutState.Rolling, BaseSerial: > 0 } && device.Serial < newest.Serial)
                {
                    var all = await db.Set<EdgeDevice>().Where(d => d.ProjectId == project.Id && d.RevokedAt == null).Select(d => d.Id).ToListAsync(cancellationToken);
                    if (!RolloutRules.Chosen(newest.Serial, newest.Percent, all).Contains(device.Id))
                    {
                        // A device that comes new, and whose version is no longer kept, gets the new one before its turn.
                        var before = await db.Set<EdgeRollout>().SingleAsync(r => r.ProjectId == project.Id && r.Serial == newest.BaseSerial, cancellationToken);
                        var kept = await StudentAsync(db, before, cancellationToken);
                        if (kept is { Blob: not "" } || device.Serial == before.Serial) return (before, kept);
                    }
                }

                return (newest, newest is null ? null : await StudentAsync(db, newest, cancellationToken));
            },
            cancellationToken);
        if (rollout is null || student is null) return null;
        var key = (project.Id, rollout.Serial, project.SchemaVersion);
        if (_signed.TryGetValue(key, out var known)) return known;
        var schema = project.Schema;
        var text = new ModelManifest(
            project.Id.ToString(CultureInfo.InvariantCulture), rollout.Serial, student.Version, student.Hash, student.Bytes, project.SchemaVersion, schema.Multiple, schema.Leaves(), rollout.CreatedAt).Write();
        var signed = new SignedManifest(text, await keys.SignAsync(text, cancellationToken));
        if (_signed.Count >= MostSigned) _signed.Clear();
        return _signed[key] = signed;
    }

    // One that was taken back is not judged again, and neither is what came in its place.
    private static bool IsJudged(EdgeRollout rollout) => rollout.State is RolloutState.Rolling or RolloutState.Complete && rollout.Note is null;

    private static bool Moves(EdgeRollout rollout, RolloutVerdict verdict) => verdict.Percent != rollout.Percent || verdict.Percent == 100;

    // Whether the measuring of a version has ended without a result; it is begun where it was not.
    private async Task<bool> HasFailedAsync(WriteScope scope, StudentVersion student)
    {
        var states = await scope.Db.Runs.Where(r => r.ProjectId == student.ProjectId && r.Kind == QuantizeHandler.RunKind && r.CreatedAt >= student.CreatedAt).Select(r => r.State).ToListAsync(scope.CancellationToken);
        if (states.Count == 0) await runs.AddAsync(scope, student.ProjectId, QuantizeHandler.RunKind, new QuantizeOptions { Version = student.Version });
        return states.Count > 0 && states.TrueForAll(s => s >= RunState.Succeeded);
    }

    private static Task<QuantizedStudent?> Int8Async(AnnotatorDbContext db, long projectId, int version, CancellationToken cancellationToken) =>
        db.Set<QuantizedStudent>().AsNoTracking().SingleOrDefaultAsync(q => q.ProjectId == projectId && q.Version == version, cancellationToken);

    private static Task<DeviceModel?> StudentAsync(AnnotatorDbContext db, EdgeRollout rollout, CancellationToken cancellationToken) => rollout.Int8
        ? db.Set<QuantizedStudent>().Where(q => q.ProjectId == rollout.ProjectId && q.Version == rollout.Version).Select(q => new DeviceModel(q.Version, q.Blob, q.Hash, q.Bytes)).SingleOrDefaultAsync(cancellationToken)
        : db.Students.Where(s => s.ProjectId == rollout.ProjectId && s.Version == rollout.Version).Select(s => new DeviceModel(s.Version, s.Blob, s.Hash, s.Bytes)).SingleOrDefaultAsync(cancellationToken);

    /// <summary>The file of a rollout; null where there is none, or none any more.</summary>
    public Task<DeviceModel?> ModelAsync(long projectId, long serial, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db => await db.Set<EdgeRollout>().SingleOrDefaultAsync(r => r.ProjectId == projectId && r.Serial == serial, cancellationToken) is { } rollout
            && await StudentAsync(db, rollout, cancellationToken) is { Blob: not "" } model ? model : null,
        cancellationToken);

    /// <summary>What is known of the project's students of eight bits, newest first.</summary>
    public Task<List<QuantizedStudent>> QuantizedAsync(long projectId, int limit = 50, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Set<QuantizedStudent>().Where(q => q.ProjectId == projectId).OrderByDescending(q => q.Version).Take(limit).ToListAsync(cancellationToken), cancellationToken);

    private Task<bool> NeedsChangeAsync(Project project, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var newest = await db.Set<EdgeRollout>().Where(r => r.ProjectId == project.Id).OrderByDescending(r => r.Serial).FirstOrDefaultAsync(cancellationToken);
            if (newest is not null && IsJudged(newest))
            {
                var verdict = RolloutRules.Judge(newest, await DevicesAsync(db, project.Id, cancellationToken), project.Settings.Edge, time.GetUtcNow());
                if (verdict.Back is not null) return true;
                if (newest.State == RolloutState.Rolling) return Moves(newest, verdict);
            }

            return newest?.State != RolloutState.Rolling && await NextAsync(db, project, newest, cancellationToken) is not null;
        },
        cancellationToken);

    // The student that goes out by itself next: the newest, unless it is on its way already, was taken back, or measures worse.
    private async Task<StudentVersion?> NextAsync(AnnotatorDbContext db, Project project, EdgeRollout? newest, CancellationToken cancellationToken)
    {
        if (!project.Settings.Edge.AutoRollout) return null;
        var latest = await students.LatestAsync(project.Id, cancellationToken);
        if (latest is null || newest?.Version == latest.Version) return null;
        if (newest is null) return latest;
        if (await db.Set<EdgeRollout>().AnyAsync(r => r.ProjectId == project.Id && r.Version >= latest.Version, cancellationToken)) return null;
        var accuracy = await db.Students.Where(s => s.ProjectId == project.Id && s.Version == newest.Version).Select(s => s.Accuracy).SingleOrDefaultAsync(cancellationToken);
        return accuracy - latest.Accuracy > project.Settings.Edge.MostAccuracyLoss ? null : latest;
    }

    private static async Task<List<RolloutDevice>> DevicesAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        var rows = await db.Set<EdgeDevice>().AsNoTracking().Where(d => d.ProjectId == projectId && d.RevokedAt == null).Select(d => new { d.Id, d.Serial, d.Annotated, d.Failed, d.Refusal }).ToListAsync(cancellationToken);
        return [.. rows.Select(d => new RolloutDevice(d.Id, d.Serial, d.Annotated, d.Failed, d.Refusal?.StartsWith(DeviceService.UnusablePrefix, StringComparison.Ordinal) == true))];
    }

    private static async Task<EdgeRollout> AddAsync(WriteScope scope, long projectId, int version, int percent, bool automatic, bool int8, long? by, string? note)
    {
        var open = await scope.Db.Set<EdgeRollout>().Where(r => r.ProjectId == projectId && r.State == RolloutState.Rolling).ToListAsync(scope.CancellationToken);
        foreach (var other in open) other.State = RolloutState.Superseded;
        var last = await scope.Db.Set<EdgeRollout>().Where(r => r.ProjectId == projectId).MaxAsync(r => (long?)r.Serial, scope.CancellationToken) ?? 0;
        var complete = await scope.Db.Set<EdgeRollout>().Where(r => r.ProjectId == projectId && r.State == RolloutState.Complete).MaxAsync(r => (long?)r.Serial, scope.CancellationToken) ?? 0;
        var rollout = new EdgeRollout
        {
            ProjectId = projectId,
            Serial = last + 1,
            Version = version,
            BaseSerial = complete,
            Percent = complete == 0 ? 100 : percent,
            State = complete == 0 || percent == 100 ? RolloutState.Complete : RolloutState.Rolling,
            Automatic = automatic,
            Int8 = int8,
            StageSince = scope.Now,
            CreatedAt = scope.Now,
            CreatedBy = by,
            Note = note,
        };
        scope.Db.Set<EdgeRollout>().Add(rollout);
        scope.Publish(new ProjectChanged(projectId));
        return rollout;
    }

    private static async Task<EdgeRollout?> TakeBackAsync(WriteScope scope, EdgeRollout rollout, string reason)
    {
        var before = await scope.Db.Set<EdgeRollout>().AsNoTracking().Where(r => r.ProjectId == rollout.ProjectId && r.Serial < rollout.Serial && (r.Version != rollout.Version || r.Int8 != rollout.Int8) && r.State == RolloutState.Complete)
            .OrderByDescending(r => r.Serial).ToListAsync(scope.CancellationToken);
        var versions = before.Select(r => r.Version).ToList();
        var kept = await scope.Db.Students.Where(s => s.ProjectId == rollout.ProjectId && versions.Contains(s.Version) && s.Blob != "").Select(s => s.Version).ToListAsync(scope.CancellationToken);
        var small = await scope.Db.Set<QuantizedStudent>().Where(q => q.ProjectId == rollout.ProjectId && versions.Contains(q.Version) && q.Blob != "").Select(q => q.Version).ToListAsync(scope.CancellationToken);
        var good = before.Find(r => (r.Int8 ? small : kept).Contains(r.Version));
        if (good is null) return null;
        rollout.State = RolloutState.RolledBack;
        rollout.Note = reason;
        return await AddAsync(scope, rollout.ProjectId, good.Version, 100, automatic: false, good.Int8, null, $"In place of version {rollout.Version}: {reason}");
    }

    private static void Move(WriteScope scope, EdgeRollout rollout, int percent)
    {
        rollout.Percent = percent;
        rollout.StageSince = scope.Now;
        if (percent == 100) rollout.State = RolloutState.Complete;
        scope.Publish(new ProjectChanged(rollout.ProjectId));
    }
}
