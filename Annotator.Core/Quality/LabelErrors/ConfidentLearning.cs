namespace Annotator.Core.Quality.LabelErrors;

/// <summary>Which rows <see cref="ConfidentLearning"/> flags.</summary>
public enum PruneRule
{
    /// <summary>For each pair of classes as many as were estimated to be the one and labelled the other, those of the greatest margin.</summary>
    ByNoiseRate,

    /// <summary>For each class as many as were estimated to be wrong, those the label of which is least probable.</summary>
    ByClass,

    /// <summary>What both flag.</summary>
    Both,
}

/// <summary>A row whose label is probably wrong.</summary>
/// <param name="Row">Its position.</param>
/// <param name="Given">The label it has.</param>
/// <param name="Suggested">The most probable class.</param>
/// <param name="SelfConfidence">Probability of the label it has: the smaller, the more suspect.</param>
/// <param name="Margin">That less the greatest probability of another class.</param>
public readonly record struct SuspectLabel(int Row, int Given, int Suggested, double SelfConfidence, double Margin);

/// <summary>
/// Confident learning (Northcutt, Jiang and Chuang 2021): from probabilities by models that have not seen the rows' labels, how many rows of each
/// class carry the label of another, and which. With a student below about 85 % the ranking is worth more than the flags: review, do not delete.
/// </summary>
public static class ConfidentLearning
{
    private const double Slack = 1e-6;

    /// <summary>The rows whose labels are probably wrong, least probable label first.</summary>
    /// <param name="probabilities">[row, class], row-major, out of fold.</param>
    /// <param name="given">Label of each row.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="rule">Which to flag.</param>
    /// <exception cref="ArgumentException">The probabilities are not one a row and class, or a label is no class.</exception>
    public static SuspectLabel[] Find(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes, PruneRule rule = PruneRule.ByNoiseRate) =>
        Find(probabilities, given, classes, Joint(probabilities, given, classes), rule);

    /// <summary>The same, with the counts of wrong labels known from elsewhere, as from other probabilities.</summary>
    /// <param name="probabilities">[row, class], row-major, out of fold: what rows are chosen by.</param>
    /// <param name="given">Label of each row.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="joint">How many rows to choose: [given class, true class], see <see cref="Joint"/>.</param>
    /// <param name="rule">Which to flag.</param>
    public static SuspectLabel[] Find(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes, int[,] joint, PruneRule rule = PruneRule.ByNoiseRate)
    {
        ArgumentNullException.ThrowIfNull(joint);
        Check(probabilities, given, classes);
        if (joint.GetLength(0) != classes || joint.GetLength(1) != classes) throw new ArgumentException($"{joint.GetLength(0)} x {joint.GetLength(1)} counts are not {classes} x {classes}.", nameof(joint));
        var flagged = new bool[given.Length];
        var byNoise = rule is PruneRule.ByClass ? null : ByNoiseRate(probabilities, given, classes, joint);
        var byClass = rule is PruneRule.ByNoiseRate ? null : ByClass(probabilities, given, classes, joint);
        for (var i = 0; i < flagged.Length; i++) flagged[i] = byNoise?[i] != false && byClass?[i] != false;
        var suspects = new List<SuspectLabel>();
        for (var i = 0; i < given.Length; i++)
        {
            if (!flagged[i]) continue;
            var suspect = Judge(probabilities.Slice(i * classes, classes), i, given[i]);
            if (suspect.Suggested != given[i]) suspects.Add(suspect);
        }

        return [.. suspects.OrderBy(s => s.SelfConfidence).ThenBy(s => s.Row)];
    }

    /// <summary>All rows by the margin between their label and the best other class, most suspect first: the order in which to review.</summary>
    public static SuspectLabel[] Rank(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes)
    {
        Check(probabilities, given, classes);
        var all = new SuspectLabel[given.Length];
        for (var i = 0; i < all.Length; i++) all[i] = Judge(probabilities.Slice(i * classes, classes), i, given[i]);
        Array.Sort(all, (a, b) => a.Margin != b.Margin ? a.Margin.CompareTo(b.Margin) : a.Row.CompareTo(b.Row));
        return all;
    }

    /// <summary>
    /// So many rows whose label is least probable, whatever the class, least probable first; those whose label is the most probable one are left out. Where classes are many and
    /// small the estimate for a pair of them is a guess, and the sum of all is not.
    /// </summary>
    public static SuspectLabel[] LeastProbable(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes, int count) =>
        [.. Rank(probabilities, given, classes).OrderBy(s => s.SelfConfidence).ThenBy(s => s.Row).Take(count).Where(s => s.Suggested != s.Given)];

    /// <summary>The confident joint: [given class, true class] estimated counts, whose rows sum to the counts of the labels.</summary>
    public static int[,] Joint(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes)
    {
        Check(probabilities, given, classes);
        var thresholds = new double[classes];
        var counts = new int[classes];
        for (var i = 0; i < given.Length; i++)
        {
            thresholds[given[i]] += probabilities[(i * classes) + given[i]];
            counts[given[i]]++;
        }

        for (var c = 0; c < classes; c++) thresholds[c] = counts[c] == 0 ? double.PositiveInfinity : (thresholds[c] / counts[c]) - Slack;
        var joint = new double[classes, classes];
        for (var i = 0; i < given.Length; i++)
        {
            var best = -1;
            for (var c = 0; c < classes; c++)
            {
                var p = probabilities[(i * classes) + c];
                if (p >= thresholds[c] && (best < 0 || p > probabilities[(i * classes) + best])) best = c;
            }

            if (best >= 0) joint[given[i], best]++;
        }

        var rounded = new int[classes, classes];
        double total = 0;
        for (var g = 0; g < classes; g++)
        {
            joint[g, g] = Math.Max(1, joint[g, g]);
            double sum = 0;
            for (var c = 0; c < classes; c++) sum += joint[g, c];
            for (var c = 0; c < classes; c++) total += joint[g, c] *= counts[g] / sum;
        }

        for (var g = 0; g < classes; g++) RoundRow(joint, g, total == 0 ? 0 : given.Length / total, rounded);
        return rounded;
    }

    // Rounds a row and then moves the entries that rounding changed most until the sum is right.
    private static void RoundRow(double[,] joint, int row, double factor, int[,] rounded)
    {
        var classes = joint.GetLength(1);
        var exact = new double[classes];
        for (var c = 0; c < classes; c++) exact[c] = joint[row, c] * factor;
        var whole = Array.ConvertAll(exact, Math.Round);
        var missing = (int)Math.Round(Math.Round(exact.Sum()) - whole.Sum());
        var order = Enumerable.Range(0, classes).OrderByDescending(c => Math.Sign(missing) * (exact[c] - whole[c])).ThenByDescending(c => c);
        foreach (var c in order.Take(Math.Abs(missing))) whole[c] += Math.Sign(missing);
        for (var c = 0; c < classes; c++) rounded[row, c] = (int)whole[c];
    }

    private static bool[] ByNoiseRate(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes, int[,] joint)
    {
        var flagged = new bool[given.Length];
        var members = Members(given, classes);
        for (var g = 0; g < classes; g++)
        {
            var margins = new double[members[g].Length];
            for (var c = 0; c < classes; c++)
            {
                var count = Math.Min(joint[g, c], margins.Length);
                if (c == g || count <= 0) continue;
                for (var m = 0; m < margins.Length; m++)
                {
                    var at = members[g][m] * classes;
                    margins[m] = probabilities[at + c] - probabilities[at + g];
                }

                var sorted = (double[])margins.Clone();
                Array.Sort(sorted);
                var threshold = sorted[^count];
                for (var m = 0; m < margins.Length; m++) flagged[members[g][m]] |= margins[m] >= threshold;
            }
        }

        return flagged;
    }

    private static bool[] ByClass(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes, int[,] joint)
    {
        var flagged = new bool[given.Length];
        var members = Members(given, classes);
        for (var g = 0; g < classes; g++)
        {
            var wrong = -joint[g, g];
            for (var c = 0; c < classes; c++) wrong += joint[g, c];
            if (wrong <= 0) continue;
            var own = new double[members[g].Length];
            for (var m = 0; m < own.Length; m++) own[m] = probabilities[(members[g][m] * classes) + g];
            var sorted = (double[])own.Clone();
            Array.Sort(sorted);
            var threshold = sorted[Math.Min(wrong, sorted.Length) - 1];
            for (var m = 0; m < own.Length; m++) flagged[members[g][m]] |= own[m] <= threshold;
        }

        return flagged;
    }

    private static int[][] Members(ReadOnlySpan<int> given, int classes)
    {
        var members = new List<int>[classes];
        for (var c = 0; c < classes; c++) members[c] = [];
        for (var i = 0; i < given.Length; i++) members[given[i]].Add(i);
        return Array.ConvertAll(members, m => m.ToArray());
    }

    private static SuspectLabel Judge(ReadOnlySpan<double> row, int index, int given)
    {
        var best = 0;
        var other = -1;
        for (var c = 0; c < row.Length; c++)
        {
            if (row[c] > row[best]) best = c;
            if (c != given && (other < 0 || row[c] > row[other])) other = c;
        }

        return new SuspectLabel(index, given, best, row[given], other < 0 ? row[given] : row[given] - row[other]);
    }

    private static void Check(ReadOnlySpan<double> probabilities, ReadOnlySpan<int> given, int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (probabilities.Length != (long)given.Length * classes)
            throw new ArgumentException($"{probabilities.Length} probabilities are not {given.Length} rows of {classes}.", nameof(probabilities));
        for (var i = 0; i < given.Length; i++)
        {
            if ((uint)given[i] >= (uint)classes) throw new ArgumentException($"Row {i} has the label {given[i]}, which is no class.", nameof(given));
        }
    }
}
