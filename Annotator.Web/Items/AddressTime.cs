using System.Globalization;
using Annotator.Web.Quality;

namespace Annotator.Web.Items;

/// <summary>A length of time as it stands in addresses: up to now, or from a day to a day.</summary>
/// <param name="Period">One of <see cref="QualityAddress.Periods"/>; null: <paramref name="From"/> to <paramref name="To"/>.</param>
/// <param name="From">First day.</param>
/// <param name="To">Last day.</param>
public sealed record AddressTime(string? Period = null, DateOnly? From = null, DateOnly? To = null)
{
    /// <summary>When it ends; null: not yet.</summary>
    public DateTimeOffset? End => Period is null && To is { } last ? new DateTimeOffset(last.AddDays(1).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero) : null;

    /// <summary>Reads it from the parts of an address; null where nothing is asked for.</summary>
    public static AddressTime? Of(string? period, string? from, string? to)
    {
        var known = QualityAddress.Periods.Contains(period, StringComparer.Ordinal) ? period : null;
        var (first, last) = known is null ? (Day(from), Day(to)) : (null, null);
        return known is null && first is null && last is null ? null : new AddressTime(known, first, last);
    }

    /// <summary>When it begins; null: with the first thing that happened.</summary>
    /// <param name="now">Until when lengths of time go.</param>
    public DateTimeOffset? Begin(DateTimeOffset now) => Period switch
    {
        "24h" => now.AddHours(-24),
        "7d" => now.AddDays(-7),
        "30d" => now.AddDays(-30),
        "90d" => now.AddDays(-90),
        _ => From is { } first ? new DateTimeOffset(first.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero) : null,
    };

    /// <summary>The day on which it begins: what charts count of labels they count by whole days (UTC).</summary>
    /// <param name="now">Until when lengths of time go.</param>
    public DateTimeOffset? FirstDay(DateTimeOffset now) => Begin(now) is { } at ? new DateTimeOffset(at.UtcDateTime.Date, TimeSpan.Zero) : null;

    internal static DateOnly? Day(string? text) => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null;

    internal static string? Text(DateOnly? day) => day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
