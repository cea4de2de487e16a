using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Annotator.Core.Formats;

/// <summary>
/// Reads Label Studio tasks (Label Studio documentation, "Label Studio JSON format"): the text under <c>data</c>, annotations with <c>choices</c> or
/// <c>labels</c> results as labels of those who completed them. A task without <c>data</c> is itself the data.
/// </summary>
/// <param name="text">The key of the text under <c>data</c>; null: <c>text</c>, else the first string.</param>
/// <param name="multiple">Whether the project takes several choices an item.</param>
public sealed class LabelStudioTasks(string? text, bool multiple)
{
    private static readonly JsonSerializerOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Turns a task into one record for each of its annotations, or one without a label where it has none.</summary>
    /// <param name="record">The task.</param>
    /// <param name="reason">Why it cannot be read; null where it can.</param>
    /// <returns>The records; empty where it cannot be read.</returns>
    public IReadOnlyList<ImportRecord> Map(RawRecord record, out string? reason)
    {
        ArgumentNullException.ThrowIfNull(record);
        reason = null;
        try
        {
            var task = Whole(record);
            var data = task["data"] as JsonObject;
            var fields = data ?? task;
            if (TextOf(fields) is not { } found)
            {
                reason = text is null ? "the task has no text under \"data\"" : $"the task has no text \"{text}\" under \"data\"";
                return [];
            }

            var (name, content) = found;
            var meta = data is null ? null : task["meta"] as JsonObject;
            var key = StringOf(meta?["key"]) ?? (data is null ? null : StringOf(task["id"]));
            var template = new ImportRecord(key ?? RecordMapper.DeriveKey(content), key is null, content, null, null, MetadataOf(fields, name, meta), record.LineNumber);
            var labelled = Annotations(data is null ? null : task, template);
            return labelled.Count == 0 ? [template] : labelled;
        }
        catch (FormatException e)
        {
            reason = e.Message;
            return [];
        }
    }

    private static JsonObject Whole(RawRecord record)
    {
        var task = new JsonObject();
        for (var i = 0; i < record.Fields.Length; i++)
        {
            var field = record.Fields[i];
            task[record.Columns.Names[i]] = field.Text is null ? null : field.IsJson ? JsonNode.Parse(field.Text) : JsonValue.Create(field.Text);
        }

        return task;
    }

    private (string Name, string Content)? TextOf(JsonObject fields)
    {
        var name = text ?? (StringOf(fields["text"]) is null ? fields.FirstOrDefault(f => f.Value?.GetValueKind() == JsonValueKind.String).Key : "text");
        return name is not null && fields[name]?.GetValueKind() == JsonValueKind.String && fields[name]!.GetValue<string>() is var content && !string.IsNullOrWhiteSpace(content) ? (name, content) : null;
    }

    private static string? MetadataOf(JsonObject fields, string textName, JsonObject? meta)
    {
        var metadata = new JsonObject();
        foreach (var (name, value) in fields.Where(f => !string.Equals(f.Key, textName, StringComparison.Ordinal))) metadata[name] = value?.DeepClone();
        foreach (var (name, value) in (meta ?? []).Where(f => !string.Equals(f.Key, "key", StringComparison.Ordinal))) metadata[name] = value?.DeepClone();
        return metadata.Count == 0 ? null : metadata.ToJsonString(s_readable);
    }

    private List<ImportRecord> Annotations(JsonObject? task, ImportRecord template)
    {
        var records = new List<ImportRecord>();

        // Before version 1.0 annotations were called completions.
        foreach (var annotation in ((task?["annotations"] ?? task?["completions"]) as JsonArray ?? []).OfType<JsonObject>())
        {
            if (annotation["was_cancelled"]?.GetValueKind() == JsonValueKind.True || annotation["result"] is not JsonArray results) continue;
            if (LabelOf(results, template.Text) is { } label) records.Add(template with { Label = label, Annotator = AnnotatorOf(annotation["completed_by"]) });
        }

        return records;
    }

    private string? LabelOf(JsonArray results, string content)
    {
        var choices = new List<string>();
        var spans = new JsonArray();
        foreach (var result in results.OfType<JsonObject>())
        {
            if (result["value"] is not JsonObject value) continue;
            switch (StringOf(result["type"]))
            {
                case "choices":
                    choices.AddRange((value["choices"] as JsonArray ?? []).Select(StringOf).OfType<string>());
                    break;
                case "labels":
                    foreach (var label in (value["labels"] as JsonArray ?? []).Select(StringOf).OfType<string>()) spans.Add(SpanOf(value, label, content));
                    break;
                case "relation":
                    break;
                case var other:
                    throw new FormatException($"results of type \"{other}\" are not read");
            }
        }

        if (spans.Count > 0) return new JsonObject { ["spans"] = spans }.ToJsonString(s_readable);
        if (choices.Count == 0) return null;
        if (!multiple && choices.Distinct(StringComparer.Ordinal).Count() > 1) throw new FormatException("several choices, and the project takes one an item");
        return multiple ? JsonSerializer.Serialize(choices.Distinct(StringComparer.Ordinal), s_readable) : choices[0];
    }

    // Offsets are UTF-16 code units in its editor and code points in its Python tools: the quoted text tells which.
    private static JsonObject SpanOf(JsonObject value, string label, string content)
    {
        var (start, end) = (NumberOf(value["start"]), NumberOf(value["end"]));
        var quoted = StringOf(value["text"]);
        if (start < 0 || end < start) throw new FormatException("a span has no place in the text");
        if (end <= content.Length && (quoted is null || string.Equals(content[start..end], quoted, StringComparison.Ordinal)))
            return Span(RunesIn(content.AsSpan(0, start)), RunesIn(content.AsSpan(0, end)), label);
        if (quoted is not null && string.Equals(string.Concat(content.EnumerateRunes().Skip(start).Take(end - start)), quoted, StringComparison.Ordinal)) return Span(start, end, label);
        throw new FormatException($"the text from {start} to {end} is not the one that the span quotes");
    }

    private static JsonObject Span(int start, int end, string label) => new() { ["start"] = start, ["end"] = end, ["label"] = label };

    private static int RunesIn(ReadOnlySpan<char> part)
    {
        var count = 0;
        foreach (var rune in part.EnumerateRunes()) count++;
        return count;
    }

    // Some of its tools write offsets as text.
    private static int NumberOf(JsonNode? node) => int.TryParse(StringOf(node), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;

    private static string? AnnotatorOf(JsonNode? by) => by switch
    {
        JsonObject person => StringOf(person["email"]) ?? StringOf(person["username"]) ?? StringOf(person["id"]),
        _ => StringOf(by),
    };

    private static string? StringOf(JsonNode? node) => node?.GetValueKind() switch
    {
        JsonValueKind.String => node.GetValue<string>(),
        JsonValueKind.Number => node.ToJsonString(),
        _ => null,
    };
}
