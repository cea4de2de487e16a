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
/// or words around the JSON, thoughts in &lt;think&gt; before it, and results without the object around them. Where words stand around it there
/// must be one piece of JSON that is an answer: with two that differ, one of them may be what an item has put into the model's mouth. A stated
/// confidence outside 0 to 1 is clamped and marked; one that is no finite number fails the item.
/// </remarks>
public static class LlmAnswerParser
{
    /// <summary>An answer is never longer than this and as much again for each item, in characters.</summary>
    internal const int MaximumLength = 64 << 10;

    // Words around an answer hold a bracket or two; what holds more of them is no answer.
    private const int MostPieces = 64;

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
            if (TryRead(content, start, length, completion, prompt, texts) is { } whole) return whole;
            if (FindAnswer(content, start, length, texts) is { } found && TryRead(content, found.Start, found.Length, completion, prompt, texts) is { } inner) return inner;
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

    // Null where it is no JSON.
    private static ParsedAnswer? TryRead(string content, int start, int length, LlmCompletion completion, LabellingPrompt prompt, IReadOnlyList<string> texts)
    {
        try
        {
            return Read(content, start, length, completion, prompt, texts);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ParsedAnswer Read(string content, int start, int length, LlmCompletion completion, LabellingPrompt prompt, IReadOnlyList<string> texts)
    {
        byte[] json = Encoding.UTF8.GetBytes(content.Substring(start, length));
        using var document = JsonDocument.Parse(json, s_strict);
        if (Results(document.RootElement) is not { } results) return All(texts, LlmFailure.WrongShape, "the answer has no list of results");
        return Read(results, prompt, texts, LabelProbabilities.Create(completion.Tokens, content, start, json));
    }

    // {"results":[…]} as asked for; or the list alone, or a single result, which models give where nothing holds them to the schema.
    private static JsonElement[]? Results(JsonElement root)
    {
        switch (root.ValueKind)
        {
            case JsonValueKind.Array when root.EnumerateArray().All(IsResult):
                return [.. root.EnumerateArray()];
            case JsonValueKind.Object when root.TryGetProperty("results", out var results):
                return results.ValueKind == JsonValueKind.Array ? [.. results.EnumerateArray()] : IsResult(results) ? [results] : null;
            case JsonValueKind.Object when IsResult(root):
                return [root];
            default:
                return null;
        }
    }

    private static bool IsResult(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty("id", out _) && new[] { "label", "labels", "spans", "boxes" }.Any(name => element.TryGetProperty(name, out _));

    // The one piece of JSON among words that is an answer, where one item was asked about also a bare result: of several it may be what is left of a longer
    // answer. Null where there is none, or where there are two that differ.
    private static (int Start, int Length)? FindAnswer(string content, int start, int length, IReadOnlyList<string> texts)
    {
        (int Start, int Length)? found = null;
        var stop = start + length;
        var at = start;
        for (int tries = 0; tries < MostPieces && at < stop; tries++)
        {
            var next = content.AsSpan(at, stop - at).IndexOfAny('{', '[');
            if (next < 0) break;
            at += next;
            var (piece, isAnswer) = PieceAt(content, at, stop, texts.Count == 1);
            if (piece == 0)
            {
                at++;
                continue;
            }

            // What stands in an item is repeated, not answered.
            if (isAnswer && !texts.Any(t => t.AsSpan().Contains(content.AsSpan(at, piece), StringComparison.Ordinal)))
            {
                if (found is { } other && !content.AsSpan(other.Start, other.Length).SequenceEqual(content.AsSpan(at, piece))) return null;
                found ??= (at, piece);
            }

            at += piece;
        }

        return found;
    }

    // How long the JSON is that begins at a place, and whether it is an answer; 0 where none begins there.
    private static (int Length, bool IsAnswer) PieceAt(string content, int at, int stop, bool single)
    {
        try
        {
            byte[] json = Encoding.UTF8.GetBytes(content[at..stop]);
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = s_strict.MaxDepth });
            reader.Read();
            reader.Skip();
            var bytes = (int)reader.BytesConsumed;
            using var document = JsonDocument.Parse(json.AsMemory(0, bytes), s_strict);
            return (Encoding.UTF8.GetCharCount(json, 0, bytes), Results(document.RootElement) is { Length: > 0 } && (single || !IsResult(document.RootElement)));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    private static ParsedAnswer Read(JsonElement[] results, LabellingPrompt prompt, IReadOnlyList<string> texts, LabelProbabilities? probabilities)
    {
        var outcomes = new LlmOutcome[texts.Count];
        int unasked = 0, position = -1;
        foreach (var result in results)
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

            // What stands in thoughts that did not end is no answer yet.
            start = end >= 0 ? end + thought.Length : content.Length;
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
