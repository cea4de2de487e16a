namespace Annotator.Core.Edge;

/// <summary>A project's devices: what they send, and how new students reach them.</summary>
public sealed record EdgeSettings
{
    /// <summary>Items whose label has a confidence below this are sent to the centre, 0 to 1.</summary>
    public double UploadBelow { get; init; } = 0.7;

    /// <summary>Items of whose words and character n-grams the model has seen less than this share (the mean of the two) are sent, 0 to 1.</summary>
    public double NovelBelow { get; init; } = 0.4;

    /// <summary>Share of all other items that is sent, drawn at random, 0 to 1.</summary>
    public double SampleShare { get; init; } = 0.01;

    /// <summary>The most bytes of items that a device sends in 24 hours, 0 to 1,000,000,000,000. Labels are sent in any case.</summary>
    public long BytesPerDay { get; init; } = 100_000_000;

    /// <summary>Longest side, in pixels, at which uncertain and drawn pictures and frames are sent to the centre, 64 to 4,096; 0: pictures stay on the device.</summary>
    public int PicturePixels { get; init; } = 1_024;

    /// <summary>How often a device reports, in seconds, 0.2 to 86,400.</summary>
    public double ReportSeconds { get; init; } = 30;

    /// <summary>Whether a new student is rolled out by itself.</summary>
    public bool AutoRollout { get; init; } = true;

    /// <summary>The shares of the devices that get a new student, one after the other, in percent; the last one is 100.</summary>
    public IReadOnlyList<int> Stages { get; init; } = [10, 50, 100];

    /// <summary>How long a share is watched before the next, in seconds, 0 to 604,800.</summary>
    public int StageSeconds { get; init; } = 600;

    /// <summary>The share of failed items on a device from which on a rollout is taken back, 0.001 to 1.</summary>
    public double MostErrors { get; init; } = 0.05;

    /// <summary>By how much the accuracy of a new student, out of fold, may be below that of the one on the devices before it goes out by itself, 0 to 1.</summary>
    public double MostAccuracyLoss { get; init; } = 0.1;

    /// <summary>Whether devices get students of eight bits, where these lose no more than <see cref="MostInt8Loss"/>; else the full ones.</summary>
    public bool Int8 { get; init; }

    /// <summary>The greatest loss of accuracy on held-out labels of people with which a student of eight bits may go to devices, 0 to 1.</summary>
    public double MostInt8Loss { get; init; } = 0.01;

    /// <summary>What devices are told of it.</summary>
    public EdgePolicy Policy() => new(UploadBelow, NovelBelow, SampleShare, BytesPerDay, ReportSeconds, PicturePixels);

    /// <summary>Checks the ranges; messages by field.</summary>
    public IEnumerable<(string Field, string Message)> Validate()
    {
        (string Field, double Value, double Low, double High)[] ranges =
        [
            ("uploadBelow", UploadBelow, 0, 1), ("novelBelow", NovelBelow, 0, 1), ("sampleShare", SampleShare, 0, 1), ("bytesPerDay", BytesPerDay, 0, 1e12),
            ("reportSeconds", ReportSeconds, 0.2, 86_400), ("stageSeconds", StageSeconds, 0, 604_800), ("mostErrors", MostErrors, 0.001, 1), ("mostAccuracyLoss", MostAccuracyLoss, 0, 1), ("mostInt8Loss", MostInt8Loss, 0, 1),
        ];
        foreach (var (field, value, low, high) in ranges)
        {
            if (!(value >= low && value <= high)) yield return ($"settings.edge.{field}", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Must be {low} to {high}."));
        }

        if (PicturePixels is not (0 or (>= 64 and <= 4_096))) yield return ("settings.edge.picturePixels", "Must be 0, or 64 to 4096.");
        var rising = Stages.Count is >= 1 and <= 20 && Stages[^1] == 100 && Stages[0] >= 1 && Stages.Zip(Stages.Skip(1)).All(p => p.First < p.Second);
        if (!rising) yield return ("settings.edge.stages", "Must be 1 to 20 whole percentages that rise to 100.");
    }
}
