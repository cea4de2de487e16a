namespace Annotator.Core.Quality.Dashboards;

/// <summary>What there is to be seen to in a project.</summary>
public enum AttentionKind
{
    /// <summary>Items on which people could not agree, or that somebody set aside.</summary>
    Disputes,

    /// <summary>Somebody is paused.</summary>
    Paused,

    /// <summary>Work that is for somebody is overdue.</summary>
    Overdue,

    /// <summary>Somebody's labels are certainly less often right than those of the others.</summary>
    Annotator,

    /// <summary>A label is certainly less often right, when a model says it, than the others.</summary>
    Label,

    /// <summary>Pre-labels of a source are certainly less often accepted than those of the others.</summary>
    Source,

    /// <summary>Pre-labels of a slice are certainly less often accepted than those of the rest.</summary>
    Slice,

    /// <summary>The labels of late are others than before, by more than chance.</summary>
    Drift,
}

/// <summary>Something to be seen to.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Subject">Whom or what it concerns: a name, a label, a source as the API names it, a slice as <c>field=value</c>; empty: the project.</param>
/// <param name="UserId">The annotator, where it concerns one.</param>
/// <param name="Share">The share that stands out, with its interval and what it rests on.</param>
/// <param name="Others">The same share of all the others together.</param>
/// <param name="Count">How many there are; of a pause by the rule, how many known items were answered.</param>
/// <param name="Right">Of a pause by the rule, how many of them were right.</param>
/// <param name="At">Of drift, since when.</param>
public sealed record AttentionFinding(AttentionKind Kind, string Subject, long? UserId = null, MeasuredShare? Share = null, double? Others = null, long Count = 0, long? Right = null, DateTimeOffset? At = null);

/// <summary>Tells what stands out from what is chance.</summary>
public static class Attention
{
    /// <summary>A difference of less is no reason to act, certain or not.</summary>
    public const double LeastGap = 0.05;

    /// <summary>Fewer cases tell too little to point at anybody or anything.</summary>
    public const int FewestCases = 30;

    /// <summary>
    /// Those parts whose share is certainly below that of all the others together: the upper end of the 95 % interval lies below it by <see cref="LeastGap"/>. With as many parts as a project has, an interval
    /// alone would point at somebody by chance every other day; the gap keeps that rare. Who is named is no measure for the next: one who is far below would hide those who are merely below.
    /// </summary>
    /// <param name="parts">The parts.</param>
    /// <returns>The parts that stand out, with the share of the others, the farthest below first.</returns>
    public static IReadOnlyList<(T Part, MeasuredShare Share, double Others)> Below<T>(IReadOnlyList<(T Part, MeasuredShare Share)> parts)
    {
        var counted = parts.Where(p => p.Share is { Share: not null, Upper: not null, Count: > 0 }).OrderBy(p => p.Share.Share).ToList();
        var (right, all) = (counted.Sum(p => p.Share.Share!.Value * p.Share.Count), counted.Sum(p => (double)p.Share.Count));
        var found = new List<(T Part, MeasuredShare Share, double Others)>();
        foreach (var (part, share) in counted)
        {
            var (restRight, rest) = (right - (share.Share!.Value * share.Count), all - share.Count);
            if (share.Count < FewestCases || rest < FewestCases || share.Upper >= (restRight / rest) - LeastGap) continue;
            found.Add((part, share, restRight / rest));
            (right, all) = (restRight, rest);
        }

        return found;
    }
}
