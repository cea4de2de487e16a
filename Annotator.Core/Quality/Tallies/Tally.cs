namespace Annotator.Core.Quality.Tallies;

/// <summary>What a row of the tallies counts, and so what its columns mean.</summary>
public enum TallyKind
{
    /// <summary>Decisions by hour, annotator, source of the shown pre-label and outcome; <c>Extra</c> of them timed, <c>Amount</c> milliseconds.</summary>
    Work,

    /// <summary>The same by day, with the label that was given and the one that was shown.</summary>
    Labels,

    /// <summary>The same over all time; a user of <see cref="Tally.Everybody"/> for all annotators together.</summary>
    LabelsEver,

    /// <summary>Shown pre-labels that were judged, by day, source and tenth of confidence (as outcome); <c>Extra</c> right, <c>Amount</c> millionths of confidence.</summary>
    Calibration,

    /// <summary>Items that have their label now, by the hour it was decided and its source.</summary>
    Final,

    /// <summary>The same by day and by each label name in the value.</summary>
    FinalLabels,

    /// <summary>Pairs of people's labels of one item, by the day of the later one and the two people; outcome 1 where equal.</summary>
    People,

    /// <summary>The same by the two labels, in order of their names; <c>Amount</c> is the pair's weight among the coincidences, see <see cref="TallyRules.Whole"/>.</summary>
    Coincidences,

    /// <summary>Pairs over all time by the two people, the smaller id first, and their labels.</summary>
    PeopleLabels,

    /// <summary>First labels that somebody else looked at, by the day of the second look and the first annotator; outcome 1 where it was taken as it was.</summary>
    FirstPass,

    /// <summary>Items there are; kept for slices only, projects have counters.</summary>
    Items,

    /// <summary>Timed decisions by day, annotator, source and length (as outcome, see <see cref="TallyRules.SecondsBin"/>); <c>Amount</c> milliseconds.</summary>
    Seconds,
}

/// <summary>What a person did with an item, in the words of the dashboards.</summary>
public enum WorkOutcome
{
    /// <summary>The shown pre-label was taken as it was.</summary>
    Accepted,

    /// <summary>Another label than the shown one was given.</summary>
    Corrected,

    /// <summary>A label was given where none was shown.</summary>
    Labelled,

    /// <summary>The shown pre-label was refused without another.</summary>
    Rejected,

    /// <summary>Left to somebody else.</summary>
    Skipped,

    /// <summary>Set aside for a lead.</summary>
    Flagged,

    /// <summary>Came with the data, of a named annotator.</summary>
    Imported,
}

/// <summary>
/// A count for the dashboards, kept in the transaction of what it counts: a page reads some thousands of these, whatever the
/// number of decisions. What a column means depends on <see cref="Kind"/>; unused ones hold 0, -1 or the empty text.
/// </summary>
public sealed class Tally
{
    /// <summary>Stands for all annotators together, where rows of single ones exist as well.</summary>
    public const long Everybody = -1;

    /// <summary>Stands for no shown pre-label.</summary>
    public const int NoSource = -1;

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>What is counted.</summary>
    public TallyKind Kind { get; set; }

    /// <summary>Hours since 1970 (UTC) at which the hour or day began; 0: all time.</summary>
    public int Hour { get; set; }

    /// <summary>The annotator.</summary>
    public long UserId { get; set; }

    /// <summary>The other annotator of a pair.</summary>
    public long OtherId { get; set; }

    /// <summary>A <see cref="Items.LabelSource"/>, or <see cref="NoSource"/>.</summary>
    public int Source { get; set; }

    /// <summary>A <see cref="WorkOutcome"/>, a tenth of confidence, or 1 for equal.</summary>
    public int Outcome { get; set; }

    /// <summary>The label that was given.</summary>
    public string Label { get; set; } = "";

    /// <summary>The label that was shown, or the other label of a pair.</summary>
    public string Other { get; set; } = "";

    /// <summary>How many.</summary>
    public long Count { get; set; }

    /// <summary>How many of them have the further property of the kind.</summary>
    public long Extra { get; set; }

    /// <summary>A sum, in the unit of the kind.</summary>
    public long Amount { get; set; }
}
