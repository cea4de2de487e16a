using System.Globalization;
using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Import;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Web.Accounts;
using Annotator.Web.Live;
using Annotator.Web.Resources;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.JSInterop;

namespace Annotator.Web.Import;

/// <summary>
/// Brings data into a project. Choosing, looking at and sending files is done by an ES module (UploadPage.razor.js), straight to
/// the streaming endpoint; what becomes of them are runs, which this component follows.
/// </summary>
public sealed partial class UploadPage : LiveComponent
{
    private const int HistoryLength = 20;

    private ElementReference _host;
    private ElementReference _addresses;
    private IJSObjectReference? _module;
    private IJSObjectReference? _upload;
    private ProjectGrant? _grant;
    private List<Run>? _imports;
    private List<Run> _active = [];
    private List<Run> _ended = [];
    private AddressResult? _addressResult;
    private long _items;
    private long _queued;
    private long? _open;
    private bool _loaded;
    private bool _started;
    private bool _busy;

    /// <summary>The project.</summary>
    [Parameter]
    public long ProjectId { get; set; }

    /// <summary>Who looks.</summary>
    [CascadingParameter]
    public Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <summary>Script in the browser.</summary>
    [Inject]
    public required IJSRuntime Script { get; init; }

    /// <summary>Who may see which project.</summary>
    [Inject]
    public required ProjectAccess Access { get; init; }

    /// <summary>Runs.</summary>
    [Inject]
    public required RunService Runs { get; init; }

    /// <summary>Where the project stands.</summary>
    [Inject]
    public required MetricsReader Metrics { get; init; }

    /// <inheritdoc />
    protected override TimeSpan Interval => TimeSpan.FromMilliseconds(250);

    private bool IsText => _grant?.Project.Modality == Modality.Text;

    /// <inheritdoc />
    protected override async Task OnInitializedAsync()
    {
        Listen(ProjectId);
        _grant = await Access.FindAsync((await Authentication).User.Caller(), ProjectId, Stopping);
        _loaded = true;
        if (_grant is { IsLead: true }) await ReadAsync();
    }

    /// <inheritdoc />
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (_started || _grant is not { IsLead: true } || _imports is null) return;
        _started = true;
        try
        {
            _module = await Script.InvokeAsync<IJSObjectReference>("import", Stopping, "./Import/UploadPage.razor.js");
            if (!IsText) return;
            var project = _grant.Project;
            _upload = await _module.InvokeAsync<IJSObjectReference>("start", Stopping, _host, new UploadOptions(
                project.Id.ToString(CultureInfo.InvariantCulture),
                [.. project.Schema.Labels.Select(l => l.Name)],
                project.OpenSchema,
                project.Schema.Multiple,
                ImportText.All(CultureInfo.CurrentUICulture)));
        }
        catch (JSDisconnectedException)
        {
            // The tab was closed while it loaded.
        }
        catch (OperationCanceledException)
        {
            // Left before it was there.
        }
    }

    /// <inheritdoc />
    protected override async Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed)
    {
        if (_grant is { IsLead: true } && (missed || events.Any(e => e is RunChanged or ProjectChanged))) await ReadAsync();
    }

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        try
        {
            if (_upload is not null)
            {
                await _upload.InvokeVoidAsync("dispose");
                await _upload.DisposeAsync();
            }

            if (_module is not null) await _module.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The browser is gone, and with it what there was to dispose of.
        }
        catch (OperationCanceledException)
        {
            // So it was while it answered.
        }

        GC.SuppressFinalize(this);
    }

    private async Task ReadAsync()
    {
        _imports = await Runs.ListOfKindAsync(ProjectId, ImportRuns.Kind, HistoryLength, Stopping);
        _ended = [.. _imports.Where(r => r.State > RunState.Running)];

        // What an import sets going is part of the answer to "is it in yet": duplicates, pre-labels.
        _active = [.. (await Runs.ListAsync(ProjectId, null, HistoryLength, Stopping)).Where(r => r.State <= RunState.Running).OrderBy(r => r.Id)];
        var metrics = await Metrics.ReadAsync(ProjectId, Stopping);
        (_items, _queued) = (metrics.Items.Total, metrics.Items.Queued);
    }

    private async Task AddAddressesAsync()
    {
        if (_busy || _module is null) return;
        _busy = true;
        try
        {
            _addressResult = await _module.InvokeAsync<AddressResult>("addAddresses", Stopping, ProjectId.ToString(CultureInfo.InvariantCulture), _addresses);
        }
        finally
        {
            _busy = false;
        }
    }

    private void Toggle(long run) => _open = _open == run ? null : run;

    private string At(string page) => string.Create(CultureInfo.InvariantCulture, $"/projects/{ProjectId}{page}");

    private static string? FileNameOf(Run run) =>
        string.Equals(run.Kind, ImportRuns.Kind, StringComparison.Ordinal) ? JsonSerializer.Deserialize<ImportOptions>(run.Options, ProjectJson.Options)?.FileName : null;

    private static ImportResult? ResultOf(Run run) => run.Result is null ? null : JsonSerializer.Deserialize<ImportResult>(run.Result, ProjectJson.Options);

    private sealed record UploadOptions(string Project, IReadOnlyList<string> Labels, bool Open, bool Multiple, IReadOnlyDictionary<string, string> Texts);

    private sealed record AddressResult(int Added, int Existing, int Line, string? Reason);
}
