using System.Globalization;

namespace Annotator.Web.Resources;

/// <summary>Texts of the review page: <c>ReviewText.resx</c> in English, <c>ReviewText.ko.resx</c> in Korean.</summary>
public sealed class ReviewText
{
    /// <summary>All texts whose key begins with a prefix, for the script of a page; English where a language lacks one.</summary>
    /// <param name="culture">The language.</param>
    /// <param name="prefix">The feature, with its dot.</param>
    internal static IReadOnlyDictionary<string, string> All(CultureInfo culture, string prefix) => TextTable.Of<ReviewText>(culture, prefix);
}
