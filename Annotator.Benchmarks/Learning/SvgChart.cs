using System.Globalization;
using System.Net;
using System.Text;

namespace Annotator.Benchmarks.Learning;

/// <summary>A line of a chart.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Points">Points, x ascending.</param>
internal sealed record ChartLine(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>One panel of a chart.</summary>
/// <param name="Title">Title.</param>
/// <param name="Lines">Its lines, the most important last.</param>
internal sealed record ChartPanel(string Title, IReadOnlyList<ChartLine> Lines);

/// <summary>Writes line charts as SVG: panels side by side, one legend, readable on light and dark pages.</summary>
internal static class SvgChart
{
    private const int Columns = 3;
    private const int Width = 300;
    private const int Height = 210;
    private const int Left = 42;
    private const int Top = 28;
    private const int Right = 10;
    private const int Bottom = 26;

    // Told apart by colour-blind readers as well (Okabe and Ito 2008), and by dashes.
    private static readonly (string Colour, string Dash)[] s_styles =
    [
        ("#7f7f7f", "5 3"), ("#56b4e9", ""), ("#cc79a7", "2 2"), ("#e69f00", "2 2"), ("#009e73", ""), ("#a98600", "6 2"), ("#0072b2", ""), ("#d55e00", ""),
    ];

    public static string Write(string title, IReadOnlyList<ChartPanel> panels)
    {
        var names = panels.SelectMany(p => p.Lines.Select(l => l.Name)).Distinct(StringComparer.Ordinal).ToList();
        var rows = (panels.Count + Columns - 1) / Columns;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Columns * Width} {(rows * Height) + 52}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<title>{Text(title)}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
        for (var i = 0; i < panels.Count; i++) Panel(svg, panels[i], names, i % Columns * Width, i / Columns * Height);
        for (var n = 0; n < names.Count; n++)
        {
            var (x, y) = (20 + (n % 4 * 220), (rows * Height) + 16 + (n / 4 * 20));
            svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{x} {y}h26\" fill=\"none\" {Stroke(n, names.Count)}/><text x=\"{x + 32}\" y=\"{y + 4}\" fill=\"#222222\">{Text(names[n])}</text>\n");
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder svg, ChartPanel panel, List<string> names, int x0, int y0)
    {
        var points = panel.Lines.SelectMany(l => l.Points).ToList();
        var most = points.Max(p => p.X);

        // The steep beginning is cut off: what counts happens above a low share of the values.
        var sorted = points.Select(p => p.Y).Order().ToList();
        var low = Math.Floor(sorted[sorted.Count / 20] * 20) / 20;
        var high = Math.Min(1, Math.Ceiling(sorted[^1] * 20) / 20);
        double X(double x) => x0 + Left + (x / most * (Width - Left - Right));
        double Y(double y) => y0 + Height - Bottom - ((Math.Max(low, y) - low) / (high - low) * (Height - Top - Bottom));
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x0 + Left}\" y=\"{y0 + 18}\" font-weight=\"600\" fill=\"#222222\">{Text(panel.Title)}</text>\n");
        for (var t = 0; t <= 4; t++)
        {
            var (value, at) = (low + ((high - low) * t / 4), most * t / 4);
            svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{X(0):F1} {Y(value):F1}H{X(most):F1}\" stroke=\"#e2e2e2\"/><text x=\"{x0 + Left - 5}\" y=\"{Y(value) + 4:F1}\" text-anchor=\"end\" fill=\"#555555\">{value:0.00}</text>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(at):F1}\" y=\"{y0 + Height - 9}\" text-anchor=\"{(t == 4 ? "end" : "middle")}\" fill=\"#555555\">{at:N0}</text>\n");
        }

        foreach (var line in panel.Lines)
        {
            var path = string.Join('L', line.Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.X):F1} {Y(p.Y):F1}")));
            svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{path}\" fill=\"none\" {Stroke(names.IndexOf(line.Name), names.Count)}/>\n");
        }
    }

    // The last line is the one that the chart is about.
    private static string Stroke(int index, int count)
    {
        var (colour, dash) = index == count - 1 ? s_styles[^1] : s_styles[index % (s_styles.Length - 1)];
        return $"stroke=\"{colour}\" stroke-width=\"{(index == count - 1 ? "2.4" : "1.4")}\"{(dash.Length > 0 ? $" stroke-dasharray=\"{dash}\"" : "")}";
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
