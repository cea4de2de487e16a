using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;

namespace Annotator.Core.Cascade;

/// <summary>A weak first guess from the names and descriptions of the labels, while there is no student; marked as such wherever it is shown.</summary>
public sealed class LabelHints
{
    /// <summary>Guesses labels of texts; null where nothing speaks for any.</summary>
    public IReadOnlyList<Opinion?> Guess(Project project, IReadOnlyList<string> texts) => new Opinion?[texts.Count];
}
