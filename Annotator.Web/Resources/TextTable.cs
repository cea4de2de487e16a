using System.Collections;
using System.Globalization;
using System.Resources;

namespace Annotator.Web.Resources;

/// <summary>Texts as a table, for the scripts of pages.</summary>
internal static class TextTable
{
    /// <summary>All texts of a resource whose key begins with a prefix; English where a language lacks one.</summary>
    /// <typeparam name="T">The class that stands for the resource.</typeparam>
    /// <param name="culture">The language.</param>
    /// <param name="prefix">The feature, with its dot.</param>
    public static IReadOnlyDictionary<string, string> Of<T>(CultureInfo culture, string prefix)
    {
        var resources = new ResourceManager(typeof(T));
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var language in new[] { CultureInfo.InvariantCulture, culture.Parent, culture })
        {
            if (resources.GetResourceSet(language, createIfNotExists: true, tryParents: false) is not { } set) continue;
            foreach (DictionaryEntry entry in set)
            {
                if (entry is { Key: string key, Value: string text } && key.StartsWith(prefix, StringComparison.Ordinal)) texts[key] = text;
            }
        }

        return texts;
    }
}
