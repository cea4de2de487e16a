using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Annotator.Core.Llm;

/// <summary>What became of one item of a call.</summary>
/// <param name="Answer">The answer; null where there is none.</param>
/// <param name="Failure">Why there is none.</param>
/// <param name="Detail">The reason in English; it never quotes the answer.</param>
public sealed record LlmOutcome(LlmAnswer? Answer, LlmFailure Failure, string? Detail)
{
    /// <summary>An item without an answer.</summary>
    internal static LlmOutcome Failed(LlmFailure failure, string detail) => new(null, failure, detail);
}

/// <summary>What became of all items of a call.</summary>
/// <param name="Outcomes">One for each item, in the order asked.</param>
/// <param name="UnaskedIds">Results for ids that were not asked; they are thrown away.</param>
public sealed record ParsedAnswer(IReadOnlyList<LlmOutcome> Outcomes, int UnaskedIds);

/// <summary>
/// Reads an answer strictly: every item asked is either answered, with labels of the project only, or failed with a reason.
/// No content makes it throw.
/// </summary>
/// <remarks>
/// Forgiven, because it cannot mean anything else: properties not asked for, ids written as numbers, a label twice in a list, a code fence
/// around the JSON, and thoughts in &lt;think&gt; before it. A stated confidence outside 0 to 1 is clamped and marked; one that is no finite
/// number fails the item.
/// </remarks>
public static class LlmAnswerParser
{
    /// <summary>An answer is never longer than this and as much again for each item, in characters.</summary>
    internal const int MaximumLength = 64 << 10;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Reads the content of an answer.</summary>
    /// <param name="content">The text that the model wrote.</param>
    /// <param name="prompt">What was asked.</param>
    /// <param name="texts">The texts asked about; ids are 1 to their number.</param>
    public static ParsedAnswer Parse(string? content, LabellingPrompt prompt, IReadOnlyList<string> texts) =>
        Parse(new LlmCompletion(content, null, false, null, null, null, null), prompt, texts);

    /// <summary>Reads a completion.</summary>
    internal static ParsedAnswer Parse(LlmCompletion? completion, LabellingPrompt prompt, IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(texts);
        if (completion is null) return All(texts, LlmFailure.NotJson, "the server's answer is no JSON");
        if (completion.IsRefused) return All(texts, LlmFailure.Refused, "the model refused");
        bool truncated = completion.FinishReason is "length";
        string? content = completion.Content;
        if (string.IsNullOrWhiteSpace(content))
            return truncated ? All(texts, LlmFailure.Truncated, "the answer ended before it began") : All(texts, LlmFailure.NotJson, "the answer is empty");
        if (content.Length > (long)MaximumLength * (texts.Count + 1)) return All(texts, LlmFailure.AnswerTooLong, "the answer is far longer than it could be");

        var (start, length) = Unwrap(content);
        try
        {
            byte[] json = Encoding.UTF8.GetBytes(content.Substring(start, length));
            using var document = JsonDocument.Parse(json, s_strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("results", out var results) || results.ValueKind != JsonValueKind.Array)
                return All(texts, LlmFailure.WrongShape, "the answer has no list of results");
            var probabilities = LabelProbabilities.Create(completion.Tokens, content, start, json);
            return Read(results, prompt, texts, probabilities);
        }
        catch (JsonException)
        {
            return truncated
                ? All(texts, LlmFailure.Truncated, "the answer ended at the limit of tokens")
                : All(texts, LlmFailure.NotJson, "the answer is no JSON");
        }
        catch (InvalidOperationException)
        {
            // JsonElement.GetString for half a surrogate pair written as an escape.
            return All(texts, LlmFailure.NotJson, "the answer has half a surrogate pair");
        }
    }

    private static ParsedAnswer Read(JsonElement results, LabellingPrompt prompt, IReadOnlyList<string> texts, LabelProbabilities? probabilities)
    {
        var outcomes = new LlmOutcome[texts.Count];
        int unasked = 0, position = -1;
        foreach (var result in results.EnumerateArray())
        {
            if (result.ValueKind == JsonValueKind.Object) position++;
            int index = Index(result, texts.Count);
            if (index < 0)
            {
                unasked++;
                continue;
            }
            outcomes[index] = outcomes[index] is null
                ? ReadResult(result, prompt, texts[index], probabilities?[position])
                : LlmOutcome.Failed(LlmFailure.DuplicateId, "the answer speaks about the item twice");
        }
        for (int i = 0; i < outcomes.Length; i++) outcomes[i] ??= LlmOutcome.Failed(LlmFailure.Missing, "the answer leaves the item out");
        return new ParsedAnswer(outcomes, unasked);
    }

    private static LlmOutcome ReadResult(JsonElement result, LabellingPrompt prompt, string text, double? probability)
    {
        if (!ReadConfidence(result, out double? stated, out bool clamped))
            return LlmOutcome.Failed(LlmFailure.InvalidConfidence, "the confidence is no finite number");
        List<string> labels = [];
        List<LlmSpan> spans = [];
        List<LlmBox>? boxes = null;
        switch (prompt.Task)
        {
            case LlmTask.SingleChoice:
                if (!result.TryGetProperty("label", out var label) || label.ValueKind != JsonValueKind.String)
                    return LlmOutcome.Failed(LlmFailure.WrongShape, "the result has no label");
                labels.Add(label.GetString()!);
                break;
            case LlmTask.MultipleChoice:
                if (!result.TryGetProperty("labels", out var list) || list.ValueKind != JsonValueKind.Array)
                    return LlmOutcome.Failed(LlmFailure.WrongShape, "the result has no list of labels");
                foreach (var entry in list.EnumerateArray())
                {
                    if (entry.ValueKind != JsonValueKind.String) return LlmOutcome.Failed(LlmFailure.WrongShape, "a label is no string");
                    if (!labels.Contains(entry.GetString()!, StringComparer.Ordinal)) labels.Add(entry.GetString()!);
                }
                break;
            case LlmTask.Boxes:
                boxes = [];
                if (ReadBoxes(result, prompt, boxes) is { } bad) return bad;
                break;
            default:
                if (ReadSpans(result, prompt, text, spans) is { } failed) return failed;
                break;
        }
        if (labels.Any(l => !prompt.LabelNames.Contains(l))) return LlmOutcome.Failed(LlmFailure.UnknownLabel, "a label is not one of the project's");
        var source = probability is not null ? ConfidenceSource.LogProbability : stated is not null ? ConfidenceSource.Stated : ConfidenceSource.None;
        return new LlmOutcome(new LlmAnswer(labels, spans, probability ?? stated, source, clamped && probability is null, boxes), LlmFailure.None, null);
    }

    private static LlmOutcome? ReadBoxes(JsonElement result, LabellingPrompt prompt, List<LlmBox> boxes)
    {
        if (!result.TryGetProperty("boxes", out var list) || list.ValueKind != JsonValueKind.Array)
            return LlmOutcome.Failed(LlmFailure.WrongShape, "the result has no list of boxes");
        Span<decimal> edges = stackalloc decimal[4];
        foreach (var entry in list.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Object
                || !entry.TryGetProperty("box", out var box) || box.ValueKind != JsonValueKind.Array || box.GetArrayLength() != 4
                || !entry.TryGetProperty("label", out var label) || label.ValueKind != JsonValueKind.String)
                return LlmOutcome.Failed(LlmFailure.WrongShape, "a box has no label or not four numbers");
            int n = 0;
            foreach (var edge in box.EnumerateArray())
            {
                if (edge.ValueKind != JsonValueKind.Number) return LlmOutcome.Failed(LlmFailure.WrongShape, "a box has no label or not four numbers");
                if (!edge.TryGetDecimal(out edges[n]) || edges[n] is < 0 or > LlmBox.Whole) return LlmOutcome.Failed(LlmFailure.BoxOutOfRange, "a box reaches out of the picture");
                n++;
            }

            if (!prompt.LabelNames.Contains(label.GetString()!)) return LlmOutcome.Failed(LlmFailure.UnknownLabel, "a label is not one of the project's");
            if (edges[0] >= edges[2] || edges[1] >= edges[3]) return LlmOutcome.Failed(LlmFailure.BoxOutOfRange, "a box has no area");
            var read = new LlmBox(label.GetString()!, edges[0], edges[1], edges[2], edges[3]);
            if (!boxes.Contains(read)) boxes.Add(read);
        }

        return null;
    }

    private static LlmOutcome? ReadSpans(JsonElement result, LabellingPrompt prompt, string text, List<LlmSpan> spans)
    {
        if (!result.TryGetProperty("spans", out var list) || list.ValueKind != JsonValueKind.Array)
            return LlmOutcome.Failed(LlmFailure.WrongShape, "the result has no list of spans");
        foreach (var entry in list.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Object
                || !entry.TryGetProperty("quote", out var quote) || quote.ValueKind != JsonValueKind.String
                || !entry.TryGetProperty("label", out var label) || label.ValueKind != JsonValueKind.String)
                return LlmOutcome.Failed(LlmFailure.WrongShape, "a span has no quote or no label");
            int occurrence = 1;
            if (entry.TryGetProperty("occurrence", out var number) && (number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out occurrence)))
                return LlmOutcome.Failed(LlmFailure.WrongShape, "the occurrence of a span is no whole number");
            if (!prompt.LabelNames.Contains(label.GetString()!)) return LlmOutcome.Failed(LlmFailure.UnknownLabel, "a label is not one of the project's");
            if (SpanAlignment.Find(text, quote.GetString()!, occurrence) is not { } place)
                return LlmOutcome.Failed(LlmFailure.QuoteNotFound, "a quote does not stand in the text so often");
            var span = new LlmSpan(place.Start, place.End, label.GetString()!);
            if (!spans.Contains(span)) spans.Add(span);
        }
        spans.Sort((a, b) => (a.Start, a.End).CompareTo((b.Start, b.End)));
        return null;
    }

    private static bool ReadConfidence(JsonElement result, out double? confidence, out bool clamped)
    {
        confidence = null;
        clamped = false;
        if (!result.TryGetProperty("confidence", out var element)) return true;
        if (element.ValueKind != JsonValueKind.Number || !element.TryGetDouble(out double number) || !double.IsFinite(number)) return false;
        confidence = Math.Clamp(number, 0, 1);
        clamped = confidence != number;
        return true;
    }

    // The place of an id that was asked; -1 for any other, and for a result without one.
    private static int Index(JsonElement result, int count)
    {
        if (result.ValueKind != JsonValueKind.Object || !result.TryGetProperty("id", out var id)) return -1;
        int number;
        if (id.ValueKind == JsonValueKind.String)
        {
            string text = id.GetString()!;
            // As it was asked: no signs, blanks or leading zeros.
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) || text[0] == '0') return -1;
        }
        else if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out number))
        {
            return -1;
        }
        return number >= 1 && number <= count ? number - 1 : -1;
    }

    // Thoughts before the answer, as reasoning models write them, then a fence, then the JSON.
    private static (int Start, int Length) Unwrap(string content)
    {
        const string thought = "</think>";
        int start = 0;
        if (content.AsSpan().TrimStart().StartsWith("<think>", StringComparison.Ordinal))
        {
            int end = content.IndexOf(thought, StringComparison.Ordinal);
            if (end >= 0) start = end + thought.Length;
        }
        int stop = content.Length;
        Trim(content, ref start, ref stop);
        if (content.AsSpan(start, stop - start) is var inner && inner.StartsWith("```", StringComparison.Ordinal) && inner.Length >= 6 && inner.EndsWith("```", StringComparison.Ordinal))
        {
            int line = inner.IndexOf('\n');
            if (line > 0 && line < inner.Length - 3)
            {
                start += line + 1;
                stop -= 3;
                Trim(content, ref start, ref stop);
            }
        }
        return (start, stop - start);
    }

    private static void Trim(string content, ref int start, ref int stop)
    {
        while (start < stop && char.IsWhiteSpace(content[start])) start++;
        while (stop > start && char.IsWhiteSpace(content[stop - 1])) stop--;
    }

    private static ParsedAnswer All(IReadOnlyList<string> texts, LlmFailure failure, string detail)
    {
        var outcome = LlmOutcome.Failed(failure, detail);
        return new ParsedAnswer([.. Enumerable.Repeat(outcome, texts.Count)], 0);
    }
}
