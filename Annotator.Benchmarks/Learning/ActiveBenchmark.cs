using System.Globalization;
using System.Text.Json;
using Annotator.Benchmarks.Student;
using Annotator.Core.Learning.Acquisition;

namespace Annotator.Benchmarks.Learning;

/// <summary>
/// <c>active [sets=a,b] [strategies=random,annotator] [seeds=3] [annotator:Reach=0.5;Sharpness=2 …]</c>: accuracy over decisions of each strategy, how many decisions each
/// needs for what random ends at, and the time a batch takes to choose. <c>keep=FOLDER</c> keeps the curves of each set; <c>keep=FOLDER docs=FOLDER</c> writes
/// active-learning.md and .svg from them. <c>active speed</c>: time and memory of choosing.
/// </summary>
internal static class ActiveBenchmark
{
    public static async Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (!Directory.Exists(LabelledTexts.Folder))
        {
            Console.Error.WriteLine($"No data: {LabelledTexts.Folder}");
            return 1;
        }

        if (args.Contains("speed", StringComparer.Ordinal))
        {
            ActiveSpeed.Run();
            return 0;
        }

        var keep = StudentBenchmark.Value(args, "keep", "");
        if (StudentBenchmark.Value(args, "docs", "") is { Length: > 0 } docs)
        {
            await ActiveReport.WriteAsync(keep, docs);
            return 0;
        }

        var sets = StudentBenchmark.Value(args, "sets", string.Join(',', ActiveSet.Known.Select(k => k.Name))).Split(',');
        var wanted = StudentBenchmark.Value(args, "strategies", string.Join(',', AcquisitionStrategies.All.Select(s => s.Name))).Split(',');
        var seeds = int.Parse(StudentBenchmark.Value(args, "seeds", "3"));
        var strategies = AcquisitionStrategies.All.Where(s => wanted.Contains(s.Name, StringComparer.Ordinal))
            .Concat(args.Where(a => a.StartsWith("annotator:", StringComparison.Ordinal)).Select(Variant)).ToList();
        var curves = new List<ActiveCurve>();
        foreach (var set in sets.Select(ActiveSet.Load))
        {
            foreach (var strategy in strategies)
            {
                // With two classes the three measures of uncertainty give one order.
                if (set.Classes == 2 && strategy.Name is ("entropy" or "least-confidence")) continue;
                for (var seed = 1; seed <= seeds; seed++) curves.Add(ActiveLoop.Run(set, strategy, seed));
            }

            var own = curves.Where(c => string.Equals(c.Set, set.Name, StringComparison.Ordinal)).ToList();
            Console.WriteLine(ActiveReport.Table(own));
            if (keep.Length > 0) await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(keep).FullName, set.Name + ".json"), JsonSerializer.Serialize(own));
        }

        return 0;
    }

    private static IAcquisitionStrategy Variant(string text)
    {
        var options = new HerdingOptions();
        foreach (var part in text["annotator:".Length..].Split(';'))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            var property = typeof(HerdingOptions).GetProperty(part[..at]) ?? throw new ArgumentException($"There is no option {part[..at]}.");
            property.SetValue(options, Convert.ChangeType(part[(at + 1)..], property.PropertyType, CultureInfo.InvariantCulture));
        }

        return new Named(text["annotator:".Length..], new HerdingStrategy(options));
    }

    private sealed class Named(string name, IAcquisitionStrategy inner) : IAcquisitionStrategy
    {
        public string Name => name;

        public AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default) => inner.Select(request, cancellationToken);
    }
}
