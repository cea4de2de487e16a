using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Student;
using Annotator.Core.Student.Images;

namespace Annotator.Core.Cascade;

/// <summary>Asks a project's student about items, whatever they are.</summary>
public sealed class StudentReader(StudentCatalog students, ItemImages images)
{
    /// <summary>The student in service; null before the first, and where the project's items are none that a student learns.</summary>
    public async ValueTask<LoadedStudent?> FindAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        return project.HasStudent ? await students.FindAsync(project.Id, cancellationToken) : null;
    }

    /// <summary>What a student says of each item; null where the item's image cannot be looked at.</summary>
    /// <param name="project">The project.</param>
    /// <param name="student">Its student.</param>
    /// <param name="items">Text and address of each item.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<Opinion?>> OpinionsAsync(Project project, LoadedStudent student, IReadOnlyList<(string? Text, string? Url)> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(student);
        ArgumentNullException.ThrowIfNull(items);
        var multiple = project.Schema.Multiple;
        if (!student.Model.OfImages)
        {
            var said = student.Predict([.. items.Select(i => i.Text ?? "")], cancellationToken);
            return [.. Enumerable.Range(0, items.Count).Select(i => CascadeRouter.FromStudent(said.Classes, said.Row(i), multiple, student.Version.Version))];
        }

        var canvases = await images.CanvasesAsync(project.Id, [.. items.Select(i => i.Url)], student.Model.CanvasWidth, student.Model.CanvasHeight, cancellationToken);
        var seen = await Task.Run(() => student.Predict(Canvases.Join(canvases), cancellationToken), cancellationToken);
        var next = 0;
        return [.. canvases.Select(c => c is null ? null : CascadeRouter.FromStudent(seen.Classes, seen.Row(next++), multiple, student.Version.Version))];
    }
}
