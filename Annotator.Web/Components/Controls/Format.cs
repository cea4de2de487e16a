using System.Globalization;

namespace Annotator.Web.Components.Controls;

/// <summary>Numbers and times as people of the current culture read them.</summary>
internal static class Format
{
    /// <summary>A whole number with its group separators.</summary>
    public static string Count(long value) => value.ToString("N0", CultureInfo.CurrentCulture);

    /// <summary>A part of a whole as percent; a dash where there is no whole.</summary>
    public static string Share(long part, long whole) => whole <= 0 ? "–" : Percent((double)part / whole, part > 0 && part * 100 < whole ? 1 : 0);

    /// <summary>A number from 0 to 1 as percent; a dash where there is none. Never rounded up to 100 %.</summary>
    public static string Percent(double? value, int digits = 1)
    {
        if (value is not { } v || !double.IsFinite(v)) return "–";
        var scale = Math.Pow(10, digits + 2);
        if (v < 1) v = Math.Min(v, Math.Floor((1 - 1e-12) * scale) / scale is var top && Math.Round(v, digits + 2) >= 1 ? (scale - 1) / scale : v);
        return v.ToString("P" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.CurrentCulture).Replace("\u00a0%", "%", StringComparison.Ordinal).Replace(" %", "%", StringComparison.Ordinal);
    }

    /// <summary>Money in the currency of the configured prices.</summary>
    public static string Money(double value) => value.ToString("N2", CultureInfo.CurrentCulture);

    /// <summary>A day and time.</summary>
    public static string Moment(DateTimeOffset? time) => time is { } t ? t.ToLocalTime().ToString("g", CultureInfo.CurrentCulture) : "–";

    /// <summary>Bytes in units of 1,024.</summary>
    public static string Bytes(long value)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var (scaled, unit) = ((double)value, 0);
        while (scaled >= 1024 && unit < units.Length - 1) (scaled, unit) = (scaled / 1024, unit + 1);
        return string.Create(CultureInfo.CurrentCulture, $"{Math.Round(scaled, scaled < 10 && unit > 0 ? 1 : 0)} {units[unit]}");
    }
}
