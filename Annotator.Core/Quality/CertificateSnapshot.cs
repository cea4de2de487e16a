using System.Text.Json;

namespace Annotator.Core.Quality;

/// <summary>The certificate as it stood at one moment: appended, so that its history can be shown.</summary>
public sealed class CertificateSnapshot
{
    // Read once: pages ask for it again and again.
    private double? _fewestErrors;

    /// <summary>Identifier; grows with time.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The accuracy that is asked for.</summary>
    public double Target { get; set; }

    /// <summary>Best estimate of the accuracy of the final labels.</summary>
    public double Estimate { get; set; }

    /// <summary>Lower bound that holds at all times at once with <see cref="Confidence"/>.</summary>
    public double LowerBound { get; set; }

    /// <summary>Upper bound that holds at all times at once with <see cref="Confidence"/>, apart from the lower one; 1 in statements that were made before there was one.</summary>
    public double UpperBound => Items > 0 && (_fewestErrors ??= FewestErrors()) is > 0 and var fewest ? 1 - (fewest / Items) : 1;

    /// <summary>The confidence of each bound by itself.</summary>
    public double Confidence { get; set; }

    /// <summary>Random draws it rests on.</summary>
    public int Audited { get; set; }

    /// <summary>Items that it speaks of.</summary>
    public long Items { get; set; }

    /// <summary>Parts of the statement as JSON.</summary>
    public string Detail
    {
        get;
        set => (field, _fewestErrors) = (value, null);
    } = "{}";

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    private double FewestErrors()
    {
        using var detail = JsonDocument.Parse(Detail);
        return detail.RootElement.TryGetProperty("fewestErrors", out var fewest) ? fewest.GetDouble() : 0;
    }
}
