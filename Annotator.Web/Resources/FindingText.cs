namespace Annotator.Web.Resources;

/// <summary>Texts of who stands out in a team: <c>FindingText.resx</c> in English, <c>FindingText.ko.resx</c> in Korean.</summary>
public sealed class FindingText;
