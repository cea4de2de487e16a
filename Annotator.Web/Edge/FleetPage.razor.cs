using System.Data.Common;
using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Edge;
using Annotator.Core.Live;
using Annotator.Web.Accounts;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using MudBlazor;

namespace Annotator.Web.Edge;

/// <summary>A project's devices and rollouts, as they are now.</summary>
public sealed partial class FleetPage
{
    private const int RolloutsShown = 12;

    private ProjectGrant? _grant;
    private Caller _caller = default!;
    private List<EdgeDevice>? _devices;
    private List<EdgeRollout>? _rollouts;
    private NewCode? _code;
    private EdgeDevice? _leaving;
    private int? _latest;
    private int _version;
    private int _share;
    private bool _int8;
    private List<QuantizedStudent> _quantized = [];
    private bool _loaded;
    private bool _failed;

    /// <summary>The project.</summary>
    [Parameter]
    public long ProjectId { get; set; }

    /// <summary>Who is signed in.</summary>
    [CascadingParameter]
    public Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <inheritdoc/>
    protected override TimeSpan Interval => TimeSpan.FromSeconds(1);

    private IEnumerable<EdgeDevice> Working => _devices?.Where(d => d.RevokedAt is null) ?? [];

    /// <inheritdoc/>
    protected override async Task OnInitializedAsync()
    {
        Listen(ProjectId);
        _caller = (await Authentication).User.Caller();
        await ReadAsync();
        _loaded = true;
    }

    /// <inheritdoc/>
    protected override async Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed)
    {
        if (missed || _failed || events.Any(e => e is DevicesChanged or ProjectChanged or ModelTrained)) await ReadAsync();
    }

    private async Task ReadAsync()
    {
        try
        {
            _grant = await Access.FindAsync(_caller, ProjectId, Stopping);
            if (_grant is not { IsLead: true }) return;
            _rollouts = await Rollouts.ListAsync(ProjectId, RolloutsShown, Stopping);
            _devices = await Devices.ListAsync(ProjectId, Stopping);
            _quantized = await Rollouts.QuantizedAsync(ProjectId, RolloutsShown, Stopping);
            var latest = (await Students.LatestAsync(ProjectId, Stopping))?.Version;
            if (latest != _latest) _version = latest ?? 0;
            _latest = latest;
            if (_share == 0) _share = _grant.Project.Settings.Edge.Stages[0];
            _failed = false;
        }
        catch (DbException)
        {
            _failed = true;
        }
    }

    private async Task NewCodeAsync()
    {
        var made = await Devices.NewCodeAsync(_caller, ProjectId, cancellationToken: Stopping);
        if (made.Succeeded) _code = made.Value;
        else Tell(made.Errors);
    }

    private async Task RevokeAsync(EdgeDevice device)
    {
        _leaving = null;
        if (await Devices.RevokeAsync(_caller, ProjectId, device.Id, Stopping)) Snackbar.Add(T["Fleet.Revoked", device.Name], Severity.Normal);
        await ReadAsync();
    }

    private async Task MoveAsync(EdgeRollout rollout, int percent)
    {
        var moved = await Rollouts.SetShareAsync(_caller, ProjectId, rollout.Serial, percent, Stopping);
        if (!moved.Succeeded) Tell(moved.Errors);
        await ReadAsync();
    }

    private async Task TakeBackAsync(EdgeRollout rollout)
    {
        var back = await Rollouts.TakeBackAsync(_caller, ProjectId, rollout.Serial, cancellationToken: Stopping);
        if (back.Succeeded) Snackbar.Add(T["Rollout.BackDone", back.Value.Version], Severity.Normal);
        else Tell(back.Errors);
        await ReadAsync();
    }

    private async Task BeginAsync()
    {
        var begun = await Rollouts.BeginAsync(_caller, _grant!.Project, _version, _share, automatic: true, _int8, Stopping);
        if (!begun.Succeeded) Tell(begun.Errors);
        await ReadAsync();
    }

    private async Task QuantizeAsync()
    {
        await Runs.StartOnceAsync(ProjectId, "quantize", new QuantizeOptions(), _caller.UserId, Stopping);
        Snackbar.Add(T["Int8.Started"], Severity.Normal);
    }

    private void Tell(IReadOnlyList<(string Field, string Message)> errors) => Snackbar.Add(string.Join(' ', errors.Select(e => e.Message)), Severity.Error);

    private string Command(NewCode code) => $"annotator-edge enrol --server {Navigation.BaseUri.TrimEnd('/')} --code {code.Plain} --name NAME";

    // Two reports may be missed before a device counts as away.
    private bool IsInTouch(EdgeDevice device) => device.SeenAt is { } seen && Time.GetUtcNow() - seen < TimeSpan.FromSeconds(Math.Max(10, 3 * _grant!.Project.Settings.Edge.ReportSeconds));

    private string StateText(EdgeDevice device) => device.RevokedAt is not null ? "Fleet.ShutOut" : IsInTouch(device) ? "Fleet.InTouch" : "Fleet.Away";

    private string StateBadge(EdgeDevice device) => device.RevokedAt is not null ? "" : IsInTouch(device) ? "an-badge-ok" : "an-badge-warn";

    private int Having(EdgeRollout rollout) => Working.Count(d => d.Serial >= rollout.Serial);

    private int NextShare(EdgeRollout rollout) => _grant!.Project.Settings.Edge.Stages.FirstOrDefault(s => s > rollout.Percent, 100);

    private static string RolloutBadge(RolloutState state) => state switch
    {
        RolloutState.Complete => "an-badge-ok",
        RolloutState.Rolling => "an-badge-accent",
        RolloutState.RolledBack => "an-badge-danger",
        _ => "",
    };

    private static string Milliseconds(double? value) => value is { } v ? string.Create(CultureInfo.CurrentCulture, $"{v:0.#} ms") : "–";

    private static string Width(double percent) => string.Create(CultureInfo.InvariantCulture, $"{Math.Clamp(percent, 0, 100):0.#}%");
}
