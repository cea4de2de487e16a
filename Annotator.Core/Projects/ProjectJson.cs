using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Annotator.Core.Labels;

namespace Annotator.Core.Projects;

/// <summary>JSON of schemas and settings, as the API writes them and as they are stored.</summary>
public static class ProjectJson
{
    /// <summary>camelCase, enumerations by name, nulls left out on writing.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    internal static string WriteSchema(LabelSchema schema) => JsonSerializer.Serialize(schema, Options);

    internal static LabelSchema ReadSchema(string json) => JsonSerializer.Deserialize<LabelSchema>(json, Options)!;

    internal static string WriteSettings(ProjectSettings settings) => JsonSerializer.Serialize(settings, Options);

    internal static ProjectSettings ReadSettings(string json) => JsonSerializer.Deserialize<ProjectSettings>(json, Options)!;
}
