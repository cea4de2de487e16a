namespace Annotator.Web.Resources;

/// <summary>Texts of the pages about quality and of charts: <c>QualityText.resx</c> in English, <c>QualityText.ko.resx</c> in Korean.</summary>
public sealed class QualityText;
