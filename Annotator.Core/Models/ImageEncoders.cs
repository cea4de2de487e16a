using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Annotator.Core.Student.Images;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Models;

/// <summary>Which encoder a project's images are looked at with: the uploaded one that it has chosen, else the built-in one of the size that fits its images.</summary>
public sealed class ImageEncoders(AnnotatorDatabase database, ModelRegistry models)
{
    // So many images tell how large a project's images are.
    private const int Looked = 200;

    // From this shorter side on the built-in encoder looks at the larger canvas: below there is nothing more to see on it.
    private const int LeastSide = 112;

    private readonly ConcurrentDictionary<long, ImageEncoder> _sized = new();

    /// <summary>The encoder that a project uses now.</summary>
    /// <param name="project">A project of images.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async ValueTask<ImageEncoder> OfAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        if (project.Modality == Modality.Image && long.TryParse(project.Settings.Vision.Encoder, CultureInfo.InvariantCulture, out var id) && await models.EncoderAsync(id, cancellationToken) is { } uploaded) return uploaded;
        if (_sized.TryGetValue(project.Id, out var known)) return known;
        var sides = await database.ReadAsync(
            async db => await db.MediaFiles.Where(m => m.ProjectId == project.Id && m.Width > 0).OrderBy(m => m.Name).Select(m => m.Width < m.Height ? m.Width : m.Height).Take(Looked).ToListAsync(cancellationToken),
            cancellationToken);
        sides.Sort();
        var encoder = sides.Count > 0 && sides[sides.Count / 2] >= LeastSide ? ImageEncoder.Fine : ImageEncoder.Default;

        // Few images say little of those to come, and every change makes all rows anew.
        if (sides.Count == Looked) _sized[project.Id] = encoder;
        return encoder;
    }
}
