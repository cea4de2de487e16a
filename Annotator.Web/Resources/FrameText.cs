using System.Globalization;

namespace Annotator.Web.Resources;

/// <summary>Texts of the sampling of frames: <c>FrameText.resx</c> in English, <c>FrameText.ko.resx</c> in Korean.</summary>
public sealed class FrameText
{
    /// <summary>All texts, for the script of the page; English where a language lacks one.</summary>
    internal static IReadOnlyDictionary<string, string> All(CultureInfo culture) => TextTable.Of<FrameText>(culture, "Frames.");
}
