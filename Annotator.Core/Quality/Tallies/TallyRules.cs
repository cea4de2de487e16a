using System.Runtime.InteropServices;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Review;

namespace Annotator.Core.Quality.Tallies;

/// <summary>A standing label of one person, as pairs are made of.</summary>
/// <param name="DecisionId">The decision; grows with time.</param>
/// <param name="UserId">The person.</param>
/// <param name="Value">The label as canonical JSON.</param>
/// <param name="At">When.</param>
/// <param name="Imported">Whether it came with the data.</param>
internal readonly record struct StandingVote(long DecisionId, long UserId, string Value, DateTimeOffset At, bool Imported);

/// <summary>What a decision, an item's label and an item's votes add to the tallies: functions of the facts alone, the same while things happen and when all is counted anew.</summary>
internal static class TallyRules
{
    /// <summary>The weight of a pair of labels where an item has two: divisible by 1 to 14, so that up to 15 labels an item are weighed exactly.</summary>
    public const long Whole = 360_360;

    /// <summary>Confidences are counted by tenths.</summary>
    public const int ConfidenceBins = 10;

    private const int MostLabelLength = 200;

    // Lengths of decisions are counted by bins that grow by two fifths from a quarter of a second: nineteen up to two minutes, the rest in one.
    private const double ShortestBin = 0.25;
    private const double BinGrowth = 1.4;
    private const int LastBin = 19;

    /// <summary>The bin of an active time; 0: shorter than all.</summary>
    public static int SecondsBin(double seconds) => seconds < ShortestBin ? 0 : Math.Min(LastBin, 1 + (int)(Math.Log(seconds / ShortestBin) / Math.Log(BinGrowth)));

    /// <summary>Hours since 1970.</summary>
    public static int Hour(DateTimeOffset at) => (int)Math.Floor(at.ToUnixTimeMilliseconds() / 3_600_000.0);

    /// <summary>The hour at which the day (UTC) began.</summary>
    public static int Day(DateTimeOffset at) => Hour(at) / 24 * 24;

    /// <summary>The class that a value stands for in tables of labels: its name, or names in order; empty where a value has parts of its own, as spans and boxes.</summary>
    public static string LabelOf(string? value)
    {
        if (value is null) return "";
        return LabelJson.Read(value) switch
        {
            ChoiceValue choice => Cut(choice.Choice),
            ChoicesValue choices => Cut(string.Join(" + ", choices.LabelNames.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))),
            _ => "",
        };
    }

    /// <summary>What was done; null for what is no work of a person (an undo, a label of nobody).</summary>
    public static WorkOutcome? OutcomeOf(Decision decision) => decision switch
    {
        { UserId: null } or { Action: DecisionAction.Undo } => null,
        { Action: DecisionAction.Import } => WorkOutcome.Imported,
        { Action: DecisionAction.Skip } => WorkOutcome.Skipped,
        { Action: DecisionAction.Flag } => WorkOutcome.Flagged,
        { Action: DecisionAction.Reject } => WorkOutcome.Rejected,
        { ShownValue: null } => WorkOutcome.Labelled,
        _ => string.Equals(decision.Value, decision.ShownValue, StringComparison.Ordinal) ? WorkOutcome.Accepted : WorkOutcome.Corrected,
    };

    /// <summary>Adds a standing decision to the sums of its project or of a slice, or takes it away.</summary>
    public static void Decision(TallySums sums, long project, Decision decision, int sign)
    {
        if (OutcomeOf(decision) is not { } outcome) return;
        var user = decision.UserId!.Value;
        var source = (int?)decision.ShownSource ?? Tally.NoSource;
        if (decision.ShownValue is null) source = Tally.NoSource;
        var (timed, milliseconds) = decision.Seconds is { } s && outcome != WorkOutcome.Imported ? (1, (long)Math.Round(s * 1000)) : (0, 0L);
        var (given, shown) = (LabelOf(decision.Value), LabelOf(decision.ShownValue));
        var day = Day(decision.CreatedAt);
        sums.Add(new TallyKey(project, TallyKind.Work, Hour(decision.CreatedAt), user, 0, source, (int)outcome, "", ""), sign, sign * timed, sign * milliseconds);
        if (timed == 1) sums.Add(new TallyKey(project, TallyKind.Seconds, Day(decision.CreatedAt), user, 0, source, SecondsBin(decision.Seconds!.Value), "", ""), sign, 0, sign * milliseconds);
        sums.Add(new TallyKey(project, TallyKind.Labels, day, user, 0, source, (int)outcome, given, shown), sign, sign * timed, sign * milliseconds);
        sums.Add(new TallyKey(project, TallyKind.LabelsEver, 0, user, 0, source, (int)outcome, given, shown), sign, sign * timed, sign * milliseconds);
        sums.Add(new TallyKey(project, TallyKind.LabelsEver, 0, Tally.Everybody, 0, source, (int)outcome, given, shown), sign, sign * timed, sign * milliseconds);
        if (outcome is WorkOutcome.Accepted or WorkOutcome.Corrected or WorkOutcome.Rejected && decision is { ShownValue: not null, ShownConfidence: { } confidence })
        {
            var bin = Math.Clamp((int)(confidence * ConfidenceBins), 0, ConfidenceBins - 1);
            sums.Add(
                new TallyKey(project, TallyKind.Calibration, day, 0, 0, source, bin, "", ""),
                sign, outcome == WorkOutcome.Accepted ? sign : 0, sign * (long)Math.Round(Math.Clamp(confidence, 0, 1) * 1_000_000));
        }
    }

    /// <summary>Adds the label that an item has to the sums, or takes it away.</summary>
    public static void Label(TallySums sums, long projectId, string? value, LabelSource? source, DateTimeOffset? at, int sign)
    {
        if (value is null || source is not { } from || at is not { } when) return;
        sums.Add(new TallyKey(projectId, TallyKind.Final, Hour(when), 0, 0, (int)from, 0, "", ""), sign, 0, 0);
        foreach (var name in LabelJson.Read(value).LabelNames.Distinct(StringComparer.Ordinal))
            sums.Add(new TallyKey(projectId, TallyKind.FinalLabels, Day(when), 0, 0, (int)from, 0, Cut(name), ""), sign, 0, 0);
    }

    /// <summary>Adds an item of a slice to the sums.</summary>
    public static void Item(TallySums sums, long slice) => sums.Add(new TallyKey(slice, TallyKind.Items, 0, 0, 0, 0, 0, "", ""), 1, 0, 0);

    /// <summary>Adds what the standing votes of one item say of agreement, or takes it away.</summary>
    public static void Votes(TallySums sums, long projectId, IEnumerable<StandingVote> all, int sign)
    {
        // Who decided more than once counts with the last.
        var votes = all.GroupBy(v => v.UserId).Select(g => g.MaxBy(v => v.DecisionId)).OrderBy(v => v.DecisionId).ToList();
        if (votes.Count < 2) return;
        var weight = (long)Math.Round((double)Whole / (votes.Count - 1));
        for (var i = 0; i < votes.Count; i++)
        {
            for (var j = i + 1; j < votes.Count; j++)
            {
                var (first, second) = votes[i].UserId < votes[j].UserId ? (votes[i], votes[j]) : (votes[j], votes[i]);
                var equal = LabelLikeness.Same(first.Value, second.Value) ? 1 : 0;
                var day = Day(first.At > second.At ? first.At : second.At);
                var (label, other) = (LabelOf(first.Value), LabelOf(second.Value));
                sums.Add(new TallyKey(projectId, TallyKind.People, day, first.UserId, second.UserId, 0, equal, "", ""), sign, 0, 0);
                sums.Add(new TallyKey(projectId, TallyKind.PeopleLabels, 0, first.UserId, second.UserId, 0, equal, label, other), sign, 0, 0);
                if (string.CompareOrdinal(label, other) > 0) (label, other) = (other, label);
                sums.Add(new TallyKey(projectId, TallyKind.Coincidences, day, 0, 0, 0, equal, label, other), sign, 0, sign * weight);
            }
        }

        var looked = votes.Where(v => !v.Imported).Take(2).ToList();
        if (looked.Count == 2)
        {
            var taken = LabelLikeness.Same(looked[0].Value, looked[1].Value) ? 1 : 0;
            sums.Add(new TallyKey(projectId, TallyKind.FirstPass, Day(looked[1].At), looked[0].UserId, 0, 0, taken, "", ""), sign, 0, 0);
        }
    }

    private static string Cut(string label) => label.Length > MostLabelLength ? label[..MostLabelLength] : label;
}

/// <summary>Which row of the tallies.</summary>
internal readonly record struct TallyKey(long ProjectId, TallyKind Kind, int Hour, long UserId, long OtherId, int Source, int Outcome, string Label, string Other)
{
    /// <summary>In the order of the table's key, so that two transactions never wait for each other's rows crosswise.</summary>
    public static int Compare(TallyKey a, TallyKey b)
    {
        var c = a.ProjectId.CompareTo(b.ProjectId);
        if (c == 0) c = a.Kind.CompareTo(b.Kind);
        if (c == 0) c = a.Hour.CompareTo(b.Hour);
        if (c == 0) c = a.UserId.CompareTo(b.UserId);
        if (c == 0) c = a.OtherId.CompareTo(b.OtherId);
        if (c == 0) c = a.Source.CompareTo(b.Source);
        if (c == 0) c = a.Outcome.CompareTo(b.Outcome);
        if (c == 0) c = string.CompareOrdinal(a.Label, b.Label);
        return c == 0 ? string.CompareOrdinal(a.Other, b.Other) : c;
    }
}

/// <summary>Changes of tallies that are still to be written.</summary>
internal sealed class TallySums
{
    private readonly Dictionary<TallyKey, (long Count, long Extra, long Amount)> _sums = [];

    /// <summary>Adds to a row.</summary>
    public void Add(TallyKey key, long count, long extra, long amount)
    {
        ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_sums, key, out _);
        sum = (sum.Count + count, sum.Extra + extra, sum.Amount + amount);
    }

    /// <summary>The rows that change, in the order of the table's key.</summary>
    public List<Tally> Rows()
    {
        var changed = _sums.Where(s => s.Value != default).ToList();
        changed.Sort((a, b) => TallyKey.Compare(a.Key, b.Key));
        return changed.ConvertAll(s => new Tally
        {
            ProjectId = s.Key.ProjectId,
            Kind = s.Key.Kind,
            Hour = s.Key.Hour,
            UserId = s.Key.UserId,
            OtherId = s.Key.OtherId,
            Source = s.Key.Source,
            Outcome = s.Key.Outcome,
            Label = s.Key.Label,
            Other = s.Key.Other,
            Count = s.Value.Count,
            Extra = s.Value.Extra,
            Amount = s.Value.Amount,
        });
    }
}
