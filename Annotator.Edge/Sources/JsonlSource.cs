using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Annotator.Core.Edge;
using Annotator.Edge.Annotating;

namespace Annotator.Edge.Sources;

/// <summary>
/// Lines of JSON in, lines of JSON out, in the same order: <c>{"key":"a","text":"…"}</c> → <c>{"key":"a","value":{…},"confidence":0.9,…}</c>. An
/// answer is written once the label is on the disk. A line that cannot be read is answered with what is wrong with it, and the next one goes on.
/// </summary>
internal sealed class JsonlSource(AnnotationLoop loop)
{
    // Lines that are under way at a time: enough that the model never waits for a line.
    private const int Window = 256;

    private const int LongestLine = 4 * EdgeLimits.MostTextLength;

    /// <summary>Works through all lines.</summary>
    /// <returns>How many were labelled and how many could not be.</returns>
    public async Task<(long Labelled, long Wrong)> RunAsync(TextReader input, TextWriter output, CancellationToken cancellationToken)
    {
        var answers = Channel.CreateBounded<Task<(string Line, bool Good)>>(new BoundedChannelOptions(Window) { SingleReader = true, SingleWriter = true });
        var writing = WriteAsync(answers.Reader, output, cancellationToken);
        try
        {
            for (var number = 1L; await input.ReadLineAsync(cancellationToken) is { } line; number++)
            {
                if (string.IsNullOrWhiteSpace(line)) continue;
                await answers.Writer.WriteAsync(AnswerAsync(line, number, cancellationToken), cancellationToken);
            }
        }
        finally
        {
            answers.Writer.Complete();
        }

        return await writing;
    }

    /// <summary>The answer to an item.</summary>
    public static string Line(EdgeAnnotation annotation)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, EdgeText.Writer)) Write(json, annotation);
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    /// <summary>Writes the answer to an item as one JSON object.</summary>
    public static void Write(Utf8JsonWriter json, EdgeAnnotation annotation)
    {
        json.WriteStartObject();
        json.WriteString("key", annotation.Key);
        json.WritePropertyName("value");
        json.WriteRawValue(annotation.Value);
        json.WriteNumber("confidence", Math.Round(annotation.Confidence, 4));
        json.WriteNumber("modelVersion", annotation.ModelVersion);
        if (annotation.Reason != EdgeReason.None) json.WriteString("reason", annotation.Reason.ToString().ToLowerInvariant());
        if (annotation.Repeated) json.WriteBoolean("repeated", true);
        json.WriteEndObject();
    }

    /// <summary>Reads an item.</summary>
    /// <param name="json">An object with <c>text</c> and, where it has a name, <c>key</c>.</param>
    /// <param name="error">What is wrong with it.</param>
    public static EdgeItem? Read(JsonElement json, out string? error)
    {
        error = null;
        if (json.ValueKind != JsonValueKind.Object) error = "An object is needed.";
        else if (!json.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String || string.IsNullOrWhiteSpace(text.GetString())) error = "text: a text is needed.";
        else if (text.GetString()!.Length > EdgeLimits.MostTextLength) error = $"text: at most {EdgeLimits.MostTextLength} characters.";
        else if (json.TryGetProperty("key", out var key) && key.ValueKind is not (JsonValueKind.String or JsonValueKind.Null)) error = "key: must be text.";
        else if (key.ValueKind == JsonValueKind.String && key.GetString()!.Length > EdgeLimits.MostKeyLength) error = $"key: at most {EdgeLimits.MostKeyLength} characters.";
        else return new EdgeItem(key.ValueKind == JsonValueKind.String && key.GetString() is { Length: > 0 } name ? name : KeyOf(text.GetString()!), text.GetString());
        return null;
    }

    /// <summary>The key of a text that has none: what is the same is labelled once.</summary>
    public static string KeyOf(string text) => $"sha256-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..32]}";

    private async Task<(string Line, bool Good)> AnswerAsync(string line, long number, CancellationToken cancellationToken)
    {
        if (line.Length > LongestLine) return (Error(number, $"The line is longer than {LongestLine} characters."), false);
        EdgeItem? item;
        string? error;
        try
        {
            using var document = JsonDocument.Parse(line);
            item = Read(document.RootElement, out error);
        }
        catch (JsonException e)
        {
            return (Error(number, $"No JSON: {e.Message}"), false);
        }

        if (item is null) return (Error(number, error!), false);
        try
        {
            return (Line(await loop.AnnotateAsync(item, cancellationToken)), true);
        }
        catch (ItemFailedException e)
        {
            return (Error(number, e.Message), false);
        }
    }

    private static async Task<(long Labelled, long Wrong)> WriteAsync(ChannelReader<Task<(string Line, bool Good)>> answers, TextWriter output, CancellationToken cancellationToken)
    {
        var (labelled, wrong) = (0L, 0L);
        await foreach (var answer in answers.ReadAllAsync(cancellationToken))
        {
            var (line, good) = await answer;
            if (good) labelled++;
            else wrong++;
            await output.WriteLineAsync(line.AsMemory(), cancellationToken);

            // Whoever reads along sees a label as soon as it is there.
            if (!answers.TryPeek(out var next) || !next.IsCompleted) await output.FlushAsync(cancellationToken);
        }

        await output.FlushAsync(cancellationToken);
        return (labelled, wrong);
    }

    private static string Error(long number, string message)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, EdgeText.Writer))
        {
            json.WriteStartObject();
            json.WriteNumber("line", number);
            json.WriteString("error", message);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}

/// <summary>How the agent writes JSON.</summary>
internal static class EdgeText
{
    /// <summary>Letters of all scripts as they are.</summary>
    public static JsonWriterOptions Writer { get; } = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A number as text.</summary>
    public static string Of(long number) => number.ToString(CultureInfo.InvariantCulture);
}
