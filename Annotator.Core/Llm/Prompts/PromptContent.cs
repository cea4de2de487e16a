using System.Text;
using System.Text.Json.Serialization;
using Annotator.Core.Labels;
using Annotator.Core.Projects;

namespace Annotator.Core.Llm.Prompts;

/// <summary>All that makes a version of a prompt: immutable, and enough to ask the same again.</summary>
public sealed record PromptContent
{
    /// <summary>Longest instructions, in characters.</summary>
    public const int MaxInstructions = 4_000;

    /// <summary>Longest definition or rule, in characters.</summary>
    public const int MaxRule = 1_000;

    /// <summary>Most rules.</summary>
    public const int MaxRules = 40;

    /// <summary>Most fixed examples.</summary>
    public const int MaxExamples = 50;

    /// <summary>What kind of labels.</summary>
    public LlmTask Task { get; init; }

    /// <summary>Whether the items are pictures.</summary>
    public bool Pictures { get; init; }

    /// <summary>The labels as the project describes them.</summary>
    public IReadOnlyList<LlmLabel> Labels { get; init; } = [];

    /// <summary>The project's guidelines.</summary>
    public string Guidelines { get; init; } = "";

    /// <summary>What the labels are about; null: a general sentence.</summary>
    public string? Instructions { get; init; }

    /// <summary>Definitions that stand in place of the project's descriptions, by label.</summary>
    public IReadOnlyDictionary<string, string> Definitions { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Rules for the edge cases: "when X, then Y".</summary>
    public IReadOnlyList<string> Rules { get; init; } = [];

    /// <summary>Examples in every call.</summary>
    public IReadOnlyList<LlmExample> Examples { get; init; } = [];

    /// <summary>The content as it may leave where personal data are taken out: its examples are texts of items.</summary>
    internal PromptContent Masked() => this with { Examples = [.. Examples.Select(e => MaskedText.Mask(e, PersonalData.Hide)).OfType<LlmExample>()] };

    /// <summary>Whether the labels stand in the order given in every call, for a probe; else each call has another order.</summary>
    [JsonIgnore]
    internal bool InGivenOrder { get; init; }

    /// <summary>The first prompt of a project: what the project says, and no more.</summary>
    public static PromptContent Of(Project project)
    {
        ArgumentNullException.ThrowIfNull(project);
        var schema = project.Schema;
        var leaves = schema.Leaves().ToHashSet(StringComparer.Ordinal);
        return new PromptContent
        {
            Task = schema.Type == TaskType.Spans ? LlmTask.Spans : schema.Type == TaskType.Boxes ? LlmTask.Boxes : schema.Multiple ? LlmTask.MultipleChoice : LlmTask.SingleChoice,
            Labels = [.. schema.Labels.Where(l => leaves.Contains(l.Name)).Select(l => new LlmLabel(l.Name, l.Description))],
            Guidelines = project.Guidelines,
            Pictures = project.Modality == Modality.Image,
        };
    }

    /// <summary>Whether it says what the project says now.</summary>
    public bool Fits(Project project)
    {
        var now = Of(project);
        return Task == now.Task && Pictures == now.Pictures && string.Equals(Guidelines, now.Guidelines, StringComparison.Ordinal) && Labels.SequenceEqual(now.Labels);
    }

    /// <summary>The same improvements upon what the project says now; those of labels that are gone are gone.</summary>
    public PromptContent Rebase(Project project)
    {
        var now = Of(project);
        var names = now.Labels.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        return now with
        {
            Instructions = Instructions,
            Definitions = Definitions.Where(d => names.Contains(d.Key)).ToDictionary(d => d.Key, d => d.Value, StringComparer.Ordinal),
            Rules = Rules,
            Examples = now.Pictures ? [] : [.. Examples.Where(e => e.Labels.All(names.Contains) && (e.Quotes ?? []).All(q => names.Contains(q.Label)) && (now.Task != LlmTask.SingleChoice || e.Labels.Count == 1))],
        };
    }

    /// <summary>What is wrong with it, by field; empty when all is well.</summary>
    public IReadOnlyList<(string Field, string Message)> Validate()
    {
        var errors = new List<(string, string)>();
        var names = Labels.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        if (Instructions?.Length > MaxInstructions) errors.Add(("instructions", $"At most {MaxInstructions} characters."));
        foreach (var (label, text) in Definitions)
        {
            if (!names.Contains(label)) errors.Add(($"definitions.{label}", "There is no such label."));
            if (string.IsNullOrWhiteSpace(text) || text.Length > MaxRule) errors.Add(($"definitions.{label}", $"1 to {MaxRule} characters."));
        }

        if (Rules.Count > MaxRules) errors.Add(("rules", $"At most {MaxRules} rules."));
        for (var i = 0; i < Rules.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(Rules[i]) || Rules[i].Length > MaxRule) errors.Add(($"rules[{i}]", $"1 to {MaxRule} characters."));
        }

        if (Pictures && Examples.Count > 0) errors.Add(("examples", "Examples are texts, and the project's items are images."));
        if (Examples.Count > MaxExamples) errors.Add(("examples", $"At most {MaxExamples} examples."));
        for (var i = 0; i < Examples.Count; i++)
        {
            var example = Examples[i];
            if (string.IsNullOrWhiteSpace(example.Text)) errors.Add(($"examples[{i}].text", "A text is needed."));
            if (!example.Labels.All(names.Contains)) errors.Add(($"examples[{i}].labels", "There is no such label."));
            if (Task == LlmTask.SingleChoice && example.Labels.Count != 1) errors.Add(($"examples[{i}].labels", "One label is needed."));
            if (Task == LlmTask.Spans && example.Quotes is null) errors.Add(($"examples[{i}].quotes", "The spans are needed: quote, occurrence and label of each; none where there is none."));
            foreach (var quote in example.Quotes ?? [])
            {
                if (Task != LlmTask.Spans) errors.Add(($"examples[{i}].quotes", "The project's labels are no spans."));
                else if (!names.Contains(quote.Label)) errors.Add(($"examples[{i}].quotes", "There is no such label."));
                else if (SpanAlignment.Find(example.Text ?? "", quote.Quote ?? "", quote.Occurrence) is null) errors.Add(($"examples[{i}].quotes", "The quote does not stand so often in the text."));
            }
        }

        return errors;
    }

    /// <summary>The prompt.</summary>
    public LabellingPrompt ToPrompt()
    {
        var guidelines = new StringBuilder(Guidelines.Trim());
        if (Rules.Count > 0)
        {
            if (guidelines.Length > 0) guidelines.Append("\n\n");
            guidelines.Append("Edge cases:\n");
            foreach (var rule in Rules) guidelines.Append("- ").Append(rule.ReplaceLineEndings(" ")).Append('\n');
        }

        var labels = Labels.Select(l => Definitions.TryGetValue(l.Name, out var definition) ? l with { Description = definition } : l).ToList();
        return new LabellingPrompt(Task, labels, Instructions, guidelines.Length > 0 ? guidelines.ToString() : null, Examples, Pictures) { InGivenOrder = InGivenOrder };
    }

    /// <summary>Its text, line by line, for people to compare; labels in the project's order.</summary>
    public IReadOnlyList<string> ToLines()
    {
        var lines = new List<string> { "# Instructions" };
        lines.AddRange(Lines(Instructions ?? ""));
        lines.Add("# Labels");
        foreach (var label in Labels) lines.Add($"{label.Name}: {(Definitions.TryGetValue(label.Name, out var definition) ? definition : label.Description)}".ReplaceLineEndings(" "));
        lines.Add("# Guidelines");
        lines.AddRange(Lines(Guidelines));
        lines.Add("# Edge cases");
        lines.AddRange(Rules.Select(r => r.ReplaceLineEndings(" ")));
        lines.Add("# Examples");
        lines.AddRange(Examples.Select(e => $"{string.Join(", ", e.Quotes is null ? e.Labels : e.Quotes.Select(q => $"\"{q.Quote}\" → {q.Label}"))}: {e.Text}".ReplaceLineEndings(" ")));
        return lines;
    }

    private static IEnumerable<string> Lines(string text) => text.ReplaceLineEndings("\n").Split('\n').Select(l => l.TrimEnd()).Where(l => l.Length > 0);
}

/// <summary>A line of two texts side by side.</summary>
/// <param name="Kind"><c>same</c>, <c>removed</c> or <c>added</c>.</param>
/// <param name="Text">The line.</param>
public sealed record DiffLine(string Kind, string Text);

/// <summary>Compares texts line by line.</summary>
public static class LineDiff
{
    /// <summary>The shortest edit from one text to another, by the longest common subsequence of their lines.</summary>
    public static IReadOnlyList<DiffLine> Of(IReadOnlyList<string> before, IReadOnlyList<string> after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        var common = new int[before.Count + 1, after.Count + 1];
        for (var i = before.Count - 1; i >= 0; i--)
        {
            for (var j = after.Count - 1; j >= 0; j--)
                common[i, j] = string.Equals(before[i], after[j], StringComparison.Ordinal) ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
        }

        var lines = new List<DiffLine>();
        var (x, y) = (0, 0);
        while (x < before.Count || y < after.Count)
        {
            if (x < before.Count && y < after.Count && string.Equals(before[x], after[y], StringComparison.Ordinal))
            {
                lines.Add(new DiffLine("same", before[x]));
                (x, y) = (x + 1, y + 1);
            }
            else if (y == after.Count || (x < before.Count && common[x + 1, y] >= common[x, y + 1]))
            {
                lines.Add(new DiffLine("removed", before[x++]));
            }
            else
            {
                lines.Add(new DiffLine("added", after[y++]));
            }
        }

        return lines;
    }
}
