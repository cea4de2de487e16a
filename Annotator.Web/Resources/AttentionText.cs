namespace Annotator.Web.Resources;

/// <summary>Texts of what a lead has to see to: <c>AttentionText.resx</c> in English, <c>AttentionText.ko.resx</c> in Korean.</summary>
public sealed class AttentionText;
