using System.Globalization;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Models.Encoders;

/// <summary>Whether the encoder that a project's settings name is there and of use to it.</summary>
internal static class EncoderChoice
{
    /// <summary>Checks what was changed: an encoder that vanished since it was chosen stands in nobody's way.</summary>
    /// <param name="db">The database.</param>
    /// <param name="modality">The project's modality.</param>
    /// <param name="representation">The settings.</param>
    /// <param name="before">The settings so far; null of a new project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<List<(string Field, string Message)>> CheckAsync(AnnotatorDbContext db, Modality modality, RepresentationSettings representation, RepresentationSettings? before, CancellationToken cancellationToken)
    {
        if (representation.Encoder is not { } encoder || string.Equals(encoder, before?.Encoder, StringComparison.Ordinal)) return [];
        const string field = "settings.representation.encoder";
        if (modality != Modality.Text) return [(field, "An encoder of texts is for projects of texts; settings.vision.encoder is that of images.")];
        return long.TryParse(encoder, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && await db.TextEncoders.AnyAsync(e => e.Id == id, cancellationToken)
            ? [] : [(field, $"There is no uploaded encoder of texts \"{(encoder.Length <= 40 ? encoder : encoder[..40])}\".")];
    }
}
