namespace Annotator.Web.Resources;

/// <summary>Texts of search and map in the explorer: <c>ExplorerText.resx</c> in English, <c>ExplorerText.ko.resx</c> in Korean.</summary>
public sealed class ExplorerText;
