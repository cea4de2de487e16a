using System.Globalization;
using Annotator.Web.Components.Controls;
using Microsoft.AspNetCore.Components;

namespace Annotator.Web.Components.Charts;

/// <summary>A series of a chart over time.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Color">A CSS colour, a variable of the theme.</param>
/// <param name="Values">A value a stretch; null: none there.</param>
/// <param name="Low">Lower ends of the values' intervals.</param>
/// <param name="High">Upper ends.</param>
/// <param name="Dashed">Whether the line is dashed.</param>
internal sealed record Series(string Name, string Color, IReadOnlyList<double?> Values, IReadOnlyList<double?>? Low = null, IReadOnlyList<double?>? High = null, bool Dashed = false);

/// <summary>A value with its interval, as a row of a chart.</summary>
/// <param name="Name">What it belongs to.</param>
/// <param name="Value">The value; null: unknown.</param>
/// <param name="Low">Lower end of its interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="Count">What it rests on.</param>
/// <param name="Href">Where it leads.</param>
internal sealed record IntervalRow(string Name, double? Value, double? Low, double? High, long Count, string? Href = null);

/// <summary>A bar made of parts, as a row of a chart.</summary>
/// <param name="Name">What it belongs to.</param>
/// <param name="Parts">Value of each series.</param>
/// <param name="Href">Where it leads.</param>
internal sealed record BarRow(string Name, IReadOnlyList<double> Parts, string? Href = null);

/// <summary>A cell of a matrix.</summary>
/// <param name="Value">What it shows; null: nothing.</param>
/// <param name="Weight">How strongly it is coloured, 0 to 1.</param>
/// <param name="Good">Whether the colour is that of the good ones.</param>
/// <param name="Tip">What it says.</param>
/// <param name="Href">Where it leads.</param>
internal sealed record MatrixCell(string? Value, double Weight, bool Good, string Tip, string? Href);

/// <summary>What the values of a chart of intervals are, which says how they are written.</summary>
internal enum Figure
{
    /// <summary>A share, in per cent.</summary>
    Share,

    /// <summary>A coefficient such as kappa, at most 1.</summary>
    Coefficient,

    /// <summary>Seconds, from 0 on.</summary>
    Seconds,
}

/// <summary>Draws charts: pure functions of what they show.</summary>
internal static class Charts
{
    private const double Left = 52;
    private const double Right = 12;
    private const double Top = 12;
    private const double Bottom = 30;

    // A single day is no wall.
    private const double MostBroad = 56;

    /// <summary>Stacked bars over time.</summary>
    /// <param name="summary">What a screen reader says of it.</param>
    /// <param name="times">Beginning of each stretch.</param>
    /// <param name="length">Length of a stretch.</param>
    /// <param name="series">The parts of the bars, from below.</param>
    /// <param name="width">Width.</param>
    public static MarkupString TimeBars(string summary, IReadOnlyList<DateTimeOffset> times, TimeSpan length, IReadOnlyList<Series> series, double width = 720)
    {
        const double height = 230;
        var svg = new Svg(width, height, summary);
        var totals = times.Select((_, i) => series.Sum(s => s.Values[i] ?? 0)).ToList();
        var y = Axis.UpTo(totals.DefaultIfEmpty(0).Max(), height - Bottom, Top);
        Grid(svg, y, width, v => Short(v));
        var slot = (width - Left - Right) / Math.Max(1, times.Count);
        var gap = Math.Min(3, slot * 0.18);
        var broad = Math.Min(slot - gap, MostBroad);
        for (var i = 0; i < times.Count; i++)
        {
            var (below, x) = (0.0, Left + (i * slot));
            foreach (var s in series)
            {
                var value = s.Values[i] ?? 0;
                if (value <= 0) continue;
                svg.Rect(x + ((slot - broad) / 2), y[below + value], Math.Max(1, broad), y[below] - y[below + value], color: s.Color, tip: $"{When(times[i], length)} · {s.Name}: {Format.Count((long)value)}");
                below += value;
            }
        }

        Times(svg, times, length, i => Left + ((i + 0.5) * slot), height, width);
        return svg.Markup();
    }

    /// <summary>Lines over time, with bands where values have intervals.</summary>
    /// <param name="summary">What a screen reader says of it.</param>
    /// <param name="times">Place of each value.</param>
    /// <param name="length">Length of a stretch.</param>
    /// <param name="series">The lines.</param>
    /// <param name="shares">Whether the values are shares, 0 to 1.</param>
    /// <param name="target">A level to reach.</param>
    /// <param name="targetName">Its name.</param>
    /// <param name="width">Width.</param>
    /// <param name="unit">Writes a value, where it is neither a share nor a count.</param>
    public static MarkupString TimeLines(
        string summary, IReadOnlyList<DateTimeOffset> times, TimeSpan length, IReadOnlyList<Series> series, bool shares, double? target = null, string? targetName = null, double width = 720, Func<double, string>? unit = null)
    {
        const double height = 230;
        var svg = new Svg(width, height, summary);
        var values = series.SelectMany(s => s.Values.Concat(s.Low ?? []).Concat(s.High ?? [])).OfType<double>().Concat(target is { } t ? [t] : []).ToList();
        var y = shares ? Axis.Shares(values, height - Bottom, Top) : Axis.UpTo(values.DefaultIfEmpty(0).Max(), height - Bottom, Top, whole: unit is null);
        var write = unit ?? (shares ? v => Format.Percent(v, 0) : Short);
        Grid(svg, y, width, write);
        var x = times.Count < 2
            ? Axis.Range(-1, 1, Left, width - Right)
            : Axis.Range(times[0].ToUnixTimeSeconds(), times[^1].ToUnixTimeSeconds(), Left + 6, width - Right - 6);
        double At(int i) => times.Count < 2 ? x[0] : x[times[i].ToUnixTimeSeconds()];
        if (target is { } level)
        {
            svg.Line(Left, y[level], width - Right, y[level], "ch-target");
            if (targetName is not null) svg.Text(width - Right, y[level] - 5, targetName, "end");
        }

        foreach (var s in series)
        {
            if (s is { Low: { } low, High: { } high })
                svg.Band([.. Enumerable.Range(0, times.Count).Where(i => low[i] is not null && high[i] is not null).Select(i => (At(i), y[low[i]!.Value], y[high[i]!.Value]))], "ch-band", s.Color);
        }

        foreach (var s in series)
        {
            var points = Enumerable.Range(0, times.Count).Where(i => s.Values[i] is not null).Select(i => (X: At(i), Y: y[s.Values[i]!.Value], I: i)).ToList();
            svg.Path(points.Select(p => (p.X, p.Y)), s.Dashed ? "ch-line ch-dashed" : "ch-line", s.Color);
            if (points is [var only] && s is { Low: { } from, High: { } to } && from[only.I] is { } lowest && to[only.I] is { } highest)
            {
                // A single point has no band to lie in.
                svg.Path([(only.X, y[lowest]), (only.X, y[highest])], "ch-whisker", s.Color);
            }

            if (points.Count > 80) points = [points[^1]];
            string Tell(double? value) => value is not { } v ? "–" : shares ? Format.Percent(v) : write(v);
            foreach (var p in points) svg.Circle(p.X, p.Y, 3, color: s.Color, tip: $"{When(times[p.I], length)} · {s.Name}: {Tell(s.Values[p.I])}{(s.Low?[p.I] is { } l && s.High?[p.I] is { } h ? $" [{Tell(l)}–{Tell(h)}]" : "")}");
        }

        Times(svg, times, length, At, height, width);
        return svg.Markup();
    }

    /// <summary>Values with their intervals, one below the other, not ranked.</summary>
    /// <param name="summary">What a screen reader says of it.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">Writes what a value rests on.</param>
    /// <param name="target">A level to compare with.</param>
    /// <param name="width">Width.</param>
    /// <param name="figure">What the values are.</param>
    public static MarkupString Intervals(string summary, IReadOnlyList<IntervalRow> rows, Func<long, string> count, double? target = null, double width = 560, Figure figure = Figure.Share)
    {
        const double row = 28;
        var names = Words.Column(rows.Select(r => r.Name), 70, 220);
        var notes = 62 + Words.Column(rows.Select(r => count(r.Count)), 40, 110);
        string Write(double? value, int digits) => figure switch
        {
            Figure.Coefficient => value?.ToString(digits == 0 ? "0.00" : "0.000", CultureInfo.CurrentCulture) ?? "–",
            Figure.Seconds => value is { } s ? s.ToString("0.0", CultureInfo.CurrentCulture) + " s" : "–",
            _ => Format.Percent(value, digits),
        };
        var height = (rows.Count * row) + 34;
        var svg = new Svg(width, height, summary, interactive: rows.Any(r => r.Href is not null));
        var all = rows.SelectMany(r => new[] { r.Value, r.Low, r.High }).OfType<double>().Concat(target is { } t ? [t] : []).ToList();
        var x = figure == Figure.Seconds ? Axis.UpTo(all.DefaultIfEmpty(0).Max(), names, width - notes - 8, whole: false) : Axis.Shares(all, names, width - notes - 8);
        foreach (var tick in x.Ticks)
        {
            svg.Line(x[tick], 4, x[tick], height - 26, "ch-grid");
            svg.Text(x[tick], height - 9, Write(tick, 0), "middle");
        }

        if (target is { } level) svg.Line(x[level], 2, x[level], height - 24, "ch-target");
        for (var i = 0; i < rows.Count; i++)
        {
            var (r, y) = (rows[i], (i * row) + 18);
            var tip = $"{r.Name}: {Write(r.Value, 1)} [{Write(r.Low, 1)}–{Write(r.High, 1)}], {count(r.Count)}";
            svg.Link(r.Href, tip, s => s.Cut(names - 10, y + 4, r.Name, names - 10, "end", r.Href is null ? "ch-name" : "ch-name ch-link"));
            if (r.Value is not { } value)
            {
                svg.Text(names + 4, y + 4, "–");
                continue;
            }

            svg.Rect(x[r.Low ?? value], y - 4, Math.Max(2, x[r.High ?? value] - x[r.Low ?? value]), 8, "ch-interval", tip: tip, radius: 4);
            svg.Circle(x[value], y, 4.5, "ch-dot", tip: tip);
            svg.Text(width - notes + 4, y + 4, $"{Write(value, 0)} · {count(r.Count)}", kind: "ch-label");
        }

        return svg.Markup();
    }

    /// <summary>Bars made of parts, one below the other.</summary>
    /// <param name="summary">What a screen reader says of it.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="series">Names and colours of the parts; their values are not read.</param>
    /// <param name="width">Width.</param>
    public static MarkupString Bars(string summary, IReadOnlyList<BarRow> rows, IReadOnlyList<(string Name, string Color)> series, double width = 560)
    {
        const double row = 24;
        var names = Words.Column(rows.Select(r => r.Name), 70, 268);
        var height = (rows.Count * row) + 8;
        var svg = new Svg(width, height, summary, interactive: rows.Any(r => r.Href is not null));
        var x = Axis.Range(0, Math.Max(1e-9, rows.Select(r => r.Parts.Sum()).DefaultIfEmpty(0).Max()), names, width - 64);
        for (var i = 0; i < rows.Count; i++)
        {
            var (r, y) = (rows[i], (i * row) + 4);
            var total = r.Parts.Sum();
            svg.Link(r.Href, $"{r.Name}: {Format.Count((long)total)}", s => s.Cut(names - 10, y + 15, r.Name, names - 10, "end", r.Href is null ? "ch-name" : "ch-name ch-link"));
            var at = 0.0;
            for (var p = 0; p < r.Parts.Count; p++)
            {
                if (r.Parts[p] <= 0) continue;
                svg.Rect(x[at], y + 3, Math.Max(1, x[at + r.Parts[p]] - x[at]), row - 9, color: series[p].Color, tip: $"{r.Name} · {series[p].Name}: {Format.Count((long)r.Parts[p])}");
                at += r.Parts[p];
            }

            svg.Text(x[total] + 6, y + 15, Format.Count((long)total));
        }

        return svg.Markup();
    }

    /// <summary>A matrix; each cell may lead to what it counts.</summary>
    /// <param name="summary">What a screen reader says of it.</param>
    /// <param name="rows">Names of the rows.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="cell">A cell by row and column.</param>
    /// <param name="rowTitle">What the rows are.</param>
    /// <param name="columnTitle">What the columns are.</param>
    public static MarkupString Matrix(string summary, IReadOnlyList<string> rows, IReadOnlyList<string> columns, Func<int, int, MatrixCell> cell, string rowTitle, string columnTitle)
    {
        var size = columns.Count switch { <= 6 => 62.0, <= 12 => 46, _ => 38 };
        var tall = Math.Min(size, 34);
        var names = Words.Column([.. rows, rowTitle], 80, 190) + 6;
        var head = Words.Column(columns, 40, 140) + 26;
        var svg = new Svg(names + (columns.Count * size) + 8, head + (rows.Count * tall) + 8, summary, interactive: true);
        svg.Text(names, 14, columnTitle, kind: "ch-title");
        svg.Text(names - 12, head - 10, rowTitle, "end", "ch-title");
        for (var c = 0; c < columns.Count; c++) svg.Cut(names + ((c + 0.5) * size) + 4, head - 8, columns[c], head - 34, kind: "ch-name", turned: true);
        for (var r = 0; r < rows.Count; r++)
        {
            var y = head + (r * tall);
            svg.Cut(names - 12, y + (tall / 2) + 4, rows[r], names - 12, "end", "ch-name");
            for (var c = 0; c < columns.Count; c++)
            {
                var (at, x) = (cell(r, c), names + (c * size));
                svg.Rect(x + 1, y + 1, size - 2, tall - 2, "ch-cell", radius: 3);
                if (at.Value is null) continue;
                svg.Link(at.Href, at.Tip, s =>
                {
                    s.Rect(x + 1, y + 1, size - 2, tall - 2, at.Good ? "ch-cell-good" : "ch-cell-bad", tip: at.Tip, radius: 3, opacity: 0.12 + (0.5 * at.Weight));
                    s.Text(x + (size / 2), y + (tall / 2) + 4, at.Value, "middle", "ch-cell-text");
                });
            }
        }

        return svg.Markup();
    }

    /// <summary>Share right against confidence: on the line where what is claimed is true.</summary>
    /// <param name="summary">What a screen reader says of it.</param>
    /// <param name="series">By source: mean confidence, share right with its interval, and how many.</param>
    /// <param name="xName">What confidence is called.</param>
    /// <param name="yName">What the share right is called.</param>
    public static MarkupString Reliability(string summary, IReadOnlyList<(string Name, string Color, IReadOnlyList<(double X, double Y, double Low, double High, long Count)> Points)> series, string xName, string yName)
    {
        const double width = 400;
        const double height = 340;
        var svg = new Svg(width, height, summary);
        var x = Axis.Range(0, 1, Left, width - Right);
        var y = Axis.Range(0, 1, height - 46, Top);
        foreach (var tick in (double[])[0, 0.25, 0.5, 0.75, 1])
        {
            svg.Line(x[tick], y[0], x[tick], y[1], "ch-grid").Line(x[0], y[tick], x[1], y[tick], "ch-grid");
            svg.Text(x[tick], height - 28, Format.Percent(tick, 0), "middle").Text(Left - 8, y[tick] + 4, Format.Percent(tick, 0), "end");
        }

        svg.Text((Left + width) / 2, height - 8, xName, "middle").Text(13, (height - 46) / 2, yName, "middle", turned: true);
        svg.Line(x[0], y[0], x[1], y[1], "ch-target");
        foreach (var (name, color, points) in series)
        {
            svg.Path(points.Select(p => (x[p.X], y[p.Y])), "ch-line", color);
            var most = points.Select(p => p.Count).DefaultIfEmpty(1).Max();
            foreach (var p in points)
            {
                svg.Path([(x[p.X], y[p.Low]), (x[p.X], y[p.High])], "ch-whisker", color);
                svg.Circle(x[p.X], y[p.Y], 2.5 + (4 * Math.Sqrt((double)p.Count / most)), color: color, tip: $"{name} · {Format.Percent(p.X)} → {Format.Percent(p.Y)} [{Format.Percent(p.Low)}–{Format.Percent(p.High)}] · {Format.Count(p.Count)}");
            }
        }

        return svg.Markup();
    }

    /// <summary>A stretch of time, in words.</summary>
    public static string When(DateTimeOffset at, TimeSpan length) =>
        at.ToLocalTime().ToString(length < TimeSpan.FromDays(1) ? "g" : "d", CultureInfo.CurrentCulture);

    private static void Grid(Svg svg, Axis y, double width, Func<double, string> write)
    {
        foreach (var tick in y.Ticks) svg.Line(Left, y[tick], width - Right, y[tick], "ch-grid").Text(Left - 8, y[tick] + 4, write(tick), "end");
    }

    private static void Times(Svg svg, IReadOnlyList<DateTimeOffset> times, TimeSpan length, Func<int, double> place, double height, double width)
    {
        if (times.Count == 0) return;
        var most = Math.Max(2, (int)(width / 110));
        var step = Math.Max(1, (int)Math.Ceiling((double)times.Count / most));
        var sameDay = times[0].ToLocalTime().Date == times[^1].ToLocalTime().Date;
        for (var i = 0; i < times.Count; i += step)
        {
            var at = times[i].ToLocalTime();
            var words = length >= TimeSpan.FromDays(1) || times[^1] - times[0] > TimeSpan.FromDays(4)
                ? at.ToString(CultureInfo.CurrentCulture.DateTimeFormat.MonthDayPattern.Replace("MMMM", "MMM", StringComparison.Ordinal), CultureInfo.CurrentCulture)
                : at.ToString(sameDay ? "t" : "ddd HH:mm", CultureInfo.CurrentCulture);
            svg.Text(place(i), height - 9, words, times.Count == 1 ? "middle" : i == 0 && step > 1 ? "start" : "middle");
        }
    }

    private static string Short(double value) => value switch
    {
        >= 10_000_000 => (value / 1e6).ToString("0", CultureInfo.CurrentCulture) + " M",
        >= 1_000_000 => (value / 1e6).ToString("0.#", CultureInfo.CurrentCulture) + " M",
        >= 10_000 => (value / 1e3).ToString("0", CultureInfo.CurrentCulture) + " k",
        _ => value.ToString("#,0.##", CultureInfo.CurrentCulture),
    };
}
