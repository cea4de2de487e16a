namespace Annotator.Web.Resources;

/// <summary>Texts about encoders of texts: <c>EncoderText.resx</c> in English, <c>EncoderText.ko.resx</c> in Korean.</summary>
public sealed class EncoderText;
