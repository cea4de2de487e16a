namespace Annotator.Web.Resources;

/// <summary>Texts of the pages about team work: <c>TeamText.resx</c> in English, <c>TeamText.ko.resx</c> in Korean.</summary>
public sealed class TeamText;
