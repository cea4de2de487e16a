using System.Globalization;
using System.Text.Json;
using Annotator.Benchmarks.Student;
using Annotator.Core.Learning.Acquisition;

namespace Annotator.Benchmarks.Learning;

/// <summary>
/// <c>active [sets=a,b] [strategies=random,annotator] [seeds=3] [write] [annotator:Reach=0.5;Sharpness=2 …]</c>: accuracy over decisions of each strategy, how many decisions each
/// needs for what random ends at, and the time a batch takes to choose. <c>write</c> renews the figures of docs/active-learning.md.
/// </summary>
internal static class ActiveBenchmark
{
    public static int Run(string[] args)
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
                for (var seed = 1; seed <= seeds; seed++) curves.Add(ActiveLoop.Run(set, strategy, seed));
            }

            Console.WriteLine(ActiveReport.Table(curves.Where(c => string.Equals(c.Set, set.Name, StringComparison.Ordinal))));
        }

        if (StudentBenchmark.Value(args, "json", "") is { Length: > 0 } path) File.WriteAllText(path, JsonSerializer.Serialize(curves));
        return 0;
    }

    private static IAcquisitionStrategy Variant(string text)
    {
        var options = new HerdingOptions();
        foreach (var part in text["annotator:".Length..].Split(';'))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            var property = typeof(HerdingOptions).GetProperty(part[..at])!;
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
