using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Core.Student;
using Annotator.Core.Student.Images;

namespace Annotator.Core.Learning;

/// <summary>What of an item is learned from.</summary>
/// <param name="Text">Its text.</param>
/// <param name="Url">Address of its medium.</param>
internal readonly record struct ItemContent(string? Text, string? Url);

/// <summary>Turns items into rows of features, whatever they are: the only place in the learning that knows of modalities.</summary>
internal sealed class ItemFeatures(ItemImages images, ImageEncoders encoders)
{
    private readonly TextFeatures _texts = new();

    /// <summary>What the rows of a project are: with images, those of the encoder that it uses now.</summary>
    public async ValueTask<FeatureOptions> OptionsAsync(Project project, CancellationToken cancellationToken) =>
        project.Modality == Modality.Image ? (await encoders.OfAsync(project, cancellationToken)).Options : _texts.Options;

    /// <summary>How a student is trained on such rows.</summary>
    public static SoftmaxTrainer TrainerOf(Project project, FeatureOptions options) => new(options, options.Training(project.Schema.Multiple));

    /// <summary>Appends a row for each item, in order; an image that cannot be looked at gets an empty one.</summary>
    public async Task AppendAsync(Project project, FeatureOptions options, IReadOnlyList<ItemContent> items, SparseRows rows, CancellationToken cancellationToken)
    {
        if (options is not ImageFeatureOptions { Source: { } encoder })
        {
            foreach (var item in items) _texts.Append(item.Text ?? "", rows);
            return;
        }

        // A page of large canvases is taken in parts, so that memory holds few of them.
        var width = encoder.Options.Dimensions;
        foreach (var part in items.Chunk(Math.Max(16, MostBytes / encoder.BytesOfCanvas)))
        {
            var (known, values) = await EncodeAsync(project.Id, encoder, [.. part.Select(i => i.Url)], cancellationToken);
            for (int i = 0, next = 0; i < part.Length; i++)
            {
                if (known[i]) rows.AddDense(values.AsSpan(next++ * width, width));
                else rows.Add([]);
            }
        }
    }

    private const int MostBytes = 32 << 20;

    /// <summary>The encoder that a project of images uses now.</summary>
    public ValueTask<ImageEncoder> EncoderAsync(Project project, CancellationToken cancellationToken) => encoders.OfAsync(project, cancellationToken);

    /// <summary>Encodes images.</summary>
    /// <returns>Which of them could be looked at, and the rows of those, one after the other.</returns>
    public async Task<(bool[] Known, float[] Rows)> EncodeAsync(long projectId, ImageEncoder encoder, IReadOnlyList<string?> addresses, CancellationToken cancellationToken)
    {
        var canvases = await images.CanvasesAsync(projectId, addresses, encoder.CanvasWidth, encoder.CanvasHeight, cancellationToken);
        var known = Array.ConvertAll(canvases, c => c is not null);
        return (known, await Task.Run(() => encoder.Encode(Canvases.Join(canvases), cancellationToken), cancellationToken));
    }
}
