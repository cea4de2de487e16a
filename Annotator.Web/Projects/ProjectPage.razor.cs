using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Web.Accounts;
using Annotator.Web.Components.Controls;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;

namespace Annotator.Web.Projects;

/// <summary>Where a project stands, as it changes.</summary>
public sealed partial class ProjectPage
{
    private const int RecentCount = 12;
    private const int RunCount = 20;
    private const int CertificateCount = 200;

    private static readonly TimeSpan CostsEvery = TimeSpan.FromSeconds(5);

    private Caller? _caller;
    private ProjectGrant? _grant;
    private ProjectMetrics? _metrics;
    private IReadOnlyList<ChartPoint> _curve = [];
    private IReadOnlyList<Run> _runs = [];
    private IReadOnlyList<RecentDecision> _recent = [];
    private IReadOnlyList<CertificateSnapshot> _certificates = [];
    private ProjectCosts? _costs;
    private long _costsAt;
    private bool _loaded;

    /// <summary>The project.</summary>
    [Parameter]
    public long ProjectId { get; set; }

    /// <summary>Who looks.</summary>
    [CascadingParameter]
    public Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <summary>Who may reach which project.</summary>
    [Inject]
    public required ProjectAccess Access { get; init; }

    /// <summary>The numbers.</summary>
    [Inject]
    public required MetricsReader Metrics { get; init; }

    /// <summary>What it cost.</summary>
    [Inject]
    public required ProjectCostReader Costs { get; init; }

    /// <summary>What happened lately.</summary>
    [Inject]
    public required ProjectOverviews Overviews { get; init; }

    /// <summary>Runs.</summary>
    [Inject]
    public required RunService Runs { get; init; }

    /// <inheritdoc />
    protected override TimeSpan Interval => TimeSpan.FromMilliseconds(400);

    private double Budget => _grant?.Project.Settings.Llm.Budget ?? 0;

    /// <inheritdoc />
    protected override async Task OnInitializedAsync()
    {
        Listen(ProjectId);
        await ReadProjectAsync();
        _loaded = true;
        if (_grant is null) return;
        await ReadMetricsAsync();
        await ReadCurveAsync();
        await ReadCostsAsync();
        await ReadRunsAsync();
        await ReadRecentAsync();
    }

    /// <inheritdoc />
    protected override async Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed)
    {
        if (missed || events.Any(e => e is ProjectChanged)) await ReadProjectAsync();
        if (_grant is null) return;
        await ReadMetricsAsync();
        if (missed || events.Any(e => e is ModelTrained)) await ReadCurveAsync();
        if (Time.GetElapsedTime(_costsAt) >= CostsEvery) await ReadCostsAsync();
        if (missed || events.Any(e => e is RunChanged)) await ReadRunsAsync();
        if (missed || events.Any(e => e is ItemsDecided)) await ReadRecentAsync();
    }

    private async Task ReadProjectAsync()
    {
        _caller = (await Authentication).User.Caller();
        _grant = await Access.FindAsync(_caller, ProjectId, Stopping);
    }

    private async Task ReadMetricsAsync() => _metrics = await Metrics.ReadAsync(ProjectId, Stopping);

    private async Task ReadCurveAsync() =>
        _curve = [.. (await Metrics.CurveAsync(ProjectId, Stopping)).Where(p => p.Accuracy is not null)
            .Select(p => new ChartPoint(p.Decisions, p.Accuracy!.Value, T["Chart.Version", p.Version, Format.Moment(p.CreatedAt)]))];

    // Sums over all decisions: worth a look now and then, not with every event.
    private async Task ReadCostsAsync()
    {
        _costsAt = Time.GetTimestamp();
        _costs = _metrics is null ? null : await Costs.ReadAsync(_grant!.Project, _metrics, Stopping);
        _certificates = await Costs.CertificatesAsync(ProjectId, CertificateCount, Stopping);
    }

    private async Task ReadRunsAsync() => _runs = [.. (await Runs.ListAsync(ProjectId, null, RunCount, Stopping)).Where(r => r.State <= RunState.Running)];

    private async Task ReadRecentAsync() => _recent = await Overviews.RecentAsync(ProjectId, RecentCount, Stopping);

    private List<SharePart> StateParts(ProjectMetrics metrics)
    {
        (string Name, string Color)[] states =
        [
            ("final", "var(--an-state-final)"), ("inReview", "var(--an-source-human)"), ("queued", "var(--an-state-queued)"),
            ("prelabelled", "var(--an-state-prelabelled)"), ("new", "var(--an-state-new)"),
        ];
        return [.. states.Select(s => new SharePart(T[$"State.{s.Name}"], metrics.Items.ByState.GetValueOrDefault(s.Name), s.Color, _grant is { IsLead: true } ? At($"/items?state={s.Name}") : null))];
    }

    private List<SharePart> SourceParts(ProjectMetrics metrics)
    {
        var parts = new List<SharePart>
        {
            Part(LabelSource.Human, metrics.Decisions.Human),
            Part(LabelSource.Auto, metrics.Decisions.Auto),
            Part(LabelSource.Propagated, metrics.Decisions.Propagated),
        };
        if (metrics.Decisions.Import > 0) parts.Add(Part(LabelSource.Import, metrics.Decisions.Import));
        return parts;

        SharePart Part(LabelSource source, long value) => new(T[$"Source.{source}"], value, $"var(--an-source-{Names.Of(source)})", _grant is { IsLead: true } ? At($"/items?state=final&source={Names.Of(source)}") : null);
    }

    private string ItemHref(long item) => At(string.Create(CultureInfo.InvariantCulture, $"/items?item={item}"));

    private string At(string page) => string.Create(CultureInfo.InvariantCulture, $"/projects/{ProjectId}{page}");
}
