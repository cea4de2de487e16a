using System.Globalization;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Quality;

namespace Annotator.Core.Llm.Bias;

/// <summary>An item that both the LLM and people have labelled.</summary>
/// <param name="Version">Version of the prompt.</param>
/// <param name="Said">Labels of the LLM.</param>
/// <param name="People">Labels of people.</param>
/// <param name="Right">Whether the whole labels are the same.</param>
/// <param name="Slices">Values by field.</param>
internal sealed record JudgedAnswer(int Version, IReadOnlySet<string> Said, IReadOnlySet<string> People, bool Right, IReadOnlyList<(string Field, string Value)> Slices);

/// <summary>An answer of the LLM, judged or not.</summary>
/// <param name="At">When it was given.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="Right">Whether people say the same; null where they have not said.</param>
internal sealed record TimedAnswer(DateTimeOffset At, IReadOnlyCollection<string> Labels, bool? Right);

/// <summary>Figures of leaning and drift. All tests are exact or their approximation is named, and levels hold over all that is tested together.</summary>
public static class BiasFigures
{
    /// <summary>Fewest items of a slice that is shown.</summary>
    public const int FewestOfSlice = 20;

    /// <summary>Most values of a field that makes slices: a field of more is a name or a number.</summary>
    public const int MostValues = 30;

    private const double Level = 0.01;
    private const int MostWindows = 8;
    private const int FewestOfWindow = 50;

    // A shift that is no accident can still be too small to matter.
    private const double NoticeableShift = 0.1;

    internal static IReadOnlyList<LabelBias> Labels(IReadOnlyList<JudgedAnswer> answers, IReadOnlyList<string> names)
    {
        var labels = new List<LabelBias>(names.Count);
        foreach (var name in names)
        {
            var (people, llm, both) = (answers.Count(p => p.People.Contains(name)), answers.Count(p => p.Said.Contains(name)), answers.Count(p => p.People.Contains(name) && p.Said.Contains(name)));
            if (people + llm == 0) continue;
            var p = TwoSided(llm - both, people - both);
            labels.Add(new LabelBias(
                name, people, llm, both, people == 0 ? null : (double)both / people, llm == 0 ? null : (double)both / llm, people == 0 ? null : (double)llm / people, p * names.Count < Level));
        }

        return [.. labels.OrderByDescending(l => Math.Abs(l.Llm - l.People)).ThenBy(l => l.Label, StringComparer.Ordinal)];
    }

    internal static IReadOnlyList<SliceAccuracy> Slices(IReadOnlyList<JudgedAnswer> answers)
    {
        var fields = answers.SelectMany(a => a.Slices.Select(s => (s.Field, s.Value, a.Right))).GroupBy(s => s.Field, StringComparer.Ordinal)
            .Where(f => f.Select(s => s.Value).Distinct(StringComparer.Ordinal).Count() is > 1 and <= MostValues);
        var found = fields.SelectMany(f => f.GroupBy(s => s.Value, StringComparer.Ordinal).Where(v => v.Count() >= FewestOfSlice)
            .Select(v => (Field: f.Key, Value: v.Key, Judged: v.Count(), Right: v.Count(s => s.Right), All: f.Count(), AllRight: f.Count(s => s.Right)))).ToList();
        return [.. found.Select(s =>
        {
            var interval = ProportionInterval.Wilson(s.Right, s.Judged)!.Value;
            var differs = Fisher(s.Right, s.Judged, s.AllRight - s.Right, s.All - s.Judged) * found.Count < Level;
            var worse = (double)s.Right / s.Judged < (double)s.AllRight / s.All;
            return new SliceAccuracy(s.Field, s.Value, s.Judged, s.Right, interval.Lower, interval.Upper, !differs ? 0 : worse ? -1 : 1);
        }).OrderBy(s => s.Differs == 0 ? 1 : s.Differs).ThenBy(s => s.Field, StringComparer.Ordinal).ThenBy(s => (double)s.Right / s.Judged)];
    }

    internal static IReadOnlyList<TimeWindow> Windows(IReadOnlyList<TimedAnswer> answers)
    {
        var windows = Math.Min(MostWindows, answers.Count / FewestOfWindow);
        if (windows < 2) return [];
        var ordered = answers.OrderBy(a => a.At).ToList();
        return [.. Enumerable.Range(0, windows).Select(w =>
        {
            var part = ordered[(w * ordered.Count / windows)..((w + 1) * ordered.Count / windows)];
            var shares = part.SelectMany(a => a.Labels).GroupBy(l => l, StringComparer.Ordinal).ToDictionary(g => g.Key, g => (double)g.Count() / part.Count, StringComparer.Ordinal);
            return new TimeWindow(part[0].At, part[^1].At, part.Count, part.Count(a => a.Right is not null), part.Count(a => a.Right is true), shares);
        })];
    }

    internal static IReadOnlyList<BiasAlarm> Alarms(
        IReadOnlyList<LabelBias> labels, IReadOnlyList<VersionAccuracy> versions, IReadOnlyList<SliceAccuracy> slices, IReadOnlyList<TimeWindow> windows, ProbeReport? probes, int judged, int right)
    {
        var alarms = new List<BiasAlarm>();
        foreach (var label in labels.Where(l => l.Biased))
            Add("label", label.Label, (double)label.People / judged, (double)label.Llm / judged, $"The LLM gives '{label.Label}' to {label.Llm} items, people to {label.People} of the same.");
        foreach (var slice in slices.Where(s => s.Differs < 0))
            Add("slice", $"{slice.Field} = {slice.Value}", (double)right / judged, (double)slice.Right / slice.Judged, $"It is right on {slice.Right} of {slice.Judged} items where {slice.Field} is '{slice.Value}', on all items together on {right} of {judged}.");
        if (versions.Count > 1 && versions[0] is var now && versions[1] is var before && Worse(before.Right, before.Judged, now.Right, now.Judged))
            Add("version", Number(now.PromptVersion), (double)before.Right / before.Judged, (double)now.Right / now.Judged, $"Version {now.PromptVersion} is right on {now.Right} of {now.Judged} items, version {before.PromptVersion} was on {before.Right} of {before.Judged}.");
        if (windows.Count > 1)
        {
            var (last, earlier) = (windows[^1], windows.Take(windows.Count - 1).ToList());
            var (wasJudged, wasRight) = (earlier.Sum(w => w.Judged), earlier.Sum(w => w.Right));
            if (Worse(wasRight, wasJudged, last.Right, last.Judged))
                Add("accuracy", "", (double)wasRight / wasJudged, (double)last.Right / last.Judged, $"Of the newest answers {last.Right} of {last.Judged} were right, of the ones before {wasRight} of {wasJudged}.");
            var names = windows.SelectMany(w => w.Shares.Keys).Distinct(StringComparer.Ordinal).ToList();
            var was = names.Select(n => earlier.Sum(w => w.Shares.GetValueOrDefault(n) * w.Items)).ToList();
            var becomes = names.Select(n => last.Shares.GetValueOrDefault(n) * last.Items).ToList();
            var shift = Shift(was, becomes);
            if (names.Count > 1 && shift > NoticeableShift && Homogeneity(was, becomes) < Level)
            {
                var most = Enumerable.Range(0, names.Count).MaxBy(i => Math.Abs((becomes[i] / last.Items) - (was[i] / earlier.Sum(w => w.Items))));
                var (a, b) = (was[most] / earlier.Sum(w => w.Items), becomes[most] / last.Items);
                Add("distribution", names[most], a, b, $"The newest answers give other labels than those before: '{names[most]}' {a:P0}, now {b:P0}.");
            }
        }

        if (probes is not null)
        {
            foreach (var share in probes.Shares.Where(s => s.Items > 0 && s.Upper < 0.95))
                Add(share.Kind, "", 1, (double)share.Same / share.Items, $"Only {share.Same} of {share.Items} items got the same label when {Change(share.Kind)}.");
            if (probes.PositionP < Level)
                Add("position", probes.Earlier > probes.Later ? "earlier" : "later", 0.5, (double)Math.Max(probes.Earlier, probes.Later) / (probes.Earlier + probes.Later), $"The LLM is drawn to labels that stand {(probes.Earlier > probes.Later ? "earlier" : "later")} in the list: {Math.Max(probes.Earlier, probes.Later)} of {probes.Earlier + probes.Later} labels that changed with the order.");
        }

        return alarms;

        void Add(string kind, string subject, double was, double isNow, FormattableString message) => alarms.Add(new BiasAlarm(kind, subject, was, isNow, FormattableString.Invariant(message)));
    }

    /// <summary>
    /// Fisher's exact test (1922), two-sided by twice the smaller tail: how probable a difference of two shares as large as this, or larger, is where there is none.
    /// </summary>
    /// <param name="right">Successes of the one.</param>
    /// <param name="of">Trials of the one.</param>
    /// <param name="otherRight">Successes of the other.</param>
    /// <param name="ofOther">Trials of the other.</param>
    public static double Fisher(int right, int of, int otherRight, int ofOther)
    {
        var (successes, all) = (right + otherRight, of + ofOther);
        if (of == 0 || ofOther == 0 || successes == 0 || successes == all) return 1;
        double lower = 0, upper = 0;
        var constant = LogChoose(all, of);
        for (var k = Math.Max(0, of - (all - successes)); k <= Math.Min(of, successes); k++)
        {
            var p = Math.Exp(LogChoose(successes, k) + LogChoose(all - successes, of - k) - constant);
            if (k <= right) lower += p;
            if (k >= right) upper += p;
        }

        return Math.Min(1, 2 * Math.Min(lower, upper));
    }

    /// <summary>
    /// The G-test of homogeneity (Woolf 1957), by its chi-squared approximation: how probable two lists of counts as different as these are where both come from one distribution.
    /// </summary>
    /// <param name="a">Counts of the one, by category.</param>
    /// <param name="b">Counts of the other.</param>
    public static double Homogeneity(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        var (sumA, sumB) = (a.Sum(), b.Sum());
        var (g, categories) = (0.0, 0);
        for (var i = 0; i < a.Count; i++)
        {
            var both = a[i] + b[i];
            if (both <= 0) continue;
            categories++;
            if (a[i] > 0) g += 2 * a[i] * Math.Log(a[i] / (both * sumA / (sumA + sumB)));
            if (b[i] > 0) g += 2 * b[i] * Math.Log(b[i] / (both * sumB / (sumA + sumB)));
        }

        return categories < 2 || sumA <= 0 || sumB <= 0 ? 1 : Math.Clamp(1 - SpecialFunctions.LowerGamma((categories - 1) / 2.0, Math.Max(0, g) / 2), 0, 1);
    }

    /// <summary>How much of the one distribution would have to move to make the other (total variation), 0 to 1.</summary>
    internal static double Shift(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        var (sumA, sumB) = (a.Sum(), b.Sum());
        return sumA <= 0 || sumB <= 0 ? 0 : Enumerable.Range(0, a.Count).Sum(i => Math.Abs((a[i] / sumA) - (b[i] / sumB))) / 2;
    }

    // Two-sided by the smaller tail, twice.
    internal static double TwoSided(int more, int less) => Math.Min(1, 2 * Math.Min(PairedTest.PValue(more, less), PairedTest.PValue(less, more)));

    private static bool Worse(int wasRight, int was, int right, int now) => was > 0 && now > 0 && (double)right / now < (double)wasRight / was && Fisher(right, now, wasRight, was) < Level;

    private static string Change(string kind) => kind switch
    {
        "repetition" => "nothing was changed",
        "order" => "the labels stood in the opposite order",
        "names" => "the labels had names that mean nothing",
        _ => "they were asked about alone",
    };

    private static string Number(int version) => version.ToString(CultureInfo.InvariantCulture);

    private static double LogChoose(int n, int k) => SpecialFunctions.LogGamma(n + 1) - SpecialFunctions.LogGamma(k + 1) - SpecialFunctions.LogGamma(n - k + 1);
}
