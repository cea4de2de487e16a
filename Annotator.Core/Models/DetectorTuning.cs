using System.Text.Json;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Detection;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Models;

/// <summary>What a project's people taught about a detector: from which score its boxes are worth showing.</summary>
public sealed class DetectorTuning
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The model.</summary>
    public long ModelId { get; set; }

    /// <summary>How many images that people decided it rests on.</summary>
    public int Images { get; set; }

    /// <summary>How many the project had then: it is tuned again once there are clearly more.</summary>
    public long Decided { get; set; }

    /// <summary>A list of <see cref="TunedLabel"/> as JSON.</summary>
    public required string Labels { get; set; }

    /// <summary>When it was measured.</summary>
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>The figures of each label.</summary>
    public IReadOnlyList<TunedLabel> Figures() => JsonSerializer.Deserialize<List<TunedLabel>>(Labels, ProjectJson.Options) ?? [];
}

internal sealed class DetectorTuningConfiguration : IEntityTypeConfiguration<DetectorTuning>
{
    public void Configure(EntityTypeBuilder<DetectorTuning> builder)
    {
        builder.ToTable("detector_tunings");
        builder.HasKey(t => new { t.ProjectId, t.ModelId });
    }
}

/// <summary>Reads what was taught about detectors.</summary>
public sealed class DetectorTunings(AnnotatorDatabase database)
{
    /// <summary>The lines that hold for a project's model: those of its people, and for the rest the project's or the model's own.</summary>
    /// <param name="project">The project.</param>
    /// <param name="modelId">The model.</param>
    /// <param name="spec">What is said of the model.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<ScoreLines> LinesAsync(Project project, long modelId, ModelSpec spec, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(spec);
        var usual = project.Settings.Vision.Threshold ?? spec.Threshold;
        if (!project.Settings.Vision.Tune || await FindAsync(project.Id, modelId, cancellationToken) is not { } tuning) return new ScoreLines(usual);
        var figures = tuning.Figures();
        return new ScoreLines(usual, figures.ToDictionary(l => l.Label, l => l.Line, StringComparer.Ordinal), figures.ToDictionary(l => l.Label, l => new ScoreCalibration(l.Slope, l.Intercept), StringComparer.Ordinal));
    }

    /// <summary>What a project taught about a model; null where it has not.</summary>
    public Task<DetectorTuning?> FindAsync(long projectId, long modelId, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.DetectorTunings.SingleOrDefaultAsync(t => t.ProjectId == projectId && t.ModelId == modelId, cancellationToken), cancellationToken);

    /// <summary>What all projects taught about their models, with the projects' names; newest first.</summary>
    public Task<List<ProjectTuning>> ListAsync(CancellationToken cancellationToken = default) => database.ReadAsync(
        async db => (await db.DetectorTunings.Join(db.Projects, t => t.ProjectId, p => p.Id, (t, p) => new { Tuning = t, p.Name }).OrderByDescending(t => t.Tuning.UpdatedAt).Take(1_000).ToListAsync(cancellationToken))
            .ConvertAll(t => new ProjectTuning(t.Tuning, t.Name)),
        cancellationToken);
}

/// <summary>What a project taught about a model.</summary>
/// <param name="Tuning">The figures.</param>
/// <param name="Project">The project's name.</param>
public sealed record ProjectTuning(DetectorTuning Tuning, string Project);
