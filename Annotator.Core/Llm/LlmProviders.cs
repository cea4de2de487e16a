using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Outbound;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Llm;

/// <summary>A connected endpoint as it is shown: without its key.</summary>
/// <param name="Id">Identifier; null for the one of the settings file, which cannot be changed here.</param>
/// <param name="Name">Name.</param>
/// <param name="Settings">Settings.</param>
/// <param name="HasKey">Whether there is a key.</param>
/// <param name="Probe">What the last test found.</param>
public sealed record LlmProviderInfo(string? Id, string Name, LlmProviderSettings Settings, bool HasKey, LlmProbeResult? Probe);

/// <summary>
/// The endpoints that may be asked: the one of the settings file, and those that administrators have connected. A key is kept encrypted, and
/// leaves this class only on its way to the endpoint.
/// </summary>
public sealed class LlmProviders : IDisposable
{
    /// <summary>The most providers.</summary>
    public const int MostProviders = 100;

    /// <summary>The longest key, in characters.</summary>
    public const int MaxKeyLength = 4_096;

    private readonly AnnotatorDatabase _database;
    private readonly LlmProviderOptions _fromSettings;
    private readonly IDataProtector _protector;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    // One labeller an endpoint, for all projects: it holds the limits over time and what the server is known to understand.
    private readonly ConcurrentDictionary<(long Id, int Version), Lazy<LlmLabeller>> _labellers = new();

    /// <summary>Makes the feature.</summary>
    public LlmProviders(AnnotatorDatabase database, IOptions<LlmProviderOptions> fromSettings, IDataProtectionProvider protection, TimeProvider time)
    {
        (_database, _fromSettings, _time) = (database, fromSettings.Value, time);
        _protector = protection.CreateProtector("Annotator.Llm.Keys");
        _http = OutboundHttp.Create(_fromSettings.AllowPrivateAddresses);
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    /// <summary>All endpoints, the settings file's first.</summary>
    public async Task<IReadOnlyList<LlmProviderInfo>> ListAsync(CancellationToken cancellationToken = default)
    {
        var rows = await _database.ReadAsync(db => db.LlmProviders.OrderBy(p => p.Id).ToListAsync(cancellationToken), cancellationToken);
        var infos = rows.Select(Info).ToList();
        if (_fromSettings.IsConfigured)
            infos.Insert(0, new LlmProviderInfo(null, "Annotator:Llm", _fromSettings.ToSettings(), !string.IsNullOrEmpty(_fromSettings.ApiKey), null));
        return infos;
    }

    /// <summary>One connected endpoint; null where there is none of that id.</summary>
    public async Task<LlmProviderInfo?> FindAsync(long id, CancellationToken cancellationToken = default) =>
        await _database.ReadAsync(db => db.LlmProviders.FirstOrDefaultAsync(p => p.Id == id, cancellationToken), cancellationToken) is { } row ? Info(row) : null;

    /// <summary>Connects an endpoint, or changes one.</summary>
    /// <param name="caller">Who.</param>
    /// <param name="id">The endpoint; null: a new one.</param>
    /// <param name="name">Name.</param>
    /// <param name="settings">Settings.</param>
    /// <param name="key">The key; null keeps the one that is there, empty takes it away.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The endpoint; null where there is none of that id.</returns>
    public async Task<Outcome<LlmProviderInfo?>> SaveAsync(Caller caller, long? id, string? name, LlmProviderSettings settings, string? key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var errors = Check(name, settings, key);
        if (errors.Count > 0) return Outcome<LlmProviderInfo?>.Fail(errors);
        var text = JsonSerializer.Serialize(settings, ProjectJson.Options);
        return await _database.WriteAsync(
            async scope =>
            {
                var trimmed = name!.Trim();
                if (await scope.Db.LlmProviders.AnyAsync(p => p.Name == trimmed && p.Id != (id ?? -1), cancellationToken)) return Outcome<LlmProviderInfo?>.Fail("name", "There is a provider of that name.");
                LlmProvider? row;
                if (id is null)
                {
                    if (await scope.Db.LlmProviders.CountAsync(cancellationToken) >= MostProviders) return Outcome<LlmProviderInfo?>.Fail("name", $"At most {MostProviders} providers.");
                    row = new LlmProvider { Name = trimmed, Settings = text, CreatedAt = scope.Now };
                    scope.Db.LlmProviders.Add(row);
                }
                else
                {
                    row = await scope.Db.LlmProviders.AsTracking().FirstOrDefaultAsync(p => p.Id == id, cancellationToken);
                    if (row is null) return Outcome<LlmProviderInfo?>.Of(null);

                    // A key goes to the host it was given for, and to no other: whoever changes the address must know the key.
                    if (key is null && row.ProtectedKey is not null && !SameHost(Read(row).BaseUrl, settings.BaseUrl)) row.ProtectedKey = null;
                    (row.Name, row.Settings, row.Probe) = (trimmed, text, null);
                    row.Version++;
                }

                if (key is not null) row.ProtectedKey = key.Length == 0 ? null : _protector.Protect(key);
                scope.Audit(caller.UserId, id is null ? "llmProvider.created" : "llmProvider.changed", new { name = trimmed, settings.BaseUrl, settings.Model, key = key is not null });
                await scope.Db.SaveChangesAsync(cancellationToken);
                return Outcome<LlmProviderInfo?>.Of(Info(row));
            },
            cancellationToken);
    }

    /// <summary>Takes an endpoint away; projects that used it ask nobody until they choose another.</summary>
    /// <returns>Whether it was there.</returns>
    public Task<bool> DeleteAsync(Caller caller, long id, CancellationToken cancellationToken = default) => _database.WriteAsync(
        async scope =>
        {
            var gone = await scope.Db.LlmProviders.Where(p => p.Id == id).ExecuteDeleteAsync(cancellationToken);
            if (gone > 0) scope.Audit(caller.UserId, "llmProvider.deleted", new { id });
            return gone > 0;
        },
        cancellationToken);

    /// <summary>Tests an endpoint, and keeps what was found.</summary>
    /// <param name="id">The endpoint; null: the one of the settings file.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>What was found; null where there is no such endpoint.</returns>
    public async Task<LlmProbeResult?> TestAsync(long? id, CancellationToken cancellationToken = default)
    {
        if (await EndpointAsync(id, cancellationToken) is not { } found) return null;
        var result = await new LlmProbe(found.Endpoint, _http, _time).RunAsync(cancellationToken);
        if (id is not null)
        {
            var text = JsonSerializer.Serialize(result, ProjectJson.Options);
            await _database.WriteAsync(
                scope => scope.Db.LlmProviders.Where(p => p.Id == id && p.Version == found.Version).ExecuteUpdateAsync(x => x.SetProperty(p => p.Probe, text), cancellationToken), cancellationToken);
        }

        return result;
    }

    /// <summary>The labeller of a project's endpoint, or why there is none.</summary>
    internal async Task<(LlmLabeller? Labeller, string? Why)> ForAsync(Project project, CancellationToken cancellationToken)
    {
        var chosen = project.Settings.Llm.Provider;
        var id = string.IsNullOrWhiteSpace(chosen) ? (long?)null : long.TryParse(chosen, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : -1;
        if (id is null && !_fromSettings.IsConfigured) return (null, "No LLM is configured (Annotator:Llm:BaseUrl), and the project has chosen none (settings.llm.provider).");
        if (await EndpointAsync(id, cancellationToken) is not { } found) return (null, "The LLM provider that the project has chosen is not there (settings.llm.provider).");
        if (found.Endpoint.Validate() is { Count: > 0 } errors) return (null, "The LLM provider of the project cannot be used: " + errors[0]);
        var labeller = _labellers.GetOrAdd((id ?? 0, found.Version), _ => new Lazy<LlmLabeller>(() => new LlmLabeller(found.Endpoint, _http, _time))).Value;

        // Those of earlier settings end with the runs that still use them.
        foreach (var old in _labellers.Keys.Where(k => k.Id == (id ?? 0) && k.Version != found.Version)) _labellers.TryRemove(old, out _);
        return (labeller, null);
    }

    /// <summary>Whether a project's endpoint takes images, as its last test found; null where it was not tested.</summary>
    internal async Task<bool?> TakesImagesAsync(Project project, CancellationToken cancellationToken)
    {
        if (!long.TryParse(project.Settings.Llm.Provider, NumberStyles.None, CultureInfo.InvariantCulture, out var id)) return null;
        return await FindAsync(id, cancellationToken) is { Probe: { Works: true } probe } ? probe.Images : null;
    }

    /// <summary>The labeller of a project's endpoint with a client for its batches; null where there is none.</summary>
    internal async Task<(LlmLabeller Labeller, Batches.LlmBatchClient Client)?> BatchesForAsync(Project project, CancellationToken cancellationToken) =>
        (await ForAsync(project, cancellationToken)).Labeller is { } labeller ? (labeller, new Batches.LlmBatchClient(labeller.Endpoint, _http)) : null;

    private async Task<(LlmEndpoint Endpoint, int Version)?> EndpointAsync(long? id, CancellationToken cancellationToken)
    {
        if (id is null) return _fromSettings.IsConfigured ? (_fromSettings.ToEndpoint(), 0) : null;
        var row = await _database.ReadAsync(db => db.LlmProviders.FirstOrDefaultAsync(p => p.Id == id, cancellationToken), cancellationToken);
        return row is null ? null : (Read(row).ToEndpoint(Unprotect(row), _fromSettings.AllowPrivateAddresses), row.Version);
    }

    private string? Unprotect(LlmProvider row)
    {
        if (row.ProtectedKey is null) return null;
        try
        {
            return _protector.Unprotect(row.ProtectedKey);
        }
        catch (CryptographicException)
        {
            // The keys of Data Protection were lost, such as with a restored database of another installation: the key must be given again.
            return null;
        }
    }

    private List<(string Field, string Message)> Check(string? name, LlmProviderSettings settings, string? key)
    {
        var errors = new List<(string, string)>();
        if (string.IsNullOrWhiteSpace(name) || name.Trim().Length > 200) errors.Add(("name", "A name of 1 to 200 characters is needed."));
        if (key?.Length > MaxKeyLength) errors.Add(("apiKey", $"At most {MaxKeyLength} characters."));
        foreach (var error in settings.ToEndpoint(key, _fromSettings.AllowPrivateAddresses).Validate())
        {
            var field = error[..error.IndexOf(' ', StringComparison.Ordinal)];
            errors.Add((
                field switch
                {
                    nameof(LlmEndpoint.ApiKey) => "apiKey",
                    nameof(LlmEndpoint.Timeout) => "settings.timeoutSeconds",
                    _ => "settings." + JsonNamingPolicy.CamelCase.ConvertName(field),
                },
                error));
        }

        return errors;
    }

    private static bool SameHost(string a, string b) =>
        Uri.TryCreate(a, UriKind.Absolute, out var x) && Uri.TryCreate(b, UriKind.Absolute, out var y) && string.Equals(x.GetLeftPart(UriPartial.Authority), y.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase);

    private static LlmProviderSettings Read(LlmProvider row) => JsonSerializer.Deserialize<LlmProviderSettings>(row.Settings, ProjectJson.Options)!;

    private static LlmProviderInfo Info(LlmProvider row) => new(
        row.Id.ToString(CultureInfo.InvariantCulture), row.Name, Read(row), row.ProtectedKey is not null, row.Probe is null ? null : JsonSerializer.Deserialize<LlmProbeResult>(row.Probe, ProjectJson.Options));
}
