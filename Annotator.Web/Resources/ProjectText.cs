namespace Annotator.Web.Resources;

/// <summary>Texts of the parts of a project's page and of its export: <c>ProjectText.resx</c> in English, <c>ProjectText.ko.resx</c> in Korean.</summary>
public sealed class ProjectText;
