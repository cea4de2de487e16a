namespace Annotator.Web.Resources;

/// <summary>Texts of the page of items: <c>ItemsText.resx</c> in English, <c>ItemsText.ko.resx</c> in Korean.</summary>
public sealed class ItemsText;
