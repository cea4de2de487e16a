using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Claims;
using Annotator.Core.Accounts;
using Annotator.Web.Accounts;
using Microsoft.AspNetCore.SignalR;

namespace Annotator.Web.Live;

/// <summary>
/// The hub's open connections. A connection lives long and sees no further request: every few seconds those whose token or session has
/// ended are closed, and those that may not see a project any more are taken out of it.
/// </summary>
public sealed partial class LiveConnections(
    TokenAuthenticator tokens, UserStates states, ProjectAccess access, IHubContext<LiveHub> hub, TimeProvider time, ILogger<LiveConnections> log) : BackgroundService
{
    /// <summary>The most projects that one connection follows.</summary>
    public const int MostProjects = 100;

    /// <summary>How often it is looked; with what is remembered of accounts, access ends within five seconds.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Connection> _open = new(StringComparer.Ordinal);

    /// <summary>How many are open.</summary>
    public int Count => _open.Count;

    internal void Add(HubCallerContext context) => _open[context.ConnectionId] = new Connection(context);

    internal void Remove(string connectionId) => _open.TryRemove(connectionId, out _);

    internal bool Follow(string connectionId, long projectId)
    {
        if (!_open.TryGetValue(connectionId, out var connection)) return false;
        if (connection.Projects.Count >= MostProjects && !connection.Projects.ContainsKey(projectId)) return false;
        connection.Projects[projectId] = true;
        return true;
    }

    internal void Unfollow(string connectionId, long projectId)
    {
        if (_open.TryGetValue(connectionId, out var connection)) connection.Projects.TryRemove(projectId, out _);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (_open.IsEmpty) continue;
            try
            {
                await CheckAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The database is away for a moment; the next look decides.
                LogNotChecked(e);
            }
        }
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        var valid = await tokens.StillValidAsync([.. _open.Values.Select(c => c.TokenId).OfType<long>().Distinct()], cancellationToken);
        var reach = await access.ReachAsync([.. _open.Values.SelectMany(c => c.Projects.Keys).Distinct()], cancellationToken);
        foreach (var connection in _open.Values)
        {
            if (!await HoldsAsync(connection, valid, cancellationToken))
            {
                connection.Context.Abort();
                continue;
            }

            // The role as it is now, not as it was when the connection was opened.
            var caller = connection.Context.User!.Caller();
            if (await states.FindAsync(caller.UserId, cancellationToken) is { } state && state.Role < caller.Role) caller = caller with { Role = state.Role };
            foreach (var project in connection.Projects.Keys)
            {
                if (reach.Reaches(caller, project)) continue;
                connection.Projects.TryRemove(project, out _);
                await hub.Groups.RemoveFromGroupAsync(connection.Context.ConnectionId, LiveHub.GroupOf(project), cancellationToken);
            }
        }
    }

    private async ValueTask<bool> HoldsAsync(Connection connection, HashSet<long> valid, CancellationToken cancellationToken)
    {
        var user = connection.Context.User!;
        return connection.TokenId is { } token
            ? valid.Contains(token) && await states.FindAsync(user.Caller().UserId, cancellationToken) is { Disabled: false }
            : await SessionValidator.FindAsync(states, user, cancellationToken) is not null;
    }

    private sealed class Connection(HubCallerContext context)
    {
        public HubCallerContext Context { get; } = context;

        public long? TokenId { get; } = long.TryParse(context.User?.FindFirstValue(BearerHandler.TokenClaim), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

        public ConcurrentDictionary<long, bool> Projects { get; } = new();
    }

    [LoggerMessage(31, LogLevel.Warning, "It could not be looked whether live connections still hold.")]
    private partial void LogNotChecked(Exception exception);
}
