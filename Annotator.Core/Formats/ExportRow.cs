namespace Annotator.Core.Formats;

/// <summary>One exported item; the fields are those of a JSONL line of the API.</summary>
public sealed record ExportRow
{
    /// <summary>The item's id.</summary>
    public required string Id { get; init; }

    /// <summary>The item's key.</summary>
    public required string Key { get; init; }

    /// <summary>The text of a text item; null for media.</summary>
    public string? Text { get; init; }

    /// <summary>The address of an image or video; null for text.</summary>
    public string? Url { get; init; }

    /// <summary>The label value as JSON; null where the item has none.</summary>
    public string? Label { get; init; }

    /// <summary>Where the label is from: <c>human</c>, <c>auto</c>, <c>propagated</c> or <c>import</c>; null where there is no label.</summary>
    public string? Source { get; init; }

    /// <summary>Probability that the label is right, 0 to 1.</summary>
    public double? Confidence { get; init; }

    /// <summary>Names of the people who gave the label.</summary>
    public IReadOnlyList<string> Annotators { get; init; } = [];

    /// <summary>Version of the student whose prediction was accepted.</summary>
    public int? PredictionVersion { get; init; }

    /// <summary>When the label became final.</summary>
    public DateTimeOffset? DecidedAt { get; init; }

    /// <summary>The item's metadata as a JSON object; null for none.</summary>
    public string? Metadata { get; init; }
}
