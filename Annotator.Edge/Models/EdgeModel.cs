using Annotator.Core.Cascade;
using Annotator.Core.Student;
using Annotator.Edge.Annotating;

namespace Annotator.Edge.Models;

/// <summary>A model that is ready to work.</summary>
internal interface IEdgeModel : IDisposable
{
    /// <summary>What it says of items, in their order.</summary>
    IReadOnlyList<EdgeOpinion> Predict(IReadOnlyList<EdgeItem> items);

    /// <summary>Tries it on something small: a model that cannot do even that never comes into service.</summary>
    void Try();
}

/// <summary>A student of texts: the very file, and the very code, that the centre runs.</summary>
internal sealed class TextModel : IEdgeModel
{
    private readonly StudentModel _student;
    private readonly StudentVocabulary? _vocabulary;

    private TextModel(StudentModel student, StudentVocabulary? vocabulary) => (_student, _vocabulary) = (student, vocabulary);

    /// <summary>Labels, in the order of the model.</summary>
    public IReadOnlyList<string> Classes => _student.Classes;

    /// <summary>Opens a student.</summary>
    /// <exception cref="StudentFileException">It is none.</exception>
    public static TextModel Load(byte[] file) => new(StudentModel.Load(file), StudentVocabulary.Read(file));

    /// <inheritdoc/>
    public IReadOnlyList<EdgeOpinion> Predict(IReadOnlyList<EdgeItem> items)
    {
        var texts = items.Select(i => i.Text ?? throw new InvalidOperationException("This model labels texts, and the item is none.")).ToList();
        var predictions = _student.Predict(texts);
        var opinions = new EdgeOpinion[texts.Count];
        for (var i = 0; i < opinions.Length; i++)
        {
            var opinion = CascadeRouter.FromStudent(_student.Classes, predictions.Row(i), _student.Multiple, 0);
            if (!double.IsFinite(opinion.Confidence)) throw new InvalidOperationException("The model's probabilities are no numbers.");
            opinions[i] = new EdgeOpinion(opinion.Value, Math.Clamp(opinion.Confidence, 0, 1), _vocabulary?.Familiarity(texts[i]) ?? 1);
        }

        return opinions;
    }

    /// <inheritdoc/>
    public void Try() => Predict([new EdgeItem("try", "A short text."), new EdgeItem("try", "")]);

    /// <inheritdoc/>
    public void Dispose() => _student.Dispose();
}
