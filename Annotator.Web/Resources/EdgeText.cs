namespace Annotator.Web.Resources;

/// <summary>Texts of the devices' pages: <c>EdgeText.resx</c> in English, <c>EdgeText.ko.resx</c> in Korean.</summary>
public sealed class EdgeText;
