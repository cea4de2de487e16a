using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Student;
using Annotator.Core.Student.Images;

namespace Annotator.Core.Learning;

/// <summary>What of an item is learned from.</summary>
/// <param name="Text">Its text.</param>
/// <param name="Url">Address of its medium.</param>
internal readonly record struct ItemContent(string? Text, string? Url);

/// <summary>Turns items into rows of features, whatever they are: the only place in the learning that knows of modalities.</summary>
internal sealed class ItemFeatures(ItemImages images)
{
    private readonly TextFeatures _texts = new();

    /// <summary>What the rows of a project are.</summary>
    public FeatureOptions OptionsOf(Project project) => project.Modality == Modality.Image ? ImageEncoder.Default.Options : _texts.Options;

    /// <summary>How a student of a project is trained.</summary>
    public SoftmaxTrainer TrainerOf(Project project)
    {
        var options = OptionsOf(project);
        return new SoftmaxTrainer(options, options.Training(project.Schema.Multiple));
    }

    /// <summary>Appends a row for each item, in order; an image that cannot be looked at gets an empty one.</summary>
    public async Task AppendAsync(Project project, IReadOnlyList<ItemContent> items, SparseRows rows, CancellationToken cancellationToken)
    {
        if (project.Modality != Modality.Image)
        {
            foreach (var item in items) _texts.Append(item.Text ?? "", rows);
            return;
        }

        var (known, values) = await EncodeAsync(project.Id, [.. items.Select(i => i.Url)], cancellationToken);
        var width = ImageEncoder.Default.Options.Dimensions;
        for (int i = 0, next = 0; i < items.Count; i++)
        {
            if (known[i]) rows.AddDense(values.AsSpan(next++ * width, width));
            else rows.Add([]);
        }
    }

    /// <summary>Encodes images.</summary>
    /// <returns>Which of them could be looked at, and the rows of those, one after the other.</returns>
    public async Task<(bool[] Known, float[] Rows)> EncodeAsync(long projectId, IReadOnlyList<string?> addresses, CancellationToken cancellationToken)
    {
        var canvases = await images.CanvasesAsync(projectId, addresses, cancellationToken);
        var known = Array.ConvertAll(canvases, c => c is not null);
        return (known, await Task.Run(() => ImageEncoder.Default.Encode(Canvases.Join(canvases), cancellationToken), cancellationToken));
    }
}
