namespace Annotator.Web.Resources;

/// <summary>The interface's texts: <c>Text.resx</c> in English, <c>Text.ko.resx</c> in Korean. A key is <c>Feature.Thing</c>.</summary>
public sealed class Text;
