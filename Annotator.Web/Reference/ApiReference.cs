using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Web.Hosting.Api;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Annotator.Web.Reference;

/// <summary>The endpoints of one subject.</summary>
/// <param name="Name">The subject.</param>
/// <param name="Operations">Its endpoints, by address.</param>
public sealed record ReferenceGroup(string Name, IReadOnlyList<ReferenceOperation> Operations);

/// <summary>An endpoint as the reference shows it.</summary>
/// <param name="Id">Its anchor on the page.</param>
/// <param name="Method">HTTP method.</param>
/// <param name="Path">Address.</param>
/// <param name="Summary">What it does.</param>
/// <param name="Description">For whom it is, where not for everybody.</param>
/// <param name="Parameters">Parameters in path, query and headers.</param>
/// <param name="Body">What is sent; null where nothing is.</param>
/// <param name="Answers">What comes back, by status.</param>
public sealed record ReferenceOperation(
    string Id, string Method, string Path, string Summary, string? Description, IReadOnlyList<ReferenceParameter> Parameters, ReferenceContent? Body, IReadOnlyList<ReferenceAnswer> Answers);

/// <summary>A parameter.</summary>
/// <param name="Name">Name.</param>
/// <param name="In">Where it stands: path, query or header.</param>
/// <param name="Kind">What kind of value.</param>
/// <param name="Required">Whether it must be given.</param>
/// <param name="Description">What it means.</param>
public sealed record ReferenceParameter(string Name, string In, string Kind, bool Required, string? Description);

/// <summary>A body.</summary>
/// <param name="ContentType">Media type.</param>
/// <param name="Sample">What it looks like; null for files.</param>
public sealed record ReferenceContent(string ContentType, string? Sample);

/// <summary>An answer.</summary>
/// <param name="Status">Status.</param>
/// <param name="Description">When it comes.</param>
/// <param name="Content">Its body; null without one.</param>
public sealed record ReferenceAnswer(string Status, string? Description, ReferenceContent? Content);

/// <summary>The reference of the API, made from its OpenAPI document: what is not in there is not here, and the other way round.</summary>
public sealed class ApiReference([FromKeyedServices(ApiDescription.Document)] IOpenApiDocumentProvider documents)
{
    private static readonly JsonSerializerOptions s_readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private IReadOnlyList<ReferenceGroup>? _groups;

    /// <summary>The endpoints by subject.</summary>
    public async Task<IReadOnlyList<ReferenceGroup>> ReadAsync(CancellationToken cancellationToken = default) => _groups ??= Read(await documents.GetOpenApiDocumentAsync(cancellationToken));

    internal static IReadOnlyList<ReferenceGroup> Read(OpenApiDocument document)
    {
        var operations =
            from path in document.Paths
            from operation in path.Value.Operations ?? []
            select (Tag: operation.Value.Tags?.FirstOrDefault()?.Name ?? "Other", Operation: Read(path.Key, operation.Key.Method, operation.Value));

        // In the order in which the endpoints are mapped, which is the order in which an item meets them.
        return [.. operations.GroupBy(o => o.Tag, StringComparer.Ordinal).Select(g => new ReferenceGroup(g.Key, [.. g.Select(o => o.Operation)]))];
    }

    private static ReferenceOperation Read(string path, string method, OpenApiOperation operation) => new(
        $"{method.ToLowerInvariant()}{path.Replace("/", "-", StringComparison.Ordinal).Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal)}",
        method,
        path,
        operation.Summary ?? "",
        operation.Description,
        [.. (operation.Parameters ?? []).Select(p => new ReferenceParameter(p.Name ?? "", p.In?.ToString().ToLowerInvariant() ?? "", KindOf(p.Schema), p.Required, p.Description))],
        ContentOf(operation.RequestBody?.Content),
        [.. (operation.Responses ?? []).OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => new ReferenceAnswer(r.Key, r.Value.Description, ContentOf(r.Value.Content)))]);

    private static ReferenceContent? ContentOf(IDictionary<string, OpenApiMediaType>? content)
    {
        if (content is null || content.Count == 0) return null;
        var (type, media) = content.First();
        var sample = type.Contains("json", StringComparison.Ordinal) ? SampleOf(media.Schema, 0)?.ToJsonString(s_readable) : null;
        return new ReferenceContent(type, sample);
    }

    private static string KindOf(IOpenApiSchema? schema)
    {
        if (schema is null) return "";
        if (schema.Enum is { Count: > 0 } choices) return string.Join(" | ", choices.Select(c => c?.ToString()));
        var kind = (schema.Type & ~JsonSchemaType.Null)?.ToString().ToLowerInvariant() ?? "any";
        return schema.Minimum is { } low && schema.Maximum is { } high ? $"{kind}, {low} to {high}" : kind;
    }

    // A schema as JSON that could be sent: the first of a choice, one element of a list.
    private static JsonNode? SampleOf(IOpenApiSchema? schema, int depth)
    {
        if (schema is null || depth > 8) return null;
        if (schema.Enum is { Count: > 0 } choices) return JsonValue.Create(string.Join('|', choices.Where(c => c is not null).Select(c => c.ToString())));
        foreach (var alternatives in new[] { schema.OneOf, schema.AnyOf, schema.AllOf })
        {
            if (alternatives?.FirstOrDefault(a => a.Type != JsonSchemaType.Null) is { } alternative) return SampleOf(alternative, depth + 1);
        }

        if (schema.Properties is { Count: > 0 } properties)
        {
            var json = new JsonObject();
            foreach (var (name, property) in properties) json[name] = SampleOf(property, depth + 1);
            return json;
        }

        return (schema.Type & ~JsonSchemaType.Null) switch
        {
            JsonSchemaType.Array => new JsonArray(SampleOf(schema.Items, depth + 1)),
            JsonSchemaType.Boolean => JsonValue.Create(true),
            JsonSchemaType.String => JsonValue.Create(schema.Format switch { "date-time" => "2026-01-31T12:00:00Z", "binary" => "…", _ => "string" }),
            JsonSchemaType.Object when schema.AdditionalProperties is { } values => new JsonObject { ["name"] = SampleOf(values, depth + 1) },
            null => new JsonObject(),
            var t when t.Value.HasFlag(JsonSchemaType.Integer) => JsonValue.Create(1),
            var t when t.Value.HasFlag(JsonSchemaType.Number) => JsonValue.Create(0.5),
            _ => new JsonObject(),
        };
    }
}
