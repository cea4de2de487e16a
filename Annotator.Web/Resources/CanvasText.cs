namespace Annotator.Web.Resources;

/// <summary>Texts of the surface for images and video: <c>CanvasText.resx</c> in English, <c>CanvasText.ko.resx</c> in Korean.</summary>
public sealed class CanvasText;
