namespace Annotator.Web.Resources;

/// <summary>Texts of the API's reference page: <c>ReferenceText.resx</c> in English, <c>ReferenceText.ko.resx</c> in Korean.</summary>
public sealed class ReferenceText;
