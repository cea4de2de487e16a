namespace Annotator.Core.Formats.Media;

/// <summary>The key of a file in an archive: its path, less the folders that formats prescribe, so that the same image has the same key in every format.</summary>
internal static class MediaKeys
{
    private static readonly HashSet<string> s_structure = new(StringComparer.OrdinalIgnoreCase)
    {
        "images", "image", "imgs", "JPEGImages", "train", "val", "valid", "validation", "test", "train2017", "val2017", "data", "dataset", "obj_train_data", "obj_valid_data", "obj_test_data", "labels", "Annotations",
    };

    /// <summary>The key of a path.</summary>
    public static string Of(string path)
    {
        var parts = path.Replace('\\', '/').Split('/', StringSplitOptions.RemoveEmptyEntries);
        var first = 0;
        while (first < parts.Length - 1 && s_structure.Contains(parts[first])) first++;

        // The folders of a format may stand in one folder that has the archive's name.
        for (var i = first; i < parts.Length - 1; i++)
        {
            if (s_structure.Contains(parts[i])) first = i + 1;
        }

        return parts.Length == 0 ? "" : string.Join('/', parts[first..]);
    }

    /// <summary>The key without the ending of the file's name: what formats match an image with its annotations by.</summary>
    public static string Stem(string path)
    {
        var key = Of(path);
        var (slash, dot) = (key.LastIndexOf('/'), key.LastIndexOf('.'));
        return dot > slash + 1 ? key[..dot] : key;
    }
}

/// <summary>Finds what annotations say of a file, by its path, its key, or its name alone where that is the only one.</summary>
internal sealed class AnnotationLookup
{
    private readonly Dictionary<string, List<MediaAnnotation>> _byPath = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<MediaAnnotation>> _byStem = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, List<MediaAnnotation>> _byName = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<MediaAnnotation> _found = [];

    public AnnotationLookup(IEnumerable<MediaAnnotation> annotations)
    {
        foreach (var annotation in annotations)
        {
            Add(_byPath, annotation.FileName, annotation);
            Add(_byStem, MediaKeys.Stem(annotation.FileName), annotation);
            Add(_byName, NameOf(annotation.FileName), annotation);
        }
    }

    /// <summary>Annotations that no file was asked for.</summary>
    public IEnumerable<MediaAnnotation> Left => _byPath.Values.SelectMany(v => v).Where(a => !_found.Contains(a));

    /// <summary>What is said of a file; null for nothing.</summary>
    public MediaAnnotation? Find(string path)
    {
        var found = Only(_byPath, path) ?? Only(_byStem, MediaKeys.Stem(path)) ?? Only(_byName, NameOf(path));
        if (found is not null) _found.Add(found);
        return found;
    }

    private static string NameOf(string path) => MediaKeys.Stem(path[(path.LastIndexOfAny(['/', '\\']) + 1)..]);

    private static MediaAnnotation? Only(Dictionary<string, List<MediaAnnotation>> map, string name) => map.TryGetValue(name, out var list) && list.Count == 1 ? list[0] : null;

    private static void Add(Dictionary<string, List<MediaAnnotation>> map, string name, MediaAnnotation annotation)
    {
        if (!map.TryGetValue(name, out var list)) map[name] = list = [];
        list.Add(annotation);
    }
}
