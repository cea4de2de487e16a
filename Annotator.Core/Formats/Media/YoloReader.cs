using System.Globalization;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Reads YOLO archives: Ultralytics (<c>data.yaml</c>, <c>labels/**/*.txt</c>) and Darknet (<c>obj.names</c>, <c>obj_*_data/*.txt</c>), and folders with a <c>classes.txt</c>. A line is a class
/// number and centre x, centre y, width and height as parts of the image's size; or a class number and the corners of a polygon. An empty file is a checked image without
/// objects, no file one that nobody has looked at.
/// </summary>
internal sealed class YoloReader : IMediaFormatReader
{
    // A coordinate times the image's size: six decimals of a pixel are what the division before left intact.
    private const int Decimals = 6;

    private const int MostDepth = 32;

    /// <inheritdoc/>
    public MediaAnnotations Read(MediaSource source, LabelSchema schema)
    {
        var annotations = new MediaAnnotations();
        var names = ClassNames(source) ?? throw new FormatException("There is no list of class names (data.yaml, obj.names or classes.txt).");
        var images = source.Names.Where(MediaArchiveNames.IsImage).Select(MediaKeys.Stem).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var line = 0L;
        foreach (var name in source.Names.Where(n => n.EndsWith(".txt", StringComparison.OrdinalIgnoreCase) && !IsList(n)))
        {
            // Lists of images, notes and licences are text files too.
            if (images.Count > 0 && !images.Contains(MediaKeys.Stem(name))) continue;
            line++;
            using var reader = new StreamReader(source.Open(name));
            var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            annotations.Items.Add(new MediaAnnotation(name, size => ValueOf(lines, names, size, schema, annotations.Losses), line));
        }

        return annotations;
    }

    private static LabelValue? ValueOf(string[] lines, IReadOnlyDictionary<int, string> names, ImageSize? size, LabelSchema schema, FormatLosses losses)
    {
        if (lines.Length > 0 && size is null) throw new FormatException("the image's size is not known, and YOLO's numbers are parts of it");
        var shapes = lines.Select((l, i) => Shape(l, i + 1, names, size!.Value, losses)).ToList();
        return shapes.Count == 0 && schema is { Type: TaskType.Classification, Multiple: false } ? null : Media.Shape.ToValue(shapes, schema, losses);
    }

    private static Shape Shape(string line, int number, IReadOnlyDictionary<int, string> names, ImageSize size, FormatLosses losses)
    {
        var parts = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (!int.TryParse(parts[0], CultureInfo.InvariantCulture, out var index) || !names.TryGetValue(index, out var label)) throw new FormatException($"line {number}: \"{Short(parts[0])}\" is no number of a class");
        var values = new double[parts.Length - 1];
        for (var i = 0; i < values.Length; i++)
        {
            if (!double.TryParse(parts[i + 1], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]) || !double.IsFinite(values[i])) throw new FormatException($"line {number}: \"{Short(parts[i + 1])}\" is no number");
        }

        if (values.Length is 4 or 5)
        {
            if (values.Length == 5) losses.Count("boxes have a track number or a confidence, which is not kept");
            var (width, height) = (values[2] * size.Width, values[3] * size.Height);
            return new Shape(label, Round((values[0] * size.Width) - (width / 2)), Round((values[1] * size.Height) - (height / 2)), Round(width), Round(height));
        }

        if (values.Length >= 6 && values.Length % 2 == 0) return Media.Shape.Of(label, [.. values.Chunk(2).Select(c => (Round(c[0] * size.Width), Round(c[1] * size.Height)))]);
        throw new FormatException($"line {number}: {values.Length} numbers are neither a box (4) nor a polygon (6 or more, even)");
    }

    private static double Round(double value) => Math.Round(value, Decimals);

    private static string Short(string text) => text.Length <= 20 ? text : text[..20];

    private static bool IsList(string name) =>
        Path.GetFileName(name).ToLowerInvariant() is "classes.txt" or "train.txt" or "valid.txt" or "val.txt" or "test.txt" or "report.txt" or "readme.txt" or "license.txt";

    private static Dictionary<int, string>? ClassNames(MediaSource source)
    {
        if (source.Names.FirstOrDefault(n => MediaFormats.Is(n, "data.yaml") || MediaFormats.Is(n, "data.yml")) is { } yaml) return FromYaml(source, yaml);
        if (source.Names.FirstOrDefault(n => MediaFormats.Is(n, "obj.names") || MediaFormats.Is(n, "classes.txt")) is not { } list) return null;
        using var reader = new StreamReader(source.Open(list));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.TrimEntries).Where(n => n.Length > 0).Select((n, i) => (n, i)).ToDictionary(p => p.i, p => p.n);
    }

    // Lists within lists are read by a call within a call.
    private static void CheckDepth(string text, string name)
    {
        var parser = new Parser(new StringReader(text));
        for (var depth = 0; parser.MoveNext();)
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > MostDepth) throw new FormatException($"{Path.GetFileName(name)} has lists more than {MostDepth} deep within each other.");
        }
    }

    private static Dictionary<int, string> FromYaml(MediaSource source, string name)
    {
        using var reader = new StreamReader(source.Open(name));
        var text = reader.ReadToEnd();
        var stream = new YamlStream();
        try
        {
            CheckDepth(text, name);
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new FormatException($"{Path.GetFileName(name)} is no valid YAML: line {e.Start.Line}.", e);
        }

        var names = stream.Documents.Count > 0 && stream.Documents[0].RootNode is YamlMappingNode root && root.Children.TryGetValue(new YamlScalarNode("names"), out var found) ? found : null;
        return names switch
        {
            YamlSequenceNode list => list.Children.Select((n, i) => (Name: (n as YamlScalarNode)?.Value ?? "", i)).ToDictionary(p => p.i, p => p.Name),
            YamlMappingNode map => map.Children.Where(c => int.TryParse((c.Key as YamlScalarNode)?.Value, CultureInfo.InvariantCulture, out _))
                .ToDictionary(c => int.Parse(((YamlScalarNode)c.Key).Value!, CultureInfo.InvariantCulture), c => (c.Value as YamlScalarNode)?.Value ?? ""),
            _ => throw new FormatException($"{Path.GetFileName(name)} has no \"names\"."),
        };
    }
}
