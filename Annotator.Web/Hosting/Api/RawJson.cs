using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Web.Hosting.Api;

/// <summary>JSON that is written as it stands.</summary>
/// <param name="Text">Valid JSON.</param>
[JsonConverter(typeof(Converter))]
public readonly record struct RawJson(string Text)
{
    /// <summary>Nothing for nothing.</summary>
    public static RawJson? Of(string? text) => text is null ? null : new RawJson(text);

    private sealed class Converter : JsonConverter<RawJson>
    {
        public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            using var document = JsonDocument.ParseValue(ref reader);
            return new RawJson(document.RootElement.GetRawText());
        }

        public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) => writer.WriteRawValue(value.Text, skipInputValidation: true);
    }
}
