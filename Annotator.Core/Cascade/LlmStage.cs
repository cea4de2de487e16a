using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Runs;

namespace Annotator.Core.Cascade;

/// <summary>The cascade's use of the LLM.</summary>
public sealed class LlmStage
{
    /// <summary>Whether the LLM may be asked for this project now.</summary>
    public ValueTask<bool> IsAvailableAsync(Project project, CancellationToken cancellationToken = default) => ValueTask.FromResult(false);

    internal int PartSize(Project project) => project.Settings.Llm.ItemsPerCall * 8;

    internal Task<IReadOnlyList<Prediction>> AskAsync(RunContext run, Project project, IReadOnlyList<Item> items, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Prediction>>([]);

    internal double Calibrated(Project project, Prediction said) => said.Confidence;
}
