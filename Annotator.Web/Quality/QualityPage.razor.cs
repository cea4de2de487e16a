using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Agreement;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Review.Checks;
using Annotator.Web.Accounts;
using Annotator.Web.Live;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;

namespace Annotator.Web.Quality;

/// <summary>How good a project's labels and the work on them are, as it changes; an annotator sees their own part.</summary>
public sealed partial class QualityPage : LiveComponent
{
    private const int CertificateCount = 500;

    private QualityAddress _address = new(0);
    private string _tab = QualityAddress.Tabs[0];
    private ProjectGrant? _grant;
    private Caller? _caller;
    private Dashboard? _board;
    private ProjectMetrics? _metrics;
    private ProjectCosts? _costs;
    private AgreementReport? _agreement;
    private bool _agreementRead;
    private (Consensus Found, IReadOnlyList<ConsensusDifference> Differences)? _consensus;
    private bool _consensusRead;
    private AnnotatorEstimates? _estimates;
    private bool _estimatesRead;
    private AnnotatorQuality? _own;
    private IReadOnlyList<AnnotatorQuality>? _quality;
    private IReadOnlyList<CertificateSnapshot> _certificates = [];
    private IReadOnlyList<(long Id, string Name)> _people = [];
    private TimeSpan _took;
    private PeopleAccuracy? _accuracy;
    private CertificateStatement? _statement;
    private IReadOnlyDictionary<long, AnnotatorChecks> _known = new Dictionary<long, AnnotatorChecks>();
    private AuditedPart? _checked;
    private bool _loaded;
    private int _stirred;

    /// <summary>The project.</summary>
    [Parameter]
    public long ProjectId { get; set; }

    /// <summary>Which part.</summary>
    [SupplyParameterFromQuery(Name = "tab")]
    public string? TabName { get; set; }

    /// <summary>A length of time up to now.</summary>
    [SupplyParameterFromQuery]
    public string? Period { get; set; }

    /// <summary>First day.</summary>
    [SupplyParameterFromQuery]
    public string? From { get; set; }

    /// <summary>Last day.</summary>
    [SupplyParameterFromQuery]
    public string? To { get; set; }

    /// <summary>A label's name.</summary>
    [SupplyParameterFromQuery]
    public string? Label { get; set; }

    /// <summary>An annotator.</summary>
    [SupplyParameterFromQuery]
    public string? By { get; set; }

    /// <summary>A source of pre-labels as the API names it.</summary>
    [SupplyParameterFromQuery]
    public string? Source { get; set; }

    /// <summary>A slice of the items, as <c>field=value</c>.</summary>
    [SupplyParameterFromQuery]
    public string? Slice { get; set; }

    /// <summary>What labels are for the coefficients of agreement, as the API names it.</summary>
    [SupplyParameterFromQuery]
    public string? Scale { get; set; }

    /// <summary>How votes are made one label, as the API names it.</summary>
    [SupplyParameterFromQuery]
    public string? Method { get; set; }

    /// <summary>Who looks.</summary>
    [CascadingParameter]
    public Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <summary>Who may see which project.</summary>
    [Inject]
    public required ProjectAccess Access { get; init; }

    /// <summary>The figures.</summary>
    [Inject]
    public required DashboardReader Dashboards { get; init; }

    /// <summary>Where the project stands.</summary>
    [Inject]
    public required MetricsReader Metrics { get; init; }

    /// <summary>What can be said of the labels.</summary>
    [Inject]
    public required CertificateReader Statements { get; init; }

    /// <summary>What the random checks of a part say.</summary>
    [Inject]
    public required AuditedPartReader AuditedParts { get; init; }

    /// <summary>Agreement with gold and audits.</summary>
    [Inject]
    public required AnnotatorReader Annotators { get; init; }

    /// <summary>Answers to known items.</summary>
    [Inject]
    public required CheckReader Checks { get; init; }

    /// <summary>What all votes together say of the team.</summary>
    [Inject]
    public required TeamQualityReader Votes { get; init; }

    /// <summary>Certificates over time.</summary>
    [Inject]
    public required ProjectCostReader Costs { get; init; }

    /// <inheritdoc />
    protected override TimeSpan Interval => TimeSpan.FromSeconds(Math.Clamp(10 * _took.TotalSeconds, 1, 30));

    /// <inheritdoc />
    protected override async Task OnInitializedAsync()
    {
        Listen(ProjectId);
        _caller = (await Authentication).User.Caller();
        _grant = await Access.FindAsync(_caller, ProjectId, Stopping);
        _loaded = true;
        if (_grant is not null) await ShowAsync(Asked());
    }

    /// <inheritdoc />
    protected override async Task OnParametersSetAsync()
    {
        var asked = Asked();
        if (_grant is not null && _board is not null && asked != _address) await ShowAsync(asked);
    }

    /// <inheritdoc />
    protected override async Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed)
    {
        if (_grant is null || _board is null) return;
        if (missed || events.Any(e => e is ProjectChanged)) _grant = await Access.FindAsync(_caller!, ProjectId, Stopping);
        _stirred++;
        if (_grant is not null) await ReadAsync();
    }

    private QualityAddress Asked()
    {
        var by = long.TryParse(By, NumberStyles.None, CultureInfo.InvariantCulture, out var user) ? user : (long?)null;
        return new QualityAddress(
            ProjectId,
            QualityAddress.Tabs.Contains(TabName, StringComparer.Ordinal) ? TabName : null,
            QualityAddress.Periods.Contains(Period, StringComparer.Ordinal) ? Period : null,
            DateOnly.TryParseExact(From, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var from) ? from : null,
            DateOnly.TryParseExact(To, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var to) ? to : null,
            string.IsNullOrWhiteSpace(Label) ? null : Label,
            _grant is { IsLead: true } ? by : _caller?.UserId,
            Names.TryParse<LabelSource>(Source, out var source) ? source : null,
            QualityAddress.SliceOf(Slice) is null ? null : Slice,
            Names.TryParse<MeasurementScale>(Scale, out var scale) ? scale : null,
            Names.TryParse<ConsensusMethod>(Method, out var method) ? method : null);
    }

    private Task ShowAsync(QualityAddress address)
    {
        // What is shown of another scale or method would be taken for the one asked for.
        if (address with { Tab = null } != _address with { Tab = null }) (_agreementRead, _consensusRead, _estimatesRead, _checked) = (false, false, false, null);
        _address = address;
        _tab = address.Tab ?? QualityAddress.Tabs[0];
        return ReadAsync();
    }

    private async Task ReadAsync()
    {
        var began = Time.GetTimestamp();
        var project = _grant!.Project;
        _board = await Dashboards.ReadAsync(project, _address.FilterAt(Time.GetUtcNow()), Stopping);
        if (_grant.IsLead) _people = await Dashboards.PeopleAsync(project, Stopping);
        if (_address.By is { } chosen && _people.All(p => p.Id != chosen)) _people = [.. _people, (chosen, await Annotators.NameAsync(chosen, Stopping) ?? "")];

        // What only one part shows is read for that part; votes of whole projects are shown when they come.
        var part = _address.FilterAt(Time.GetUtcNow());
        if (_tab is "people" || !_grant.IsLead) _known = (await Checks.ReadAsync(ProjectId, part, Stopping)).ToDictionary(c => c.UserId);
        if (_tab is "certificate")
        {
            _accuracy = await Checks.PeopleAsync(ProjectId, (1 - project.Settings.Confidence) * AccuracyCertificate.PeopleShare, Stopping);
            _statement = await Statements.FindAsync(project, Stopping);
        }

        if (!_grant.IsLead) _estimates = await Votes.EstimatesAsync(project, part with { UserId = null }, Stopping);
        if (!_grant.IsLead) _own = await Annotators.ReadAsync(project, part, Stopping) is [var own, ..] ? own : null;
        else if (_tab is "progress") (_metrics, _costs) = await ReadCostsAsync();
        else if (_tab is "certificate")
        {
            (_metrics, _certificates) = (await Metrics.SummaryAsync(ProjectId, Stopping), await Costs.CertificatesAsync(ProjectId, CertificateCount, Stopping));
            StateHasChanged();
            _checked = await AuditedParts.ReadAsync(project, part, Stopping);
        }
        else if (_tab is "people")
        {
            StateHasChanged();
            _quality = await Annotators.ReadAsync(project, part, Stopping);
            (_estimates, _estimatesRead) = (await Votes.EstimatesAsync(project, part with { UserId = null }, Stopping), true);
        }
        else if (_tab is "agreement")
        {
            StateHasChanged();
            (_agreement, _agreementRead) = (await Votes.AgreementAsync(project, _address.Scale ?? MeasurementScale.Nominal, part, Stopping), true);
        }
        else if (_tab is "consensus")
        {
            StateHasChanged();

            // Everybody's votes say what an item is, whoever is looked at.
            (_consensus, _consensusRead) = (await Votes.ConsensusAsync(project, _address.Method ?? ConsensusMethod.DawidSkene, part with { UserId = null, Label = null }, Stopping), true);
        }

        // What takes long is read less often.
        _took = Time.GetElapsedTime(began);
    }

    private async Task<(ProjectMetrics? Metrics, ProjectCosts? Costs)> ReadCostsAsync()
    {
        var summary = await Metrics.SummaryAsync(ProjectId, Stopping);
        var everything = _address.IsFiltered ? await Dashboards.WorkEverAsync(_grant!.Project, Stopping) : _board!.Work;
        return (summary, ProjectCostReader.Of(_grant!.Project, summary, everything.Timed, everything.Seconds));
    }
}
