using System.Globalization;
using Annotator.Core.Edge;
using Annotator.Core.Projects;
using Annotator.Core.Streaming;

namespace Annotator.Web.Edge;

/// <summary>A project's promises to those who send single items, and its devices, while they are being changed. Shares are percent and bytes megabytes here, as people write them.</summary>
public sealed class DeliveryDraft
{
    private const double Megabyte = 1e6;

    /// <summary>Time to a durable answer that is aimed at, in milliseconds.</summary>
    public int ObjectiveMilliseconds { get; set; } = new StreamSettings().ObjectiveMilliseconds;

    /// <summary>Most time of one batch, in milliseconds.</summary>
    public int BatchMilliseconds { get; set; } = new StreamSettings().BatchMilliseconds;

    /// <summary>Time to a person's decision on an urgent item, in seconds.</summary>
    public int DecisionSeconds { get; set; } = new StreamSettings().DecisionSeconds;

    /// <summary>Confidence below which devices send items, in percent.</summary>
    public double UploadPercent { get; set; } = 70;

    /// <summary>Familiarity below which devices send items, in percent.</summary>
    public double NovelPercent { get; set; } = 40;

    /// <summary>Share of other items that are sent, in percent.</summary>
    public double SamplePercent { get; set; } = 1;

    /// <summary>Most megabytes of items a device sends in a day.</summary>
    public double MegabytesPerDay { get; set; } = 100;

    /// <summary>Longest side of pictures that are sent, in pixels; 0: none are.</summary>
    public int PicturePixels { get; set; } = new EdgeSettings().PicturePixels;

    /// <summary>How often a device reports, in seconds.</summary>
    public double ReportSeconds { get; set; } = 30;

    /// <summary>Whether new students go out by themselves.</summary>
    public bool AutoRollout { get; set; } = true;

    /// <summary>Shares of the devices, one after the other, in percent, with commas between.</summary>
    public string Stages { get; set; } = "10, 50, 100";

    /// <summary>How long a share is watched, in minutes.</summary>
    public double StageMinutes { get; set; } = 10;

    /// <summary>Share of failed items from which a rollout is taken back, in percent.</summary>
    public double ErrorPercent { get; set; } = 5;

    /// <summary>How much worse a student may measure and still go out, in percent.</summary>
    public double LossPercent { get; set; } = 10;

    /// <summary>Whether students of eight bits go out.</summary>
    public bool Int8 { get; set; }

    /// <summary>How much a student of eight bits may lose, in percent.</summary>
    public double Int8LossPercent { get; set; } = 1;

    /// <summary>The draft of settings as they are.</summary>
    public static DeliveryDraft From(ProjectSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var (stream, edge) = (settings.Stream, settings.Edge);
        return new DeliveryDraft
        {
            ObjectiveMilliseconds = stream.ObjectiveMilliseconds,
            BatchMilliseconds = stream.BatchMilliseconds,
            DecisionSeconds = stream.DecisionSeconds,
            UploadPercent = Percent(edge.UploadBelow),
            NovelPercent = Percent(edge.NovelBelow),
            SamplePercent = Percent(edge.SampleShare),
            MegabytesPerDay = Math.Round(edge.BytesPerDay / Megabyte, 3),
            PicturePixels = edge.PicturePixels,
            ReportSeconds = edge.ReportSeconds,
            AutoRollout = edge.AutoRollout,
            Stages = string.Join(", ", edge.Stages),
            StageMinutes = Math.Round(edge.StageSeconds / 60.0, 2),
            ErrorPercent = Percent(edge.MostErrors),
            LossPercent = Percent(edge.MostAccuracyLoss),
            Int8 = edge.Int8,
            Int8LossPercent = Percent(edge.MostInt8Loss),
        };
    }

    /// <summary>Settings with what the draft says.</summary>
    public ProjectSettings Apply(ProjectSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return settings with
        {
            Stream = settings.Stream with { ObjectiveMilliseconds = ObjectiveMilliseconds, BatchMilliseconds = BatchMilliseconds, DecisionSeconds = DecisionSeconds },
            Edge = settings.Edge with
            {
                UploadBelow = Share(UploadPercent),
                NovelBelow = Share(NovelPercent),
                SampleShare = Share(SamplePercent),
                BytesPerDay = (long)Math.Clamp(Math.Round(MegabytesPerDay * Megabyte), -1, 1e15),
                PicturePixels = PicturePixels,
                ReportSeconds = ReportSeconds,
                AutoRollout = AutoRollout,
                Stages = ReadStages(),
                StageSeconds = (int)Math.Clamp(Math.Round(StageMinutes * 60), -1, int.MaxValue),
                MostErrors = Share(ErrorPercent),
                MostAccuracyLoss = Share(LossPercent),
                Int8 = Int8,
                MostInt8Loss = Share(Int8LossPercent),
            },
        };
    }

    /// <summary>What may be written in a field of the form, in the form's units; null where the field has no such bounds.</summary>
    public static (double Low, double High)? RangeOf(string field) => field switch
    {
        "settings.stream.objectiveMilliseconds" => (1, 60_000),
        "settings.stream.batchMilliseconds" => (1, 1_000),
        "settings.stream.decisionSeconds" => (5, 86_400),
        "settings.edge.uploadBelow" or "settings.edge.novelBelow" or "settings.edge.sampleShare" or "settings.edge.mostAccuracyLoss" or "settings.edge.mostInt8Loss" => (0, 100),
        "settings.edge.bytesPerDay" => (0, 1_000_000),
        "settings.edge.reportSeconds" => (0.2, 86_400),
        "settings.edge.stageSeconds" => (0, 10_080),
        "settings.edge.mostErrors" => (0.1, 100),
        _ => null,
    };

    // What is no number makes a list that the settings refuse.
    private List<int> ReadStages() =>
        [.. Stages.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(s => int.TryParse(s.TrimEnd('%', ' '), NumberStyles.None, CultureInfo.InvariantCulture, out var share) ? share : -1)];

    private static double Percent(double share) => Math.Round(share * 100, 4);

    private static double Share(double percent) => Math.Round(percent / 100, 6);
}
