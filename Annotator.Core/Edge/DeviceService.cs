using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Annotator.Core.Accounts;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Edge;

/// <summary>A code that was just made.</summary>
/// <param name="Plain">What is typed at the device: the code and, after a point, the fingerprint of the server's key. Shown this once.</param>
/// <param name="ExpiresAt">When it ends.</param>
public sealed record NewCode(string Plain, DateTimeOffset ExpiresAt);

/// <summary>The devices of projects: taken in by codes that work once, known by tokens, and what they report.</summary>
public sealed class DeviceService(AnnotatorDatabase database, EdgeKeys keys, RolloutService rollouts, TimeProvider time)
{
    /// <summary>How the tokens of devices begin.</summary>
    public const string TokenPrefix = "anndev_";

    /// <summary>How long a code works, where nothing else is said.</summary>
    public static readonly TimeSpan CodeLifetime = TimeSpan.FromHours(1);

    /// <summary>The longest that a code may work.</summary>
    public static readonly TimeSpan LongestCode = TimeSpan.FromDays(30);

    /// <summary>The most devices of a project.</summary>
    public const int MostDevices = 10_000;

    /// <summary>How the refusal of a device begins that found the signed file itself at fault.</summary>
    internal const string UnusablePrefix = "unusable: ";

    // No vowels and nothing that looks like something else: 12 of these are 55 bits, for an hour and with no way to test a guess but to ask.
    private const string CodeLetters = "23456789BCDFGHJKMNPQRSTVWX";

    // How long a device that was shut out may still be believed on another node.
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(2);

    private const int MostKnown = 20_000;

    private readonly ConcurrentDictionary<string, (EdgeDevice Device, long At)> _known = new(StringComparer.Ordinal);

    /// <summary>Makes a code with which one device may enrol.</summary>
    /// <param name="caller">Who makes it.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="lifetime">How long it works; null for <see cref="CodeLifetime"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<Outcome<NewCode>> NewCodeAsync(Caller caller, long projectId, TimeSpan? lifetime = null, CancellationToken cancellationToken = default)
    {
        var last = lifetime ?? CodeLifetime;
        if (last < TimeSpan.FromMinutes(1) || last > LongestCode) return Outcome<NewCode>.Fail("minutes", $"Must be 1 to {(int)LongestCode.TotalMinutes}.");
        var letters = RandomNumberGenerator.GetString(CodeLetters, 12);
        var code = $"{letters[..4]}-{letters[4..8]}-{letters[8..]}";
        var fingerprint = EdgeSignature.Fingerprint(await keys.PublicKeyAsync(cancellationToken));
        return await database.WriteAsync(
            scope =>
            {
                var row = new EnrolmentCode { ProjectId = projectId, Hash = Secret.Hash(code), CreatedBy = caller.UserId, CreatedAt = scope.Now, ExpiresAt = scope.Now + last };
                scope.Db.Set<EnrolmentCode>().Add(row);
                scope.Audit(caller.UserId, "device.codeMade", new { row.ExpiresAt }, projectId);
                return Task.FromResult<Outcome<NewCode>>(new NewCode($"{code}.{fingerprint}", row.ExpiresAt));
            },
            cancellationToken);
    }

    /// <summary>Takes a device in.</summary>
    /// <returns>What it needs; an error on <c>code</c> where the code is unknown, used or too old.</returns>
    public async Task<Outcome<EnrolAnswer>> EnrolAsync(EnrolRequest request, CancellationToken cancellationToken = default)
    {
        var name = request.Name?.Trim() ?? "";
        var errors = new List<(string, string)>();
        if (name.Length is 0 or > EdgeLimits.MostNameLength || name.Any(c => char.IsControl(c) || c == '/')) errors.Add(("name", $"A name of 1 to {EdgeLimits.MostNameLength} characters without '/' is needed."));
        if (request.Platform?.Length > 200) errors.Add(("platform", "At most 200 characters."));
        if (request.AgentVersion?.Length > 40) errors.Add(("agentVersion", "At most 40 characters."));
        if (string.IsNullOrWhiteSpace(request.Code) || request.Code.Length > 200) errors.Add(("code", "A code is needed."));
        if (errors.Count > 0) return Outcome<EnrolAnswer>.Fail(errors);

        var hash = Secret.Hash(request.Code!.Trim().ToUpperInvariant());
        var publicKey = await keys.PublicKeyAsync(cancellationToken);
        var token = Secret.New(TokenPrefix);
        return await database.WriteAsync(
            async scope =>
            {
                var code = await scope.Db.Set<EnrolmentCode>().AsNoTracking().SingleOrDefaultAsync(c => c.Hash == hash, cancellationToken);
                var project = code is null ? null : await scope.Db.Projects.AsNoTracking().SingleOrDefaultAsync(p => p.Id == code.ProjectId && p.DeletedAt == null, cancellationToken);
                if (code is null || project is null || code.DeviceId is not null || code.ExpiresAt <= scope.Now) return Outcome<EnrolAnswer>.Fail("code", "This code is unknown, used or too old; ask for a new one.");
                await scope.Dialect.LockProjectAsync(scope.Db, project.Id, cancellationToken);
                if (await scope.Db.Set<EdgeDevice>().AnyAsync(d => d.ProjectId == project.Id && d.Name == name, cancellationToken)) return Outcome<EnrolAnswer>.Fail("name", "A device of this name is there already, or was; choose another.");
                if (await scope.Db.Set<EdgeDevice>().CountAsync(d => d.ProjectId == project.Id && d.RevokedAt == null, cancellationToken) >= MostDevices) return Outcome<EnrolAnswer>.Fail("code", $"The project has {MostDevices} devices already.");
                var device = new EdgeDevice { ProjectId = project.Id, Name = name, TokenHash = Secret.Hash(token), Platform = request.Platform ?? "", AgentVersion = request.AgentVersion ?? "", EnrolledAt = scope.Now, SeenAt = scope.Now };
                scope.Db.Set<EdgeDevice>().Add(device);
                await scope.Db.SaveChangesAsync(cancellationToken);

                // Whoever comes first has it: the code is used only where nobody has used it meanwhile.
                var used = await scope.Db.Set<EnrolmentCode>().Where(c => c.Id == code.Id && c.DeviceId == null).ExecuteUpdateAsync(x => x.SetProperty(c => c.DeviceId, device.Id), cancellationToken);
                if (used == 0) throw new ConcurrentChangeException();
                scope.Audit(code.CreatedBy, "device.enrolled", new { device = device.Id, name }, project.Id);
                scope.Publish(new ProjectChanged(project.Id));
                return (Outcome<EnrolAnswer>)new EnrolAnswer(device.Id.ToString(CultureInfo.InvariantCulture), project.Id.ToString(CultureInfo.InvariantCulture), token, publicKey);
            },
            cancellationToken);
    }

    /// <summary>The device of a token; null where it is unknown or shut out.</summary>
    public async ValueTask<EdgeDevice?> FindAsync(string token, CancellationToken cancellationToken = default)
    {
        if (!token.StartsWith(TokenPrefix, StringComparison.Ordinal) || token.Length > 200) return null;
        var hash = Secret.Hash(token);
        var at = time.GetTimestamp();
        if (_known.TryGetValue(hash, out var known) && time.GetElapsedTime(known.At, at) < Freshness) return known.Device;
        var device = await database.ReadAsync(
            db => db.Set<EdgeDevice>().SingleOrDefaultAsync(d => d.TokenHash == hash && d.RevokedAt == null && db.Projects.Any(p => p.Id == d.ProjectId && p.DeletedAt == null), cancellationToken), cancellationToken);
        if (device is null)
        {
            _known.TryRemove(hash, out _);
            return null;
        }

        if (_known.Count >= MostKnown) _known.Clear();
        _known[hash] = (device, at);
        return device;
    }

    /// <summary>The devices of a project, by name; those that were shut out last.</summary>
    public Task<List<EdgeDevice>> ListAsync(long projectId, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Set<EdgeDevice>().Where(d => d.ProjectId == projectId).OrderBy(d => d.RevokedAt != null).ThenBy(d => d.Name).Take(MostDevices).ToListAsync(cancellationToken), cancellationToken);

    /// <summary>Names of devices, by id.</summary>
    public Task<Dictionary<long, string>> NamesAsync(long projectId, IReadOnlyCollection<long> ids, CancellationToken cancellationToken = default) => ids.Count == 0
        ? Task.FromResult(new Dictionary<long, string>())
        : database.ReadAsync(db => db.Set<EdgeDevice>().Where(d => d.ProjectId == projectId && ids.Contains(d.Id)).ToDictionaryAsync(d => d.Id, d => d.Name, cancellationToken), cancellationToken);

    /// <summary>Shuts a device out; what it has sent stays.</summary>
    /// <returns>Whether there was one.</returns>
    public async Task<bool> RevokeAsync(Caller caller, long projectId, long deviceId, CancellationToken cancellationToken = default)
    {
        var done = await database.WriteAsync(
            async scope =>
            {
                var rows = await scope.Db.Set<EdgeDevice>().Where(d => d.ProjectId == projectId && d.Id == deviceId && d.RevokedAt == null).ExecuteUpdateAsync(x => x.SetProperty(d => d.RevokedAt, scope.Now), cancellationToken);
                if (rows > 0) scope.Audit(caller.UserId, "device.revoked", new { device = deviceId }, projectId);
                scope.Publish(new ProjectChanged(projectId));
                return rows > 0;
            },
            cancellationToken);
        _known.Clear();
        return done;
    }

    /// <summary>Takes a device's report, and tells it what to run and to send.</summary>
    public async Task<CheckInAnswer> CheckInAsync(EdgeDevice device, DeviceReport report, CancellationToken cancellationToken = default)
    {
        var refusal = report.Refused is { } refused ? Cut((refused.Unusable ? UnusablePrefix : "") + refused.Reason, 500) : null;
        var project = await database.WriteAsync(
            async scope =>
            {
                var row = await scope.Db.Set<EdgeDevice>().SingleAsync(d => d.Id == device.Id, cancellationToken);
                row.SeenAt = scope.Now;
                row.AgentVersion = Cut(report.AgentVersion ?? row.AgentVersion, 40);
                row.ModelVersion = report.ModelVersion;
                row.Serial = Math.Max(0, report.Serial);
                row.Waiting = Math.Max(0, report.Waiting);
                row.StoredBytes = Math.Max(0, report.StoredBytes);
                row.ItemsPerSecond = Finite(report.ItemsPerSecond) ?? 0;
                row.LatencyP50 = Finite(report.LatencyP50);
                row.LatencyP99 = Finite(report.LatencyP99);
                row.Annotated = Math.Max(0, report.Annotated);
                row.Failed = Math.Max(0, report.Failed);
                row.Confidence = Finite(report.Confidence);
                row.Drift = Finite(report.Drift);
                row.Refusal = refusal;
                scope.Publish(new DevicesChanged(device.ProjectId));
                return await scope.Db.Projects.AsNoTracking().SingleAsync(p => p.Id == device.ProjectId, cancellationToken);
            },
            cancellationToken);
        await rollouts.AdvanceAsync(project, cancellationToken);
        device.Serial = report.Serial;
        var manifest = await rollouts.TargetAsync(project, device, cancellationToken);
        return new CheckInAnswer(manifest?.Text, manifest?.Signature, project.Settings.Edge.Policy());
    }

    private static double? Finite(double? value) => value is { } v && double.IsFinite(v) ? v : null;

    private static string Cut(string text, int most) => text.Length <= most ? text : text[..most];
}
