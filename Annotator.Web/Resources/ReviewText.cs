using System.Collections;
using System.Globalization;
using System.Resources;

namespace Annotator.Web.Resources;

/// <summary>Texts of the review and upload pages: <c>ReviewText.resx</c> in English, <c>ReviewText.ko.resx</c> in Korean.</summary>
public sealed class ReviewText
{
    private static readonly ResourceManager Resources = new(typeof(ReviewText));

    /// <summary>All texts whose key begins with a prefix, for the script of a page; English where a language lacks one.</summary>
    /// <param name="culture">The language.</param>
    /// <param name="prefix">The feature, with its dot.</param>
    internal static IReadOnlyDictionary<string, string> All(CultureInfo culture, string prefix)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var language in new[] { CultureInfo.InvariantCulture, culture.Parent, culture })
        {
            if (Resources.GetResourceSet(language, createIfNotExists: true, tryParents: false) is not { } set) continue;
            foreach (DictionaryEntry entry in set)
            {
                if (entry is { Key: string key, Value: string text } && key.StartsWith(prefix, StringComparison.Ordinal)) texts[key] = text;
            }
        }

        return texts;
    }
}
