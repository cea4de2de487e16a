namespace Annotator.Web.Resources;

/// <summary>Texts of the pages about labels, bias and cost of the LLM: <c>LlmPagesText.resx</c> in English, <c>LlmPagesText.ko.resx</c> in Korean.</summary>
public sealed class LlmPagesText;
