namespace Annotator.Core.Quality.Aggregation;

/// <summary>The share of answers for each class.</summary>
public static class MajorityVote
{
    /// <summary>Aggregates; probabilities are shares of the answers.</summary>
    public static CrowdResult Aggregate(CrowdLabels answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        var classes = answers.Classes;
        var shares = new float[answers.Tasks * classes];
        var priors = new double[classes];
        for (var t = 0; t < answers.Tasks; t++)
        {
            var row = shares.AsSpan(t * classes, classes);
            var count = answers.Starts[t + 1] - answers.Starts[t];
            for (var a = answers.Starts[t]; a < answers.Starts[t + 1]; a++) row[answers.Labels[a]] += 1f / count;
            for (var c = 0; c < classes; c++) priors[c] += row[c];
        }

        var total = priors.Sum();
        for (var c = 0; c < classes && total > 0; c++) priors[c] /= total;
        return new CrowdResult(classes, shares, priors, [], [], 0);
    }
}
