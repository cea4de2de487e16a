using System.Text;
using System.Text.Json;

namespace Annotator.Benchmarks.Learning;

/// <summary>Tables of active-learning curves, averaged over seeds.</summary>
internal static class ActiveReport
{
    /// <summary>The mean curve of each strategy.</summary>
    public static Dictionary<string, double[]> Means(IEnumerable<ActiveCurve> curves) => curves.GroupBy(c => c.Strategy, StringComparer.Ordinal)
        .ToDictionary(g => g.Key, g => Enumerable.Range(0, g.First().Accuracy.Length).Select(i => g.Average(c => c.Accuracy[i])).ToArray(), StringComparer.Ordinal);

    /// <summary>One set's table: a row a strategy.</summary>
    public static string Table(IEnumerable<ActiveCurve> curves)
    {
        var all = curves.ToList();
        var means = Means(all);
        var random = means.GetValueOrDefault("random") ?? means.Values.First();
        var batch = all[0].Batch;
        var text = new StringBuilder();
        text.AppendLine($"| {all[0].Set} | accuracy at {random.Length * batch / 4:N0} / {random.Length * batch / 2:N0} / {random.Length * batch:N0} | mean over the curve | decisions for random's final / half-way accuracy | worst against random | ms a batch, mean / most |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (var (name, mean) in means)
        {
            var mine = all.Where(c => string.Equals(c.Strategy, name, StringComparison.Ordinal)).ToList();
            var worst = mean.Zip(random, (m, r) => m - r).Min();
            text.AppendLine($"| {name} | {mean[(mean.Length / 4) - 1]:F3} / {mean[(mean.Length / 2) - 1]:F3} / {mean[^1]:F3} | {mean.Average():F4} | "
                + $"{Reaches(mean, random[^1], batch)} / {Reaches(mean, random[(random.Length / 2) - 1], batch)} | {worst:+0.000;-0.000;0.000} | {mine.Average(c => c.MeanPickMilliseconds):F0} / {mine.Max(c => c.MostPickMilliseconds):F0} |");
        }

        return text.ToString();
    }

    /// <summary>Writes the page and the plot from kept curves.</summary>
    public static async Task WriteAsync(string keep, string docs)
    {
        var sets = new List<List<ActiveCurve>>();
        foreach (var (name, _, _) in ActiveSet.Known)
        {
            var path = Path.Combine(keep, name + ".json");
            if (File.Exists(path)) sets.Add(JsonSerializer.Deserialize<List<ActiveCurve>>(await File.ReadAllTextAsync(path))!);
        }

        await File.WriteAllTextAsync(Path.Combine(docs, "active-learning.svg"), SvgChart.Write("Accuracy over decisions, by strategy", [.. sets.Select(Panel)]));
        var page = Path.Combine(docs, "active-learning.md");
        var text = await File.ReadAllTextAsync(page);
        const string Begin = "<!-- figures: begin -->", End = "<!-- figures: end -->";
        var (from, to) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (from < 0 || to < from) throw new InvalidOperationException($"{page} has no place for the figures.");
        var figures = string.Join("\n", sets.Select(set => $"{set.Select(c => c.Strategy).Distinct(StringComparer.Ordinal).Count()} strategies, {set.Count(c => c.Strategy is "random")} seed(s):\n\n{Table(set)}"));
        await File.WriteAllTextAsync(page, $"{text[..(from + Begin.Length)]}\n{figures}{text[to..]}");
    }

    private static ChartPanel Panel(List<ActiveCurve> set) => new(
        set[0].Set, [.. Means(set).Select(m => new ChartLine(m.Key, [.. m.Value.Select((a, i) => ((i + 1.0) * set[0].Batch, a))]))]);

    /// <summary>Decisions after which the accuracy is reached.</summary>
    public static string Reaches(double[] curve, double accuracy, int batch)
    {
        var at = Array.FindIndex(curve, a => a >= accuracy);
        return at < 0 ? "not" : $"{(at + 1) * batch:N0}";
    }
}
