using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>What a file of annotations says of one image or video.</summary>
/// <param name="FileName">The name that the file of annotations has for it, with the folders before it.</param>
/// <param name="Value">
/// Its label, given its size (null where nobody knows it); null: the file says nothing of it. A checked image without objects has a value without shapes.
/// A <see cref="FormatException"/> says why it cannot be read.
/// </param>
/// <param name="Line">Place in the file, for messages.</param>
internal sealed record MediaAnnotation(string FileName, Func<ImageSize?, LabelValue?> Value, long Line)
{
    /// <summary>Width and height that the file of annotations states; null where it does not.</summary>
    public ImageSize? Stated { get; init; }

    /// <summary>Whether there is anything but that it was looked at.</summary>
    public bool SaysSomething { get; init; }

    /// <summary>An address at which the file may be had, where the annotations have one.</summary>
    public string? Url { get; init; }
}

/// <summary>All that a set of files says of images and videos.</summary>
internal sealed class MediaAnnotations
{
    /// <summary>Annotations, in the order of the files.</summary>
    public List<MediaAnnotation> Items { get; } = [];

    /// <summary>What could not be read, with its place.</summary>
    public List<(long Line, string Reason)> Rejected { get; } = [];

    /// <summary>What was lost or changed.</summary>
    public FormatLosses Losses { get; } = new();
}

/// <summary>The files of an upload, as formats see them: names with forward slashes.</summary>
/// <param name="Names">Their names.</param>
/// <param name="Open">Opens one of them; read once.</param>
internal sealed record MediaSource(IReadOnlyList<string> Names, Func<string, Stream> Open);

/// <summary>Reads a format of annotations.</summary>
internal interface IMediaFormatReader
{
    /// <summary>Reads all of it.</summary>
    /// <param name="source">The files.</param>
    /// <param name="schema">The project's schema: what its values must be.</param>
    /// <exception cref="FormatException">The files are none of this format; the message says why.</exception>
    MediaAnnotations Read(MediaSource source, LabelSchema schema);
}

/// <summary>The formats of annotations of images and videos. A new one is a line here.</summary>
internal static class MediaFormats
{
    /// <summary>Archive of images whose folders are their classes, or just images.</summary>
    public const string Folders = "image-folder";

    /// <summary>An archive whose format is to be found out.</summary>
    public const string Zip = "zip";

    private static readonly Dictionary<string, Func<IMediaFormatReader>> s_readers = new(StringComparer.OrdinalIgnoreCase)
    {
        ["coco"] = () => new CocoReader(),
        ["yolo"] = () => new YoloReader(),
        ["voc"] = () => new VocReader(),
        ["cvat"] = () => new CvatReader(),
        ["mot"] = () => new MotReader(),
        ["label-studio"] = () => new LabelStudioReader(),
        [Folders] = () => new FolderReader(),
    };

    /// <summary>Names that an import may give.</summary>
    public static IEnumerable<string> Names => s_readers.Keys.Append(Zip);

    /// <summary>Whether a name is one of these formats.</summary>
    public static bool IsKnown(string? name) => name is not null && (s_readers.ContainsKey(name) || string.Equals(name, Zip, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a format is of a modality.</summary>
    public static bool Fits(string name, Modality modality) => modality switch
    {
        Modality.Image => name is not "mot",
        Modality.Video => name is "cvat" or "mot" or "label-studio",
        _ => false,
    };

    /// <summary>The reader of a format.</summary>
    /// <param name="name">Its name; <see cref="Zip"/>: found out from the files.</param>
    /// <param name="source">The files.</param>
    public static IMediaFormatReader Reader(string name, MediaSource source) =>
        s_readers[string.Equals(name, Zip, StringComparison.OrdinalIgnoreCase) ? Detect(source) : name]();

    // So many files of a kind tell what the others are.
    private const int Looked = 20;

    // By what every archive of a format has.
    private static string Detect(MediaSource source)
    {
        var names = source.Names;
        if (names.Any(n => Is(n, "data.yaml") || Is(n, "data.yml") || Is(n, "obj.data") || (Is(n, "classes.txt") && names.Any(IsText)))) return "yolo";
        if (names.Any(n => Is(n, "gt.txt"))) return "mot";
        var broken = false;

        // Other programs write XML too: what is none of ours does not hide what is.
        foreach (var name in names.Where(n => n.EndsWith(".xml", StringComparison.OrdinalIgnoreCase)).Take(Looked))
        {
            var root = RootOf(source, name);
            if (root is "annotations" or "annotation") return root is "annotations" ? "cvat" : "voc";
            broken |= root is null;
        }

        foreach (var name in names.Where(n => n.EndsWith(".json", StringComparison.OrdinalIgnoreCase)).Take(Looked))
        {
            if (CocoReader.IsCoco(source, name)) return "coco";
            if (BeginsWith(source, name, '[')) return "label-studio";
        }

        // Its reader says what is wrong with each file.
        return broken ? "voc" : Folders;
    }

    private static bool IsText(string name) => name.EndsWith(".txt", StringComparison.OrdinalIgnoreCase) && name.Contains("labels/", StringComparison.OrdinalIgnoreCase);

    private static bool BeginsWith(MediaSource source, string name, char first)
    {
        using var reader = new StreamReader(source.Open(name));
        var buffer = new char[64];
        var text = buffer.AsSpan(0, reader.Read(buffer)).TrimStart();
        return text.Length > 0 && text[0] == first;
    }

    private static string? RootOf(MediaSource source, string name)
    {
        try
        {
            using var stream = source.Open(name);
            using var reader = System.Xml.XmlReader.Create(stream, new System.Xml.XmlReaderSettings { DtdProcessing = System.Xml.DtdProcessing.Prohibit, XmlResolver = null });
            return reader.MoveToContent() == System.Xml.XmlNodeType.Element ? reader.LocalName : null;
        }
        catch (System.Xml.XmlException)
        {
            return null;
        }
    }

    /// <summary>Whether the last part of a path is a name.</summary>
    public static bool Is(string path, string name) => Path.GetFileName(path).Equals(name, StringComparison.OrdinalIgnoreCase);
}
