namespace Annotator.Web.Resources;

/// <summary>Texts of the pages about how work is given out: <c>WorkText.resx</c> in English, <c>WorkText.ko.resx</c> in Korean.</summary>
public sealed class WorkText;
