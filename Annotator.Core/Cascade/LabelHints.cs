using System.Collections.Concurrent;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Student;

namespace Annotator.Core.Cascade;

/// <summary>A weak first guess from the names and descriptions of the labels, while there is no student; marked as such wherever it is shown.</summary>
public sealed class LabelHints
{
    private readonly ConcurrentDictionary<long, (string Schema, LabelNamePrior Prior)> _priors = new();
    private readonly TextFeatures _features = new();

    /// <summary>Guesses labels of texts; null where nothing speaks for any.</summary>
    public IReadOnlyList<Opinion?> Guess(Project project, IReadOnlyList<string> texts)
    {
        var schema = project.Schema;
        var names = schema.Leaves();
        var guesses = new Opinion?[texts.Count];
        if (names.Count < 2) return guesses;
        var rows = new SparseRows();
        _features.Append(texts, rows);
        var prior = PriorOf(project, names, rows);
        var probabilities = new float[prior.Classes];
        for (var i = 0; i < texts.Count; i++)
        {
            var best = prior.Guess(rows[i], probabilities);
            if (best < 0) continue;
            LabelValue value = schema.Multiple ? new ChoicesValue([names[best]]) : new ChoiceValue(names[best]);
            guesses[i] = new Opinion(LabelJson.Write(value), probabilities[best], LabelSource.Hint, project.SchemaVersion);
        }

        return guesses;
    }

    // How common a word is in the project's own texts tells how much it says; the first batch is enough to know.
    private LabelNamePrior PriorOf(Project project, IReadOnlyList<string> names, SparseRows rows)
    {
        if (_priors.TryGetValue(project.Id, out var known) && string.Equals(known.Schema, project.SchemaJson, StringComparison.Ordinal)) return known.Prior;
        var frequencies = new DocumentFrequencies(_features.Options.Buckets);
        frequencies.AddNew(rows);
        var described = project.Schema.Labels.ToDictionary(l => l.Name, l => l.Description, StringComparer.Ordinal);
        var prior = new LabelNamePrior([.. names.Select(n => new LabelDescription(n, described[n]))], _features, frequencies);
        if (rows.Count >= 100) _priors[project.Id] = (project.SchemaJson, prior);
        return prior;
    }
}
