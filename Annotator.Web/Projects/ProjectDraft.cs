using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Web.Edge;

namespace Annotator.Web.Projects;

/// <summary>A project while it is being made or changed: what the form shows. Shares are percent here, as people write them.</summary>
public sealed class ProjectDraft
{
    private Modality _modality = Modality.Text;

    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>What kind of data; a task that does not go with it gives way.</summary>
    public Modality Modality
    {
        get => _modality;
        set
        {
            _modality = value;
            if (!TasksOf(value).Contains(Task)) Task = TaskType.Classification;
        }
    }

    /// <summary>The task.</summary>
    public TaskType Task { get; set; } = TaskType.Classification;

    /// <summary>Whether an item may carry several labels.</summary>
    public bool Multiple { get; set; }

    /// <summary>The labels.</summary>
    public LabelDrafts Labels { get; set; } = new();

    /// <summary>Markdown.</summary>
    public string Guidelines { get; set; } = "";

    /// <summary>Accuracy to reach, in percent.</summary>
    public double TargetPercent { get; set; } = 97;

    /// <summary>With what confidence, in percent.</summary>
    public double ConfidencePercent { get; set; } = 95;

    /// <summary>Share of random checks, in percent.</summary>
    public double AuditPercent { get; set; } = 5;

    /// <summary>People an item.</summary>
    public int Overlap { get; set; } = 1;

    /// <summary>How long an item is kept for its annotator, in minutes.</summary>
    public double LeaseMinutes { get; set; } = 10;

    /// <summary>Whether labels may become final without a person.</summary>
    public bool AutoAccept { get; set; } = true;

    /// <summary>Whether near-duplicates are labelled once.</summary>
    public bool GroupDuplicates { get; set; } = true;

    /// <summary>Whether a skip needs a reason.</summary>
    public bool SkipNeedsReason { get; set; }

    /// <summary>Whether items may be sent to the LLM.</summary>
    public bool LlmEnabled { get; set; } = true;

    /// <summary>The most money; 0: no limit.</summary>
    public double LlmBudget { get; set; }

    /// <summary>Items a call.</summary>
    public int LlmItemsPerCall { get; set; } = 10;

    /// <summary>Images a call.</summary>
    public int LlmImagesPerCall { get; set; } = 4;

    /// <summary>Most decided images that go with a call as examples.</summary>
    public int LlmImageExamples { get; set; } = 2;

    /// <summary>Longest side at which images are sent to the LLM, in pixels.</summary>
    public int LlmImagePixels { get; set; } = 768;

    /// <summary>Single items and devices.</summary>
    public DeliveryDraft Delivery { get; set; } = new();

    /// <summary>Id of the uploaded model that looks at images or films; null: none.</summary>
    public string? VisionModel { get; set; }

    /// <summary>Id of the uploaded model that the student of images is trained on; null: the built-in encoder.</summary>
    public string? VisionEncoder { get; set; }

    /// <summary>Id of the uploaded encoder that texts are compared by; null: the built-in representation.</summary>
    public string? TextEncoder { get; set; }

    /// <summary>Boxes below this score are not pre-labels; null: as the model says.</summary>
    public double? VisionThreshold { get; set; }

    /// <summary>Whether the score of each label is set by what people correct.</summary>
    public bool VisionTune { get; set; } = true;

    /// <summary>How many frames a second of a film are looked at.</summary>
    public double TrackRate { get; set; } = 5;

    /// <summary>How long a job of a film may be, in seconds; 0: none is cut.</summary>
    public double JobSeconds { get; set; }

    /// <summary>The tasks that go with a kind of data.</summary>
    public static IReadOnlyList<TaskType> TasksOf(Modality modality) => modality switch
    {
        Modality.Text => [TaskType.Classification, TaskType.Spans],
        Modality.Image => [TaskType.Classification, TaskType.Boxes, TaskType.Polygons],
        Modality.Video => [TaskType.Classification, TaskType.Tracks, TaskType.Segments],
        _ => throw new ArgumentOutOfRangeException(nameof(modality)),
    };

    /// <summary>The draft of a project as it is.</summary>
    public static ProjectDraft From(Project project)
    {
        var (schema, settings) = (project.Schema, project.Settings);
        return new ProjectDraft
        {
            Name = project.Name,
            Modality = project.Modality,
            Task = schema.Type,
            Multiple = schema.Multiple,
            Labels = LabelDrafts.From(schema),
            Guidelines = project.Guidelines,
            TargetPercent = Percent(settings.TargetAccuracy),
            ConfidencePercent = Percent(settings.Confidence),
            AuditPercent = Percent(settings.AuditShare),
            Overlap = settings.Overlap,
            LeaseMinutes = Math.Round(settings.LeaseSeconds / 60.0, 2),
            AutoAccept = settings.AutoAccept,
            GroupDuplicates = settings.GroupDuplicates,
            SkipNeedsReason = settings.SkipNeedsReason,
            LlmEnabled = settings.Llm.Enabled,
            LlmBudget = settings.Llm.Budget,
            LlmItemsPerCall = settings.Llm.ItemsPerCall,
            LlmImagesPerCall = settings.Llm.ImagesPerCall,
            LlmImageExamples = settings.Llm.ImageExamples,
            LlmImagePixels = settings.Llm.ImagePixels,
            Delivery = DeliveryDraft.From(settings),
            VisionModel = settings.Vision.Model,
            VisionEncoder = settings.Vision.Encoder,
            TextEncoder = settings.Representation.Encoder,
            VisionThreshold = settings.Vision.Threshold,
            VisionTune = settings.Vision.Tune,
            TrackRate = settings.Vision.TrackRate,
            JobSeconds = settings.Vision.JobSeconds,
        };
    }

    /// <summary>What is asked for when the project is made.</summary>
    public NewProject ToNew() => new(Name, Modality, ToTask(), Guidelines, Apply(new ProjectSettings()));

    /// <summary>What is asked for when the project is changed.</summary>
    /// <param name="settings">The settings as they are; what the form does not show stays.</param>
    public ProjectChange ToChange(ProjectSettings settings) =>
        new(Name, ToTask(), Guidelines, JsonSerializer.SerializeToNode(Apply(settings), ProjectJson.Options) as JsonObject);

    private TaskDefinition ToTask() => new(Task, Multiple && Task == TaskType.Classification, Labels.ToDefinitions());

    private ProjectSettings Apply(ProjectSettings settings) => Delivery.Apply(settings) with
    {
        TargetAccuracy = Share(TargetPercent),
        Confidence = Share(ConfidencePercent),
        AuditShare = Share(AuditPercent),
        Overlap = Overlap,
        LeaseSeconds = (int)Math.Clamp(Math.Round(LeaseMinutes * 60), int.MinValue, int.MaxValue),
        AutoAccept = AutoAccept,
        GroupDuplicates = GroupDuplicates,
        SkipNeedsReason = SkipNeedsReason,
        Llm = settings.Llm with { Enabled = LlmEnabled, Budget = LlmBudget, ItemsPerCall = LlmItemsPerCall, ImagesPerCall = LlmImagesPerCall, ImageExamples = LlmImageExamples, ImagePixels = LlmImagePixels },
        Vision = settings.Vision with { Model = VisionModel, Encoder = VisionEncoder, Threshold = VisionThreshold, Tune = VisionTune, TrackRate = TrackRate, JobSeconds = JobSeconds },
        Representation = settings.Representation with { Encoder = TextEncoder },
    };

    private static double Percent(double share) => Math.Round(share * 100, 4);

    private static double Share(double percent) => Math.Round(percent / 100, 6);
}
