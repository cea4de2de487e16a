using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Representation;
using Annotator.Core.Projects;

namespace Annotator.Core.Llm.Prompts;

/// <summary>Chooses for calls about pictures the decided pictures that are most like theirs, by the cosine of their representations; corrections come before confirmations that are about as near.</summary>
public sealed class DecidedPictures(DecidedTexts decided, Representations representations, LlmPictures pictures)
{
    // A correction is worth as much as a confirmation that is so much nearer.
    private const float CorrectionBonus = 0.05f;

    // More boxes than this would make an example a burden.
    private const int MostBoxes = 40;

    /// <summary>Examples for the calls of a run; null where there are none to be had: nothing was decided, or the project is not represented yet.</summary>
    /// <param name="project">The project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<Func<IReadOnlyList<LlmItem>, CancellationToken, Task<IReadOnlyList<LlmPictureExample>>>?> OpenAsync(Project project, CancellationToken cancellationToken)
    {
        if (await representations.FindAsync(project.Id, cancellationToken) is not { } loaded) return null;
        var known = (await decided.SampleAsync(project, DecidedTexts.Most, cancellationToken)).Select(d => (Item: d, Row: loaded.Vectors.RowOf(d.ItemId))).Where(d => d.Row >= 0 && d.Item.Url is not null).ToList();
        if (known.Count == 0) return null;
        var vectors = loaded.Vectors.ToFloats([.. known.Select(k => k.Row)]);
        return (items, cancel) => ChooseAsync(project, loaded.Vectors, known.ConvertAll(k => k.Item), vectors, items, cancel);
    }

    private async Task<IReadOnlyList<LlmPictureExample>> ChooseAsync(
        Project project, CompactVectors all, List<DecidedText> known, float[] vectors, IReadOnlyList<LlmItem> items, CancellationToken cancellationToken)
    {
        var settings = project.Settings.Llm;
        var own = items.Select(i => long.Parse(i.Id, CultureInfo.InvariantCulture)).ToHashSet();
        var near = own.Select(all.RowOf).Where(r => r >= 0).Select(r => Near(all, r, known, vectors, own, settings.ImageExamples)).ToList();

        // Of each picture the nearest in turn, the most alike last, where models look most.
        var chosen = new List<(int Place, float Likeness)>();
        for (var rank = 0; rank < settings.ImageExamples; rank++)
        {
            foreach (var found in near.Where(n => n.Count > rank).Select(n => n[rank]).OrderByDescending(n => n.Likeness))
            {
                if (chosen.Count < settings.ImageExamples && chosen.All(c => c.Place != found.Place)) chosen.Add(found);
            }
        }

        var places = chosen.OrderBy(c => c.Likeness).Select(c => known[c.Place]).ToList();
        if (places.Count == 0) return [];
        var files = await pictures.FindAsync(project.Id, places.ConvertAll(p => new Item { Id = p.ItemId, ProjectId = project.Id, Key = "", Url = p.Url }), settings.ImagePixels, cancellationToken);
        var examples = new List<LlmPictureExample>(places.Count);
        foreach (var (place, picture) in places.Zip(files))
        {
            if (picture is not null && Answer(place, picture) is { } answer && await picture.OpenAsync(cancellationToken) is { } image) examples.Add(answer with { Image = image });
        }

        return examples;
    }

    private static List<(int Place, float Likeness)> Near(CompactVectors all, int row, List<DecidedText> known, float[] vectors, HashSet<long> own, int count)
    {
        var query = new float[all.Dimensions];
        all.Read(row, query);
        return [.. Enumerable.Range(0, known.Count).Where(k => !own.Contains(known[k].ItemId))
            .Select(k => (Place: k, Likeness: System.Numerics.Tensors.TensorPrimitives.CosineSimilarity(query, vectors.AsSpan(k * all.Dimensions, all.Dimensions)) + (known[k].Corrected ? CorrectionBonus : 0)))
            .OrderByDescending(n => n.Likeness).ThenBy(n => known[n.Place].ItemId).Take(count)];
    }

    private static LlmPictureExample? Answer(DecidedText decided, LlmPicture picture) => LabelJson.Read(decided.Value) switch
    {
        ChoiceValue choice => new LlmPictureExample([choice.Choice]),
        ChoicesValue choices => new LlmPictureExample(choices.Choices),
        BoxesValue { Boxes.Count: <= MostBoxes } boxes => new LlmPictureExample([], [.. boxes.Boxes.Select(b => LlmBox.Of(b, picture.Width, picture.Height))]),
        _ => null,
    };
}
