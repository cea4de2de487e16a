using System.Globalization;
using Annotator.Core.Quality;
using Annotator.Web.Components.Controls;
using Annotator.Web.Resources;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Quality;

/// <summary>Numbers of the quality pages in words.</summary>
internal static class FigureText
{
    /// <summary>A share with its interval: <c>91.2% [88.0–93.7]</c>.</summary>
    public static string WithInterval(this MeasuredShare share) =>
        share.Share is null ? "–" : string.Create(CultureInfo.CurrentCulture, $"{Format.Percent(share.Share)} [{Bare(share.Lower)}–{Bare(share.Upper)}]");

    /// <summary>Seconds of work.</summary>
    public static string Seconds(double? seconds) => seconds is { } s ? s.ToString(s is > 0 and < 1 ? "0.00" : s < 10 ? "0.0" : "0", CultureInfo.CurrentCulture) + " s" : "–";

    /// <summary>Seconds of work with their interval: <c>4.2 s [3.9–4.6]</c>.</summary>
    public static string Seconds(double? seconds, Interval? interval) =>
        interval is { } i && seconds is not null ? string.Create(CultureInfo.CurrentCulture, $"{Seconds(seconds)} [{i.Lower:0.0}–{i.Upper:0.0}]") : Seconds(seconds);

    /// <summary>Hours and minutes of work.</summary>
    public static string Hours(IStringLocalizer<Text> texts, double seconds) => Runs.RunTexts.Duration(texts, TimeSpan.FromSeconds(seconds));

    private static string Bare(double? share) => share is { } s ? (s * 100).ToString("0.0", CultureInfo.CurrentCulture) : "–";
}
