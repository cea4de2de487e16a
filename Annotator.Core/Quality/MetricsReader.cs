using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>Where a project stands; the shape of the API's <c>metrics</c>.</summary>
/// <param name="Items">Items by state.</param>
/// <param name="Decisions">What made labels.</param>
/// <param name="Certificate">The accuracy statement; null before there is evidence.</param>
/// <param name="Student">The student in service; null before the first.</param>
/// <param name="Llm">Use of the LLM; null where none was asked.</param>
/// <param name="Agreement">Agreement between people; null with too little overlap.</param>
/// <param name="Steering">How far a steered project has come; null before the models have learned anything.</param>
public sealed record ProjectMetrics(
    ItemMetrics Items, DecisionMetrics Decisions, CertificateMetrics? Certificate, StudentMetrics? Student, LlmMetrics? Llm, AgreementMetrics? Agreement, SteeringMetrics? Steering);

/// <summary>Items of a project.</summary>
/// <param name="Total">All.</param>
/// <param name="Final">With their label.</param>
/// <param name="Queued">Waiting for a person, those in review included.</param>
/// <param name="ByState">By state as the API names it.</param>
public sealed record ItemMetrics(long Total, long Final, long Queued, IReadOnlyDictionary<string, long> ByState);

/// <summary>What made labels.</summary>
/// <param name="Human">Decisions of people that gave a label and stand.</param>
/// <param name="Auto">Labels accepted without a person.</param>
/// <param name="Propagated">Labels taken over from near-duplicates and neighbours.</param>
/// <param name="Import">Labels that came with the data.</param>
public sealed record DecisionMetrics(long Human, long Auto, long Propagated, long Import);

/// <summary>The accuracy statement; see <see cref="CertificateStatement"/>.</summary>
public sealed record CertificateMetrics(double Target, double Estimate, double LowerBound, double UpperBound, double Confidence, int Audited);

/// <summary>The student in service.</summary>
public sealed record StudentMetrics(int Version, int TrainedOn, double? Accuracy, double? Ece);

/// <summary>Use of the LLM.</summary>
public sealed record LlmMetrics(long Calls, long Items, long PromptTokens, long CompletionTokens, double Cost, double? Accuracy);

/// <summary>Agreement between people on items that several decided. A figure is null where it is undefined, as with one label only.</summary>
/// <param name="CohenKappa">Cohen's kappa; with more than two people the mean over pairs (Light).</param>
/// <param name="FleissKappa">Fleiss's kappa.</param>
/// <param name="KrippendorffAlpha">Krippendorff's alpha of names; of what is drawn (spans, boxes, …) with 1 - F1 as the distance.</param>
/// <param name="Percent">Share of pairs of labels that are equal, 0 to 1; of what is drawn their mean F1.</param>
/// <param name="GwetAc1">Gwet's AC1.</param>
/// <param name="AlphaInterval">95 % bootstrap interval of alpha over items; null with fewer than ten items or so many that it would say nothing.</param>
/// <param name="Items">Items that several people decided.</param>
/// <param name="Ratings">Their decisions.</param>
public sealed record AgreementMetrics(
    double? CohenKappa, double? FleissKappa, double? KrippendorffAlpha, double? Percent, double? GwetAc1 = null, Interval? AlphaInterval = null, int Items = 0, int Ratings = 0);

/// <summary>How far a steered project has come.</summary>
/// <param name="Phase">What it is doing.</param>
/// <param name="DecisionsLeft">Decisions of people that are still expected to be needed.</param>
public sealed record SteeringMetrics(SteeringPhase Phase, long DecisionsLeft);

/// <summary>A point of the learning curve.</summary>
/// <param name="Version">Student version.</param>
/// <param name="TrainedOn">Labels it was trained on.</param>
/// <param name="Decisions">Decisions of people by then.</param>
/// <param name="Accuracy">Out-of-fold accuracy.</param>
/// <param name="Ece">Calibration error.</param>
/// <param name="CreatedAt">When.</param>
public sealed record CurvePoint(int Version, int TrainedOn, int Decisions, double? Accuracy, double? Ece, DateTimeOffset CreatedAt);

/// <summary>Reads where projects stand, from counters that are kept as things happen.</summary>
public sealed class MetricsReader(AnnotatorDatabase database, SharedItems shared)
{
    /// <summary>Where a project stands.</summary>
    public async Task<ProjectMetrics> ReadAsync(long projectId, CancellationToken cancellationToken = default)
    {
        var agreement = await shared.ComputeAsync(projectId, TeamAgreement.Of, cancellationToken);
        return await ReadAsync(projectId, agreement, cancellationToken);
    }

    /// <summary>Where a project stands, without the agreement of people: for a page that must not wait for every vote.</summary>
    public Task<ProjectMetrics> SummaryAsync(long projectId, CancellationToken cancellationToken = default) => ReadAsync(projectId, null, cancellationToken);

    private Task<ProjectMetrics> ReadAsync(long projectId, AgreementMetrics? agreement, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var counters = await db.Counters.Where(c => c.ProjectId == projectId).ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal, cancellationToken);
            long Counter(string name) => Math.Max(0, counters.GetValueOrDefault(name));
            var now = await database.Dialect.NowAsync(db, cancellationToken);
            var inReview = await db.Leases.Where(l => l.ProjectId == projectId && l.ExpiresAt >= now).Select(l => l.ItemId).Distinct().LongCountAsync(cancellationToken);
            var queued = Counter(CounterNames.State(ItemState.Queued));
            inReview = Math.Min(inReview, queued);
            var states = Enum.GetValues<ItemState>().ToDictionary(s => Names.Of(s), s => Counter(CounterNames.State(s)), StringComparer.Ordinal);
            states["queued"] = queued - inReview;
            states["inReview"] = inReview;
            var items = new ItemMetrics(states.Values.Sum(), Counter(CounterNames.State(ItemState.Final)), queued, states);
            var decisions = new DecisionMetrics(
                Counter(CounterNames.HumanDecisions), Counter(CounterNames.Label(LabelSource.Auto)), Counter(CounterNames.Label(LabelSource.Propagated)), Counter(CounterNames.Label(LabelSource.Import)));

            var certificate = await db.Certificates.Where(c => c.ProjectId == projectId).OrderByDescending(c => c.Id).FirstOrDefaultAsync(cancellationToken);
            var student = await db.Students.Where(s => s.ProjectId == projectId).OrderByDescending(s => s.Version).FirstOrDefaultAsync(cancellationToken);
            LlmMetrics? llm = null;
            if (Counter(CounterNames.LlmCalls) > 0)
            {
                var (right, judged) = (Counter(CounterNames.LlmRight), Counter(CounterNames.LlmJudged));
                llm = new LlmMetrics(
                    Counter(CounterNames.LlmCalls), Counter(CounterNames.LlmItems), Counter(CounterNames.LlmPromptTokens), Counter(CounterNames.LlmCompletionTokens),
                    (double)(Counter(CounterNames.LlmCost) / CounterNames.CostUnits), judged == 0 ? null : (double)right / judged);
            }

            return new ProjectMetrics(
                items,
                decisions,
                certificate is null ? null : new CertificateMetrics(certificate.Target, certificate.Estimate, certificate.LowerBound, certificate.UpperBound, certificate.Confidence, certificate.Audited),
                student is null ? null : new StudentMetrics(student.Version, student.TrainedOn, student.Accuracy, student.Ece),
                llm,
                agreement,
                Counter(SteeringCounters.Phase) is > 0 and var phase ? new SteeringMetrics((SteeringPhase)phase, Counter(SteeringCounters.Left)) : null);
        },
        cancellationToken);

    /// <summary>The student's accuracy over its versions, oldest first.</summary>
    public Task<List<CurvePoint>> CurveAsync(long projectId, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Students.Where(s => s.ProjectId == projectId).OrderBy(s => s.Version)
            .Select(s => new CurvePoint(s.Version, s.TrainedOn, s.Decisions, s.Accuracy, s.Ece, s.CreatedAt)).ToListAsync(cancellationToken),
        cancellationToken);
}

/// <summary>Names of the counters of a project.</summary>
public static class CounterNames
{
    /// <summary>Decisions of people that gave a label and stand.</summary>
    public const string HumanDecisions = "decisions:human";

    internal const string LlmCalls = "llm:calls";
    internal const string LlmItems = "llm:items";
    internal const string LlmReused = "llm:reused";
    internal const string LlmPromptTokens = "llm:promptTokens";
    internal const string LlmCompletionTokens = "llm:completionTokens";
    internal const string LlmCost = "llm:cost";
    internal const string LlmEstimatedCost = "llm:estimatedCost";
    internal const string LlmMeasured = "llm:measured";
    internal const string LlmRight = "llm:right";
    internal const string LlmJudged = "llm:judged";

    /// <summary>Money is counted in parts of a ten-thousand-millionth: a token of the cheapest models is many of them, and the largest sum is far below what fits.</summary>
    internal const decimal CostUnits = 10_000_000_000m;

    internal static string LlmRightOf(int version) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"llm:right:{version}");

    internal static string LlmJudgedOf(int version) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"llm:judged:{version}");

    internal static string LlmBlindRightOf(int version) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"llm:blindRight:{version}");

    internal static string LlmBlindJudgedOf(int version) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"llm:blindJudged:{version}");

    /// <summary>Items in a state.</summary>
    public static string State(ItemState state) => $"state:{Names.Of(state)}";

    /// <summary>Final labels of a source.</summary>
    public static string Label(LabelSource source) => $"label:{Names.Of(source)}";
}
