using System.Globalization;

namespace Annotator.Web.Resources;

/// <summary>Texts of the upload of images and videos: <c>MediaText.resx</c> in English, <c>MediaText.ko.resx</c> in Korean.</summary>
public sealed class MediaText
{
    /// <summary>All texts, for the script of the page; English where a language lacks one.</summary>
    internal static IReadOnlyDictionary<string, string> All(CultureInfo culture) => TextTable.Of<MediaText>(culture, "Media.");
}
