using System.Text.Json;
using Annotator.Core.Projects;

namespace Annotator.Core.Media;

/// <summary>What items' metadata says of their media.</summary>
internal static class MediaMetadata
{
    /// <summary>Width and height in pixels; null where the metadata does not say.</summary>
    public static ImageSize? SizeOf(string? metadata) =>
        Number(metadata, "width") is { } width and >= 1 and <= int.MaxValue && Number(metadata, "height") is { } height and >= 1 and <= int.MaxValue ? new ImageSize((int)width, (int)height) : null;

    /// <summary>A number of the metadata; null where there is none such.</summary>
    public static double? Number(string? metadata, string name) =>
        Property(metadata, name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    /// <summary>A text of the metadata; null where there is none such.</summary>
    public static string? Text(string? metadata, string name) =>
        Property(metadata, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>Metadata of a medium that is not kept here.</summary>
    public static string Of(string fileName, ImageSize? size) =>
        JsonSerializer.Serialize(size is { } known ? (object)new { fileName, width = known.Width, height = known.Height } : new { fileName }, ProjectJson.Options);

    private static JsonElement? Property(string? metadata, string name)
    {
        if (metadata is null) return null;
        try
        {
            using var document = JsonDocument.Parse(metadata);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var value) ? value.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
