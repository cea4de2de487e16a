using System.Collections.Concurrent;
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

    internal static LabelSchema ReadSchema(string json) => Parsed<LabelSchema>.Of(json);

    internal static string WriteSettings(ProjectSettings settings) => JsonSerializer.Serialize(settings, Options);

    internal static ProjectSettings ReadSettings(string json) => Parsed<ProjectSettings>.Of(json);

    // The same few texts are read for every request and every item; what is made of them never changes.
    private static class Parsed<T>
    {
        private const int Most = 1_000;

        private static readonly ConcurrentDictionary<string, T> s_known = new(StringComparer.Ordinal);

        public static T Of(string json)
        {
            if (s_known.TryGetValue(json, out var known)) return known;
            if (s_known.Count >= Most) s_known.Clear();
            return s_known.GetOrAdd(json, static text => JsonSerializer.Deserialize<T>(text, Options)!);
        }
    }
}
