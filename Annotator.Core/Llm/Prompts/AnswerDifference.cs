using Annotator.Core.Labels;

namespace Annotator.Core.Llm.Prompts;

/// <summary>What a model says of an item where people say something else, label by label.</summary>
public static class AnswerDifference
{
    /// <summary>Label values by which a confusion names that there is nothing.</summary>
    public static string Nothing { get; } = LabelJson.Write(new ChoicesValue([]));

    /// <summary>
    /// The pairs of labels that differ, as label values. Classes make one pair. Of what was marked or drawn each piece that only one side has makes one: with the
    /// piece of the other side that it overlaps, or with <see cref="Nothing"/>; the same label twice means other bounds.
    /// </summary>
    /// <param name="people">What people said, as canonical JSON.</param>
    /// <param name="model">What the model said; null: nothing valid.</param>
    public static IReadOnlyList<(string People, string? Model)> Of(string people, string? model)
    {
        ArgumentNullException.ThrowIfNull(people);
        if (model is not null && LabelLikeness.Same(people, model)) return [];
        if (!LabelLikeness.IsDrawn(people)) return [(people, model)];
        var decided = LabelJson.Read(people);
        if (model is null) return [(LabelJson.Write(new ChoicesValue(decided.LabelNames)), null)];
        return (decided, LabelJson.Read(model)) switch
        {
            (SpansValue a, SpansValue b) => Pair([.. a.Spans.Except(b.Spans)], [.. b.Spans.Except(a.Spans)], s => s.Label, Overlap),
            (BoxesValue a, BoxesValue b) when ShapeMatching.Match(a, b) is { } found =>
                Pair([.. a.Boxes.Where((_, i) => found.Pairs.All(p => p.First != i))], [.. b.Boxes.Where((_, i) => found.Pairs.All(p => p.Second != i))], s => s.Label, ShapeMatching.Overlap),
            _ => [(people, model)],
        };
    }

    // The greatest overlap first; what overlaps nothing is alone.
    private static List<(string People, string? Model)> Pair<T>(List<T> people, List<T> model, Func<T, string> labelOf, Func<T, T, double> overlapOf)
    {
        var found = new List<(string, string?)>();
        foreach (var (first, second, _) in people.SelectMany(p => model.Select(m => (First: p, Second: m, Overlap: overlapOf(p, m)))).Where(p => p.Overlap > 0).OrderByDescending(p => p.Overlap).ToList())
        {
            if (!people.Contains(first) || !model.Contains(second)) continue;
            people.Remove(first);
            model.Remove(second);
            found.Add((Name(labelOf(first)), Name(labelOf(second))));
        }

        found.AddRange(people.Select(p => (Name(labelOf(p)), (string?)Nothing)));
        found.AddRange(model.Select(m => (Nothing, (string?)Name(labelOf(m)))));
        return found;
    }

    private static string Name(string label) => LabelJson.Write(new ChoiceValue(label));

    private static double Overlap(Span a, Span b)
    {
        double common = Math.Min(a.End, b.End) - Math.Max(a.Start, b.Start);
        return common <= 0 ? 0 : common / (Math.Max(a.End, b.End) - Math.Min(a.Start, b.Start));
    }
}
