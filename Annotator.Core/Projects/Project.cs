using Annotator.Core.Edge;
using Annotator.Core.Labels;
using Annotator.Core.Streaming;

namespace Annotator.Core.Projects;

/// <summary>A data set and what is to be said of its items.</summary>
public sealed class Project
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>Name, 1 to 200 characters.</summary>
    public required string Name { get; set; }

    /// <summary>What kind of data.</summary>
    public Modality Modality { get; set; }

    /// <summary>Label schema as JSON; read it through <see cref="Schema"/>.</summary>
    public required string SchemaJson { get; set; }

    /// <summary>Grows with every change of the schema; every decision keeps the version it was made under.</summary>
    public int SchemaVersion { get; set; } = 1;

    /// <summary>Markdown shown to annotators and given to the LLM.</summary>
    public string Guidelines { get; set; } = "";

    /// <summary>Settings as JSON; read them through <see cref="Settings"/>.</summary>
    public required string SettingsJson { get; set; }

    /// <summary>Whether labels that an import brings are added to the schema: so where the project was made without labels.</summary>
    public bool OpenSchema { get; set; }

    /// <summary>Whether this is the sample project that the product brings along.</summary>
    public bool IsSample { get; set; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Who made it.</summary>
    public long? CreatedBy { get; set; }

    /// <summary>Set when the project was deleted: from then on nobody sees it, and its rows are removed by a run.</summary>
    public DateTimeOffset? DeletedAt { get; set; }

    /// <summary>Concurrency token, set by the application.</summary>
    public int Version { get; set; }

    /// <summary>The label schema.</summary>
    public LabelSchema Schema
    {
        get => ProjectJson.ReadSchema(SchemaJson);
        set => SchemaJson = ProjectJson.WriteSchema(value);
    }

    /// <summary>Whether the built-in student learns the project's labels: classes of texts or images.</summary>
    public bool HasStudent => Modality is Modality.Text or Modality.Image && Schema.Type == TaskType.Classification;

    /// <summary>The settings.</summary>
    public ProjectSettings Settings
    {
        get => ProjectJson.ReadSettings(SettingsJson);
        set => SettingsJson = ProjectJson.WriteSettings(value);
    }
}

/// <summary>How a project works.</summary>
public sealed record ProjectSettings
{
    /// <summary>How many people label an item, 1 to 10.</summary>
    public int Overlap { get; init; } = 1;

    /// <summary>The accuracy that the final labels must have, 0.5 to 0.9999.</summary>
    public double TargetAccuracy { get; init; } = 0.97;

    /// <summary>With what confidence, 0.5 to 0.999.</summary>
    public double Confidence { get; init; } = 0.95;

    /// <summary>Whether labels may become final without a person.</summary>
    public bool AutoAccept { get; init; } = true;

    /// <summary>How long a leased item is kept for its annotator, in seconds, 30 to 86,400.</summary>
    public int LeaseSeconds { get; init; } = 600;

    /// <summary>Share of the queue that is drawn at random and shown without a pre-label, 0 to 0.5.</summary>
    public double AuditShare { get; init; } = 0.05;

    /// <summary>Whether a skip needs a reason.</summary>
    public bool SkipNeedsReason { get; init; }

    /// <summary>Whether near-duplicates are labelled once.</summary>
    public bool GroupDuplicates { get; init; } = true;

    /// <summary>Which labels of people somebody else looks at before they are final.</summary>
    public Review.SecondLookSettings SecondLook { get; init; } = new();

    /// <summary>How the work is given out.</summary>
    public Review.Work.WorkSettings Work { get; init; } = new();

    /// <summary>Parts of the items that the dashboards can be read for.</summary>
    public IReadOnlyList<Quality.Tallies.SliceSettings> Slices { get; init; } = [];

    /// <summary>How people are measured.</summary>
    public Review.Checks.CheckSettings Checks { get; init; } = new();

    /// <summary>The LLM stage.</summary>
    public LlmSettings Llm { get; init; } = new();

    /// <summary>The uploaded model that looks at images and films.</summary>
    public VisionSettings Vision { get; init; } = new();

    /// <summary>What says how alike items are.</summary>
    public RepresentationSettings Representation { get; init; } = new();

    /// <summary>What is promised to those who send items one by one.</summary>
    public StreamSettings Stream { get; init; } = new();

    /// <summary>The project's devices.</summary>
    public EdgeSettings Edge { get; init; } = new();

    /// <summary>Checks the ranges; messages by field.</summary>
    public IReadOnlyList<(string Field, string Message)> Validate()
    {
        var errors = new List<(string, string)>();
        void Range(string field, double value, double low, double high)
        {
            if (!(value >= low && value <= high)) errors.Add(($"settings.{field}", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Must be {low} to {high}.")));
        }

        Range("overlap", Overlap, 1, 10);
        Range("targetAccuracy", TargetAccuracy, 0.5, 0.9999);
        Range("confidence", Confidence, 0.5, 0.999);
        Range("leaseSeconds", LeaseSeconds, 30, 86_400);
        Range("auditShare", AuditShare, 0, 0.5);
        Range("secondLook.share", SecondLook.Share, 0, 1);
        if (!string.IsNullOrEmpty(SecondLook.Field) && string.IsNullOrEmpty(SecondLook.Value)) errors.Add(("settings.secondLook.value", "The value that the field has is needed."));
        Range("secondLook.belowConfidence", SecondLook.BelowConfidence, 0, 1);
        Range("checks.goldShare", Checks.GoldShare, 0, 0.5);
        Range("checks.repeatShare", Checks.RepeatShare, 0, 0.5);
        Range("checks.pauseBelow", Checks.PauseBelow, 0, 1);
        Range("checks.pauseAfter", Checks.PauseAfter, 5, 1_000);
        Range("llm.budget", Llm.Budget, 0, 1_000_000);
        Range("llm.itemsPerCall", Llm.ItemsPerCall, 1, 100);
        Range("llm.examples", Llm.Examples, 0, 50);
        Range("llm.exampleTokens", Llm.ExampleTokens, 0, 100_000);
        Range("llm.checkShare", Llm.CheckShare, 0, 0.5);
        Range("llm.samples", Llm.Samples, 1, 9);
        Range("llm.sampleBelow", Llm.SampleBelow, 0, 1);
        Range("llm.narrowAbove", Llm.NarrowAbove, 20, LabelSchema.MaxLabels);
        Range("llm.imagePixels", Llm.ImagePixels, 64, 2_048);
        Range("llm.imagesPerCall", Llm.ImagesPerCall, 1, 20);
        Range("llm.imageExamples", Llm.ImageExamples, 0, 20);
        Range("llm.pauseBelow", Llm.PauseBelow, 0, 1);
        Range("vision.threshold", Vision.Threshold ?? 0, 0, 1);
        Range("vision.trackRate", Vision.TrackRate, 0.1, 60);
        if (Vision.JobSeconds != 0) Range("vision.jobSeconds", Vision.JobSeconds, 5, 86_400);
        Range("vision.trackTolerance", Vision.TrackTolerance, 0, 0.5);
        Range("vision.frames.doubt", Vision.Frames.Doubt, 0, 1);
        Range("vision.frames.perMinute", Vision.Frames.PerMinute, 0, 6_000);
        Range("vision.frames.gapSeconds", Vision.Frames.GapSeconds, 0, 3_600);
        Range("vision.frames.buffer", Vision.Frames.Buffer, 1, 32);
        errors.AddRange(Work.Validate(AutoAccept, GroupDuplicates));
        errors.AddRange(Quality.Tallies.SliceSettings.Validate(Slices));
        errors.AddRange(Edge.Validate());
        errors.AddRange(Stream.Validate());
        return errors;
    }
}

/// <summary>What neighbours, the map, diverse samples and propagation of a project's texts rest on.</summary>
public sealed record RepresentationSettings
{
    /// <summary>Id of an uploaded encoder of texts; null: the built-in representation, learned from the project's own texts.</summary>
    public string? Encoder { get; init; }
}

/// <summary>A project's use of an uploaded model for images.</summary>
public sealed record VisionSettings
{
    /// <summary>Id of the model; null: none.</summary>
    public string? Model { get; init; }

    /// <summary>Id of the uploaded model that the student of images is trained on, an encoder or a classifier; null: the built-in one.</summary>
    public string? Encoder { get; init; }

    /// <summary>Boxes below this score are not pre-labels, 0 to 1; null: as the model says.</summary>
    public double? Threshold { get; init; }

    /// <summary>Whether the score of each label is set by what people correct.</summary>
    public bool Tune { get; init; } = true;

    /// <summary>How many frames a second of a film are looked at, 0.1 to 60.</summary>
    public double TrackRate { get; init; } = 5;

    /// <summary>Uploaded films that are longer than this are cut into jobs of about so many seconds, 5 to 86,400; 0: none is cut.</summary>
    public double JobSeconds { get; init; }

    /// <summary>How far an edge of a track's box may be from where the model saw it, as a share of the box's shorter side, 0 to 0.5: less makes more keyframes.</summary>
    public double TrackTolerance { get; init; } = 0.08;

    /// <summary>Frames that are streamed in from a source.</summary>
    public FrameSettings Frames { get; init; } = new();
}

/// <summary>Which frames of a stream from a camera become items, and how many may wait.</summary>
public sealed record FrameSettings
{
    /// <summary>Frames are kept as items from this doubt on, 0 (all) to 1 (none but a toss-up).</summary>
    public double Doubt { get; init; } = 0.6;

    /// <summary>The most frames of a source that are kept in a minute, 0 to 6,000.</summary>
    public int PerMinute { get; init; } = 12;

    /// <summary>Least seconds between two frames of a source that are kept, 0 to 3,600: what comes right after a doubtful frame looks the same.</summary>
    public double GapSeconds { get; init; } = 1;

    /// <summary>Frames of a source that may wait, 1 to 32: of more the oldest are dropped, and the sender is told.</summary>
    public int Buffer { get; init; } = 2;
}

/// <summary>A project's use of the LLM stage.</summary>
public sealed record LlmSettings
{
    /// <summary>Whether items may be sent to the configured LLM.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>The most money that may be spent, in the currency of the configured prices; 0: no limit.</summary>
    public double Budget { get; init; }

    /// <summary>Items a call, 1 to 100.</summary>
    public int ItemsPerCall { get; init; } = 10;

    /// <summary>Id of the provider that is asked; null: the one of the settings file.</summary>
    public string? Provider { get; init; }

    /// <summary>Most examples in a call, 0 to 50: items that people decided and that are like those of the call; 0: none.</summary>
    public int Examples { get; init; } = 8;

    /// <summary>Most tokens that the examples of a call may take, 0 to 100,000.</summary>
    public int ExampleTokens { get; init; } = 1_500;

    /// <summary>Whether e-mail addresses, telephone, card, account and resident numbers are taken out of texts before they leave.</summary>
    public bool MaskPersonalData { get; init; }

    /// <summary>The accuracy below which the LLM is no longer asked, 0 to 1, once people have judged enough of its answers; 0: it is never paused.</summary>
    public double PauseBelow { get; init; }

    /// <summary>Share of the items that the LLM labelled which people always check, without seeing its answer, 0 to 0.5: by these its accuracy is measured best.</summary>
    public double CheckShare { get; init; } = 0.02;

    /// <summary>How often the LLM is asked about an item it is unsure of, 1 to 9; what most answers say stands. 1: once, as about any other.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>The confidence below which an answer is unsure, 0 to 1.</summary>
    public double SampleBelow { get; init; } = 0.7;

    /// <summary>Number of labels, 20 to 2,000, above which the LLM is asked in two steps: first for the few labels that may apply, then for the one that does.</summary>
    public int NarrowAbove { get; init; } = 200;

    /// <summary>Longest side at which images are sent to the LLM, 64 to 2,048 pixels; smaller ones are sent as they are.</summary>
    public int ImagePixels { get; init; } = 768;

    /// <summary>Images a call, 1 to 20, and no more than <see cref="ItemsPerCall"/>.</summary>
    public int ImagesPerCall { get; init; } = 4;

    /// <summary>Most decided images that go with a call as examples, 0 to 20: those most like its own. They cost as much as other images; 0: none.</summary>
    public int ImageExamples { get; init; } = 2;
}
