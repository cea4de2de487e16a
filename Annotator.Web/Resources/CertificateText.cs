namespace Annotator.Web.Resources;

/// <summary>Texts of the certificate and what it rests on: <c>CertificateText.resx</c> in English, <c>CertificateText.ko.resx</c> in Korean.</summary>
public sealed class CertificateText;
