namespace Annotator.Web.Resources;

/// <summary>Texts of the page of uploaded models: <c>ModelText.resx</c> in English, <c>ModelText.ko.resx</c> in Korean.</summary>
public sealed class ModelText;
