using Annotator.Core.Items;
using Annotator.Core.Quality.Tallies;

namespace Annotator.Core.Quality.Dashboards;

/// <summary>What part of a project's work is looked at; null: no condition.</summary>
/// <param name="From">Only what happened from this moment on; whole hours, where labels are concerned whole days (UTC).</param>
/// <param name="To">Only what happened before this moment.</param>
/// <param name="Label">Only decisions in which this label was shown or given.</param>
/// <param name="UserId">Only this annotator.</param>
/// <param name="Source">Only decisions on pre-labels of this source.</param>
/// <param name="Slice">Only items of this slice of the project's settings.</param>
public sealed record DashboardFilter(DateTimeOffset? From = null, DateTimeOffset? To = null, string? Label = null, long? UserId = null, LabelSource? Source = null, Tallies.SliceSettings? Slice = null)
{
    /// <summary>Everything.</summary>
    public static DashboardFilter None { get; } = new();
}

/// <summary>Decisions of some kind with their outcomes.</summary>
public sealed record WorkSum
{
    /// <summary>Pre-labels taken as they were.</summary>
    public long Accepted { get; init; }

    /// <summary>Pre-labels replaced by another label.</summary>
    public long Corrected { get; init; }

    /// <summary>Labels given where none was shown.</summary>
    public long Labelled { get; init; }

    /// <summary>Pre-labels refused without another label.</summary>
    public long Rejected { get; init; }

    /// <summary>Items left to somebody else.</summary>
    public long Skipped { get; init; }

    /// <summary>Items set aside for a lead.</summary>
    public long Flagged { get; init; }

    /// <summary>Labels that came with the data.</summary>
    public long Imported { get; init; }

    /// <summary>Decisions whose active time is known.</summary>
    public long Timed { get; init; }

    /// <summary>Active time of those, in seconds; idle time does not count.</summary>
    public double Seconds { get; init; }

    /// <summary>All that people did here.</summary>
    public long Decisions => Accepted + Corrected + Labelled + Rejected + Skipped + Flagged;

    /// <summary>Decisions that say whether a shown pre-label was right.</summary>
    public long Judged => Accepted + Corrected + Rejected;

    /// <summary>Mean active time of a decision, in seconds; null where none was measured.</summary>
    public double? SecondsEach => Timed == 0 ? null : Seconds / Timed;

    /// <summary>Share of shown pre-labels that were taken as they were.</summary>
    public MeasuredShare Acceptance => MeasuredShare.Of(Accepted, Judged);

    /// <summary>Share of shown pre-labels that were replaced.</summary>
    public MeasuredShare Correction => MeasuredShare.Of(Corrected, Judged);

    /// <summary>Share of skips among all decisions.</summary>
    public MeasuredShare Skipping => MeasuredShare.Of(Skipped, Decisions);

    internal static WorkSum Of(IEnumerable<WorkCell> cells)
    {
        var (counts, timed, seconds) = (new long[7], 0L, 0.0);
        foreach (var cell in cells)
        {
            counts[(int)cell.Outcome] += cell.Count;
            timed += cell.Timed;
            seconds += cell.Milliseconds / 1000.0;
        }

        return new WorkSum
        {
            Accepted = counts[(int)WorkOutcome.Accepted],
            Corrected = counts[(int)WorkOutcome.Corrected],
            Labelled = counts[(int)WorkOutcome.Labelled],
            Rejected = counts[(int)WorkOutcome.Rejected],
            Skipped = counts[(int)WorkOutcome.Skipped],
            Flagged = counts[(int)WorkOutcome.Flagged],
            Imported = counts[(int)WorkOutcome.Imported],
            Timed = timed,
            Seconds = seconds,
        };
    }
}

internal sealed record WorkCell(int Hour, long UserId, int Source, WorkOutcome Outcome, long Count, long Timed, long Milliseconds);

/// <summary>A stretch of time of a chart.</summary>
/// <param name="At">When it begins.</param>
/// <param name="Work">What people did in it.</param>
/// <param name="Final">Labels that became final in it and still are, by where they come from.</param>
public sealed record TimeBucket(DateTimeOffset At, WorkSum Work, IReadOnlyDictionary<LabelSource, long> Final)
{
    /// <summary>95 % bootstrap interval of the mean active time of a decision, made when it is asked for; null with fewer than five timed ones.</summary>
    public Interval? SecondsInterval => Made.Value;

    internal Lazy<Interval?> Made { get; init; } = new((Interval?)null);
}

/// <summary>How decisions went for one source.</summary>
/// <param name="Source">Who made the pre-label; null: none was shown.</param>
/// <param name="Work">What people did.</param>
public sealed record SourceWork(LabelSource? Source, WorkSum Work);

/// <summary>How one label fares.</summary>
/// <param name="Label">The label.</param>
/// <param name="Shown">Judged pre-labels with it: how often it was right when a model said it.</param>
/// <param name="Given">Labels of people with it, where a pre-label was shown: how often the model had said it.</param>
/// <param name="Skipped">Skips and flags where it was shown.</param>
public sealed record LabelWork(string Label, MeasuredShare Shown, MeasuredShare Given, long Skipped);

/// <summary>How often people gave one label where another was shown.</summary>
/// <param name="Shown">The label that the model said.</param>
/// <param name="Given">The label that the person gave.</param>
/// <param name="Count">How often.</param>
public sealed record ConfusedPair(string Shown, string Given, long Count);

/// <summary>An annotator's work in the part that is looked at. Not ranked: the intervals say what the numbers can bear.</summary>
/// <param name="UserId">The annotator.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Imported">Known by name only, from the data.</param>
/// <param name="Work">What they did.</param>
/// <param name="FirstPass">Of their labels that somebody else looked at next, those taken as they were.</param>
/// <param name="Others">Labels equal to another person's of the same item.</param>
public sealed record AnnotatorWork(long UserId, string Name, bool Imported, WorkSum Work, MeasuredShare FirstPass, MeasuredShare Others)
{
    /// <summary>95 % bootstrap interval of their mean active time of a decision, made when it is asked for; null with fewer than five timed ones.</summary>
    public Interval? SecondsInterval => Made.Value;

    internal Lazy<Interval?> Made { get; init; } = new((Interval?)null);
}

/// <summary>Confidence against truth, by tenths of confidence.</summary>
/// <param name="Source">Who stated the confidence.</param>
/// <param name="Bins">Tenths that were used.</param>
/// <param name="Ece">Expected calibration error: the mean distance of confidence and share right over the bins, weighed by their counts.</param>
public sealed record SourceCalibration(LabelSource Source, IReadOnlyList<CalibrationBin> Bins, double Ece)
{
    /// <summary>95 % bootstrap interval of the error: the judgments of each tenth drawn again. Few judgments raise it as they raise the error itself.</summary>
    public Interval EceInterval()
    {
        var all = (double)Bins.Sum(b => (long)b.Right.Count);
        return Bootstrap.Of(
            Ece,
            random => Bins.Sum(b =>
            {
                // The share of right ones in as many judgments: the normal curve is close enough for a mean of distances.
                var share = b.Right.Share!.Value;
                var drawn = share + (Math.Sqrt(share * (1 - share) / b.Right.Count) * Bootstrap.Normal(random));
                return b.Right.Count / all * Math.Abs(b.Confidence - Math.Clamp(drawn, 0, 1));
            })) ?? new Interval(Ece, Ece, Ece);
    }
}

/// <summary>A tenth of confidence.</summary>
/// <param name="Confidence">Mean confidence stated.</param>
/// <param name="Right">Share that people accepted.</param>
public sealed record CalibrationBin(double Confidence, MeasuredShare Right);

/// <summary>How often a label is among the final ones.</summary>
/// <param name="Label">The label.</param>
/// <param name="Count">Items with it.</param>
/// <param name="BySource">By where the label comes from.</param>
public sealed record LabelCount(string Label, long Count, IReadOnlyDictionary<LabelSource, long> BySource);

/// <summary>Agreement between people in a stretch of time.</summary>
/// <param name="At">When it begins.</param>
/// <param name="Equal">Pairs of labels that are equal, of all pairs.</param>
/// <param name="Alpha">Krippendorff's alpha of names over the pairs completed then; null where undefined.</param>
public sealed record AgreementBucket(DateTimeOffset At, MeasuredShare Equal, double? Alpha)
{
    /// <summary>95 % bootstrap interval of alpha, made when it is asked for.</summary>
    public Interval? AlphaInterval => Made.Value;

    internal Lazy<Interval?> Made { get; init; } = new((Interval?)null);
}

/// <summary>Two people's labels of the same items.</summary>
/// <param name="UserId">One.</param>
/// <param name="OtherId">The other, of a larger id.</param>
/// <param name="Equal">Equal labels of those compared.</param>
public sealed record PairAgreement(long UserId, long OtherId, MeasuredShare Equal);

/// <summary>Agreement between people.</summary>
/// <param name="Equal">Pairs of labels that are equal, of all pairs.</param>
/// <param name="Alpha">Krippendorff's alpha of names; null where undefined, or where one annotator is looked at.</param>
/// <param name="OverTime">The same over time.</param>
/// <param name="Pairs">By the two people.</param>
/// <param name="Confused">Labels that people hold against each other most often; each pair once.</param>
public sealed record TeamAgreementFigures(
    MeasuredShare Equal, double? Alpha, IReadOnlyList<AgreementBucket> OverTime, IReadOnlyList<PairAgreement> Pairs, IReadOnlyList<ConfusedPair> Confused)
{
    /// <summary>95 % bootstrap interval of alpha, made when it is asked for.</summary>
    public Interval? AlphaInterval => Made.Value;

    internal Lazy<Interval?> Made { get; init; } = new((Interval?)null);
}

/// <summary>How far the labels of late differ from those before.</summary>
/// <param name="Distance">Total variation distance of the two distributions, 0 to 1.</param>
/// <param name="ByChance">The distance below which 95 of 100 samples of these sizes would lie without any change.</param>
/// <param name="Split">Where "of late" begins.</param>
/// <param name="Before">Labels before.</param>
/// <param name="After">Labels since.</param>
/// <param name="Moved">The labels whose shares changed most, with the change.</param>
public sealed record LabelDrift(double Distance, double ByChance, DateTimeOffset Split, long Before, long After, IReadOnlyList<(string Label, double Before, double After)> Moved)
{
    /// <summary>Whether the difference is more than chance.</summary>
    public bool IsReal => Distance > ByChance;
}

/// <summary>When a project will be done at its pace.</summary>
/// <param name="Remaining">Items that have no label yet.</param>
/// <param name="Early">Of 100 simulated futures, 10 are done by then.</param>
/// <param name="Middle">50 are done by then.</param>
/// <param name="Late">90 are done by then; null: not within ten years.</param>
/// <param name="PerDay">Labels a day at the pace it rests on.</param>
/// <param name="Days">Days of work that it rests on.</param>
public sealed record ProjectForecast(long Remaining, DateTimeOffset Early, DateTimeOffset Middle, DateTimeOffset? Late, double PerDay, double Days);

/// <summary>What was counted from the facts themselves, because no counts are kept by what is asked for.</summary>
/// <param name="Items">Items that were counted, the newest.</param>
/// <param name="Whole">Whether these are all of the part.</param>
public sealed record CountedPart(int Items, bool Whole);

/// <summary>The figures of a project's dashboard.</summary>
public sealed record Dashboard
{
    /// <summary>What some of the charts rest on where the part is one that no counts are kept by; null: on everything.</summary>
    public CountedPart? Counted { get; init; }

    /// <summary>The part that is looked at.</summary>
    public required DashboardFilter Filter { get; init; }

    /// <summary>Length of a stretch of <see cref="OverTime"/>.</summary>
    public required TimeSpan BucketLength { get; init; }

    /// <summary>All items of the project.</summary>
    public required long Items { get; init; }

    /// <summary>Items with their label.</summary>
    public required long Final { get; init; }

    /// <summary>Labels that were final before the first stretch, by source.</summary>
    public required IReadOnlyDictionary<LabelSource, long> FinalBefore { get; init; }

    /// <summary>Decisions of people before the first stretch.</summary>
    public required long DecisionsBefore { get; init; }

    /// <summary>All work together.</summary>
    public required WorkSum Work { get; init; }

    /// <summary>Work and labels over time, without gaps.</summary>
    public required IReadOnlyList<TimeBucket> OverTime { get; init; }

    /// <summary>Work by source of the shown pre-label.</summary>
    public required IReadOnlyList<SourceWork> Sources { get; init; }

    /// <summary>Labels, those most often in question first.</summary>
    public required IReadOnlyList<LabelWork> Labels { get; init; }

    /// <summary>Shown against given labels, the equal ones included, most frequent first.</summary>
    public required IReadOnlyList<ConfusedPair> Confusion { get; init; }

    /// <summary>Annotators by name.</summary>
    public required IReadOnlyList<AnnotatorWork> Annotators { get; init; }

    /// <summary>Calibration by source.</summary>
    public required IReadOnlyList<SourceCalibration> Calibration { get; init; }

    /// <summary>Final labels, most frequent first.</summary>
    public required IReadOnlyList<LabelCount> Distribution { get; init; }

    /// <summary>How the labels of late differ from those before; null with too few to tell.</summary>
    public required LabelDrift? Drift { get; init; }

    /// <summary>95 % bootstrap interval of the mean active time of a decision, made when it is asked for; null with fewer than five timed ones.</summary>
    public Interval? SecondsInterval => Made.Value;

    internal Lazy<Interval?> Made { get; init; } = new((Interval?)null);

    /// <summary>First labels that were taken by the next who looked.</summary>
    public required MeasuredShare FirstPass { get; init; }

    /// <summary>Agreement between people; null where no two looked at the same item.</summary>
    public required TeamAgreementFigures? Agreement { get; init; }

    /// <summary>When the project will be done; null where nothing can be said, or nothing is left.</summary>
    public required ProjectForecast? Forecast { get; init; }
}
