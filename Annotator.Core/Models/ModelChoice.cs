using System.Globalization;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Models;

/// <summary>Whether the uploaded models that a project's settings name are there and can do what they are named for.</summary>
internal static class ModelChoice
{
    /// <summary>Checks what was changed: a model that vanished since it was chosen stands in nobody's way.</summary>
    /// <param name="db">The database.</param>
    /// <param name="schema">The project's schema.</param>
    /// <param name="modality">The project's modality.</param>
    /// <param name="vision">The settings.</param>
    /// <param name="before">The settings so far; null of a new project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<List<(string Field, string Message)>> CheckAsync(AnnotatorDbContext db, LabelSchema schema, Modality modality, VisionSettings vision, VisionSettings? before, CancellationToken cancellationToken)
    {
        var errors = new List<(string, string)>();
        if (vision.Model is { } model && !string.Equals(model, before?.Model, StringComparison.Ordinal))
        {
            var wanted = WantedOf(schema, modality);
            if (await FindAsync(db, model, cancellationToken) is not { } found) errors.Add(("settings.vision.model", Unknown(model)));
            else if (wanted is null) errors.Add(("settings.vision.model", $"No uploaded model is used for a task of type {Names.Of(schema.Type)}{(schema.Multiple ? " with several labels an item" : "")} in {Names.Of(modality)} projects."));
            else if (found.Spec.Kind != wanted) errors.Add(("settings.vision.model", $"\"{found.Name}\" is of kind {Names.Of(found.Spec.Kind)}, and this project takes one of kind {Names.Of(wanted.Value)}."));
        }

        if (vision.Encoder is { } encoder && !string.Equals(encoder, before?.Encoder, StringComparison.Ordinal))
        {
            if (await FindAsync(db, encoder, cancellationToken) is not { } found) errors.Add(("settings.vision.encoder", Unknown(encoder)));
            else if (modality != Modality.Image || schema.Type != TaskType.Classification) errors.Add(("settings.vision.encoder", "An encoder is for the student of a project that classifies images."));
            else if (found.Features == 0) errors.Add(("settings.vision.encoder", $"\"{found.Name}\" cannot be the encoder of a student: it is of kind {Names.Of(found.Spec.Kind)}, and none whose last layer could be taken off."));
        }

        return errors;
    }

    /// <summary>Which models that a project has chosen are not there any more, in words; null where none is missing.</summary>
    /// <param name="db">The database.</param>
    /// <param name="project">The project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<string?> MissingAsync(AnnotatorDbContext db, Project project, CancellationToken cancellationToken)
    {
        var missing = new List<string>();
        var vision = project.Settings.Vision;
        if (await IsGoneAsync(db, vision.Model, cancellationToken)) missing.Add($"The model {vision.Model} of the project's settings is not there any more: nothing is pre-labelled by it.");
        if (await IsGoneAsync(db, vision.Encoder, cancellationToken)) missing.Add($"The encoder {vision.Encoder} of the project's settings is not there any more: the built-in one is used.");
        return missing.Count == 0 ? null : string.Join(' ', missing);
    }

    /// <summary>Whether a model was chosen and is not there.</summary>
    internal static async Task<bool> IsGoneAsync(AnnotatorDbContext db, string? id, CancellationToken cancellationToken) => id is not null && await FindAsync(db, id, cancellationToken) is null;

    private static ModelKind? WantedOf(LabelSchema schema, Modality modality) => (modality, schema.Type) switch
    {
        (Modality.Image, TaskType.Boxes) or (Modality.Video, TaskType.Tracks) => ModelKind.Detector,
        (Modality.Image, TaskType.Classification) when !schema.Multiple => ModelKind.Classifier,
        _ => null,
    };

    private static async Task<(string Name, ModelSpec Spec, int Features)?> FindAsync(AnnotatorDbContext db, string id, CancellationToken cancellationToken)
    {
        if (!long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return null;
        var row = await db.VisionModels.AsNoTracking().Where(m => m.Id == number).Select(m => new { m.Name, m.Spec, m.Report }).SingleOrDefaultAsync(cancellationToken);
        return row is null ? null : (row.Name, JsonSerializer.Deserialize<ModelSpec>(row.Spec, ProjectJson.Options)!, JsonSerializer.Deserialize<ModelReport>(row.Report, ProjectJson.Options)!.Features);
    }

    private static string Unknown(string id) => $"There is no uploaded model \"{(id.Length <= 40 ? id : id[..40])}\".";
}
