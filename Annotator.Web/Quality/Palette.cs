using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality.Tallies;

namespace Annotator.Web.Quality;

/// <summary>One colour for one thing on all charts.</summary>
internal static class Palette
{
    /// <summary>The outcomes in the order in which bars stack them.</summary>
    public static IReadOnlyList<WorkOutcome> Outcomes { get; } = [WorkOutcome.Accepted, WorkOutcome.Labelled, WorkOutcome.Corrected, WorkOutcome.Rejected, WorkOutcome.Flagged, WorkOutcome.Skipped];

    /// <summary>The colour of an outcome.</summary>
    public static string Of(WorkOutcome outcome) => outcome switch
    {
        WorkOutcome.Accepted => "var(--an-state-final)",
        WorkOutcome.Labelled => "var(--an-source-human)",
        WorkOutcome.Corrected => "var(--an-state-queued)",
        WorkOutcome.Rejected => "var(--an-danger)",
        WorkOutcome.Flagged => "var(--an-source-llm)",
        WorkOutcome.Skipped => "var(--an-border-strong)",
        WorkOutcome.Imported => "var(--an-source-import)",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome)),
    };

    /// <summary>The colour of a source.</summary>
    public static string Of(LabelSource source) => $"var(--an-source-{Names.Of(source)})";
}
