using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Components;

namespace Annotator.Web.Components.Charts;

/// <summary>Writes a drawing: shapes by the classes of charts.css, words encoded. Razor keeps <c>text</c> for itself, so drawings are written by hand.</summary>
internal sealed class Svg(double width, double height, string summary, bool interactive = false)
{
    private readonly StringBuilder _body = new();

    /// <summary>Width in units of the drawing, which are pixels where there is room.</summary>
    public double Width { get; } = width;

    /// <summary>Height in units of the drawing.</summary>
    public double Height { get; } = height;

    /// <summary>A length as drawings write it.</summary>
    public static string N(double value) => Math.Round(value, 2).ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>Words, by the line they stand on.</summary>
    public Svg Text(double x, double y, string words, string anchor = "start", string kind = "ch-label", bool turned = false)
    {
        _body.Append(CultureInfo.InvariantCulture, $"<text class=\"{kind}\" x=\"{N(x)}\" y=\"{N(y)}\" text-anchor=\"{anchor}\"");
        if (turned) _body.Append(CultureInfo.InvariantCulture, $" transform=\"rotate(-90 {N(x)} {N(y)})\"");
        _body.Append('>').Append(WebUtility.HtmlEncode(words)).Append("</text>");
        return this;
    }

    /// <summary>Words that are cut where they are wider than their room, and then told in full by a tip.</summary>
    public Svg Cut(double x, double y, string words, double room, string anchor = "start", string kind = "ch-label", bool turned = false)
    {
        var shown = Words.Cut(words, room);
        if (ReferenceEquals(shown, words)) return Text(x, y, words, anchor, kind, turned);
        _body.Append("<g><title>").Append(WebUtility.HtmlEncode(words)).Append("</title>");
        Text(x, y, shown, anchor, kind, turned);
        _body.Append("</g>");
        return this;
    }

    /// <summary>A straight line.</summary>
    public Svg Line(double x1, double y1, double x2, double y2, string kind)
    {
        _body.Append(CultureInfo.InvariantCulture, $"<line class=\"{kind}\" x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\"/>");
        return this;
    }

    /// <summary>A rectangle.</summary>
    public Svg Rect(double x, double y, double width, double height, string? kind = null, string? color = null, string? tip = null, double radius = 0, double opacity = 1)
    {
        if (width <= 0 || height <= 0) return this;
        _body.Append(CultureInfo.InvariantCulture, $"<rect x=\"{N(x)}\" y=\"{N(y)}\" width=\"{N(width)}\" height=\"{N(height)}\"");
        Look(kind, color, opacity);
        if (radius > 0) _body.Append(CultureInfo.InvariantCulture, $" rx=\"{N(radius)}\"");
        return End("rect", tip);
    }

    /// <summary>A circle.</summary>
    public Svg Circle(double x, double y, double radius, string? kind = null, string? color = null, string? tip = null)
    {
        _body.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{N(x)}\" cy=\"{N(y)}\" r=\"{N(radius)}\"");
        Look(kind, color, 1);
        return End("circle", tip);
    }

    /// <summary>A line through points.</summary>
    public Svg Path(IEnumerable<(double X, double Y)> points, string kind, string? color = null, bool stroke = true)
    {
        var path = PathOf(points);
        if (path.Length == 0) return this;
        _body.Append(CultureInfo.InvariantCulture, $"<path class=\"{kind}\" d=\"{path}\"");
        if (color is not null) _body.Append(CultureInfo.InvariantCulture, $" style=\"{(stroke ? "stroke" : "fill")}:{color}\"");
        _body.Append("/>");
        return this;
    }

    /// <summary>The surface between two lines over the same places.</summary>
    public Svg Band(IReadOnlyList<(double X, double Low, double High)> points, string kind, string color)
    {
        if (points.Count == 0) return this;
        return Path(points.Select(p => (p.X, p.High)).Concat(points.Reverse().Select(p => (p.X, p.Low))), kind, color, stroke: false);
    }

    /// <summary>What is drawn inside leads somewhere.</summary>
    public Svg Link(string? address, string name, Action<Svg> draw)
    {
        if (address is null)
        {
            draw(this);
            return this;
        }

        _body.Append("<a href=\"").Append(WebUtility.HtmlEncode(address)).Append("\"><title>").Append(WebUtility.HtmlEncode(name)).Append("</title>");
        draw(this);
        _body.Append("</a>");
        return this;
    }

    /// <summary>The whole drawing.</summary>
    public MarkupString Markup() => new(ToString());

    /// <inheritdoc />
    public override string ToString() =>
        $"<svg class=\"ch-svg\" viewBox=\"0 0 {N(Width)} {N(Height)}\" style=\"--w:{N(Width)}px\" role=\"{(interactive ? "group" : "img")}\" aria-label=\"{WebUtility.HtmlEncode(summary)}\" preserveAspectRatio=\"xMinYMid meet\">{_body}</svg>";

    private static string PathOf(IEnumerable<(double X, double Y)> points)
    {
        var text = new StringBuilder();
        foreach (var (x, y) in points) text.Append(text.Length == 0 ? 'M' : 'L').Append(N(x)).Append(' ').Append(N(y));
        return text.ToString();
    }

    private void Look(string? kind, string? color, double opacity)
    {
        if (kind is not null) _body.Append(CultureInfo.InvariantCulture, $" class=\"{kind}\"");
        if (color is not null) _body.Append(CultureInfo.InvariantCulture, $" style=\"fill:{color}\"");
        if (opacity < 1) _body.Append(CultureInfo.InvariantCulture, $" fill-opacity=\"{N(opacity)}\"");
    }

    private Svg End(string shape, string? tip)
    {
        if (tip is null) _body.Append("/>");
        else _body.Append("><title>").Append(WebUtility.HtmlEncode(tip)).Append("</title></").Append(shape).Append('>');
        return this;
    }
}
