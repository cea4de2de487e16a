namespace Annotator.Core.Import;

/// <summary>The runs that read uploads, for those who show them.</summary>
public static class ImportRuns
{
    /// <summary>Their kind.</summary>
    public const string Kind = ImportHandler.RunKind;
}

/// <summary>What an import brought: the result of its run.</summary>
/// <param name="Created">New items.</param>
/// <param name="Existing">Rows whose item was there already.</param>
/// <param name="Labelled">Rows with a known label.</param>
/// <param name="Rejected">Lines that could not be read.</param>
public sealed record ImportResult(long Created, long Existing, long Labelled, long Rejected)
{
    /// <summary>What the project cannot hold of what the file says, a line for each kind.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
