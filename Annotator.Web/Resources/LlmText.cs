namespace Annotator.Web.Resources;

/// <summary>Texts of the pages about LLMs: <c>LlmText.resx</c> in English, <c>LlmText.ko.resx</c> in Korean.</summary>
public sealed class LlmText;
