namespace Annotator.Web.Resources;

/// <summary>Texts of what leads check and compare: <c>LeadText.resx</c> in English, <c>LeadText.ko.resx</c> in Korean.</summary>
public sealed class LeadText;
