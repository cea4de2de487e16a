using System.Globalization;
using System.Text;

namespace Annotator.Web.Components.Controls;

/// <summary>A point of a curve.</summary>
/// <param name="X">Position, 0 or more.</param>
/// <param name="Y">Value, 0 to 1.</param>
/// <param name="Note">What it belongs to.</param>
public sealed record ChartPoint(double X, double Y, string? Note = null);

/// <summary>Where the points of a curve stand on paper: a pure function of the points.</summary>
internal sealed class ChartScale
{
    public const double Width = 720;
    public const double Height = 260;
    public const double Left = 68;
    public const double Right = 14;
    public const double Top = 14;
    public const double Bottom = 40;

    private readonly double _xMax;
    private readonly double _yMin;
    private readonly double _yMax;

    private ChartScale(double xMax, double yMin, double yMax)
    {
        (_xMax, _yMin, _yMax) = (xMax, yMin, yMax);
    }

    public IReadOnlyList<(double Value, double Position)> XTicks { get; private init; } = [];

    public IReadOnlyList<(double Value, double Position)> YTicks { get; private init; } = [];

    /// <summary>Digits after the point that the labels of the y axis need.</summary>
    public int YDigits { get; private init; }

    /// <summary>The curve as path data.</summary>
    public string Line { get; private init; } = "";

    /// <summary>The surface below the curve as path data.</summary>
    public string Area { get; private init; } = "";

    /// <summary>Makes the scale: x from 0, y around the values and the level to reach, both with round ticks.</summary>
    public static ChartScale Of(IReadOnlyList<ChartPoint> points, double? target)
    {
        if (points.Count == 0) return new ChartScale(1, 0, 1);
        var xStep = Step(Math.Max(1, points.Max(p => p.X)) / 6);
        var xMax = Math.Max(xStep, points.Max(p => p.X));
        var low = Math.Min(points.Min(p => p.Y), target ?? 1);
        var high = Math.Max(points.Max(p => p.Y), target ?? 0);
        var yStep = Step(Math.Max(0.02, high - low) / 5);
        var yMin = Math.Max(0, Math.Floor(low / yStep - 1e-9) * yStep);
        var yMax = Math.Min(1, Math.Ceiling(high / yStep + 1e-9) * yStep);
        if (yMax - yMin < yStep) yMin = Math.Max(0, yMax - yStep);
        var scale = new ChartScale(xMax, yMin, yMax);
        return new ChartScale(xMax, yMin, yMax)
        {
            XTicks = [.. Ticks(0, xMax, Math.Max(1, xStep)).Select(v => (v, scale.X(v)))],
            YTicks = [.. Ticks(yMin, yMax, yStep).Select(v => (v, scale.Y(v)))],
            YDigits = yStep < 0.00999 ? 1 : 0,
            Line = Path(points, scale),
            Area = $"{Path(points, scale)}L{Number(scale.X(points[^1].X))} {Number(scale.Y(yMin))}L{Number(scale.X(points[0].X))} {Number(scale.Y(yMin))}Z",
        };
    }

    public double X(double value) => Left + (value / _xMax * (Width - Left - Right));

    public double Y(double value) => Top + ((_yMax - value) / (_yMax - _yMin) * (Height - Top - Bottom));

    public bool Shows(double value) => value >= _yMin && value <= _yMax;

    // 1, 2 or 5 times a power of ten, at least as large as asked for.
    private static double Step(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return new[] { 1.0, 2, 5, 10 }.Select(f => f * power).First(s => s >= rough * (1 - 1e-9));
    }

    private static IEnumerable<double> Ticks(double from, double to, double step)
    {
        for (var i = 0; from + (i * step) <= to + (step * 1e-6); i++) yield return from + (i * step);
    }

    private static string Path(IReadOnlyList<ChartPoint> points, ChartScale scale)
    {
        var text = new StringBuilder();
        for (var i = 0; i < points.Count; i++)
        {
            text.Append(i == 0 ? 'M' : 'L').Append(Number(scale.X(points[i].X))).Append(' ').Append(Number(scale.Y(points[i].Y)));
        }

        return text.ToString();
    }

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
