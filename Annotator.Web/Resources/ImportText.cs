using System.Globalization;

namespace Annotator.Web.Resources;

/// <summary>Texts of the upload page: <c>ImportText.resx</c> in English, <c>ImportText.ko.resx</c> in Korean.</summary>
public sealed class ImportText
{
    /// <summary>All texts, for the script of the page; English where a language lacks one.</summary>
    internal static IReadOnlyDictionary<string, string> All(CultureInfo culture) => TextTable.Of<ImportText>(culture, "Upload.");
}
