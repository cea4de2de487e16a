using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Representation;
using Annotator.Tests.Learning;

namespace Annotator.Benchmarks.Learning;

/// <summary><c>neighbours [n]</c>: exact graph of 20,000 rows, index of n (default 1,000,000) rows of 64: time, memory, recall; clusters and diverse sample.</summary>
internal static class NeighboursBenchmark
{
    internal static async Task<int> RunAsync(string[] args)
    {
        var large = args.Length > 0 ? int.Parse(args[0]) : 1_000_000;
        var (rows, _, _) = PeerData.Mixture(20_000);
        Report.Measure("exact: graph of 10, 20,000 x 64 Gaussian mixture", () => NeighbourGraph.Build(rows, 64, 10, DistanceMetric.SquaredEuclidean));
        if (await Python.HasScikitLearnAsync())
        {
            foreach (var line in await Python.RunAsync("""
                import numpy as np, time
                from sklearn.neighbors import NearestNeighbors
                x = np.random.RandomState(1).normal(size=(20000, 64))
                a = time.time(); NearestNeighbors(n_neighbors=10).fit(x).kneighbors_graph(); print(f"  scikit-learn, same shape, one thread: {time.time() - a:.2f} s")
                """))
                Console.WriteLine(line);
        }

        Measure("Gaussian mixture", rows, 64);
        var texts = PlantedDuplicates.Plant(PlantedDuplicates.Synthetic(50_000, 1), 0.2, 2).Select(t => t.Text).ToArray();
        Measure("embedded English and Korean texts", EmbeddingSpace.Fit(texts, new() { Dimensions = 64 }).Transform(texts), 64);
        if (File.Exists(SharedData.Locate("nsmc/train.csv")))
        {
            var real = SharedData.Csv("nsmc/train.csv").Concat(SharedData.Csv("banking77/train.csv")).Concat(SharedData.Csv("agnews/train.csv")).Select(r => r[1]).ToArray();
            Measure("embedded nsmc, banking77 and agnews", EmbeddingSpace.Fit(real, new() { Dimensions = 64 }).Transform(real), 64);
        }

        var corpus = PeerData.Texts(large).ToArray();
        var embedded = EmbeddingSpace.Fit(corpus, new() { Dimensions = 64, SampleSize = 20_000 }).Transform(corpus);
        Measure("embedded pseudo-word texts", embedded, 64);
        Report.Measure($"1,000 clusters of {large:N0}", () => KMeans.Fit(embedded, 64, 1000), c => $"{c.Count} clusters");
        Report.Measure($"diverse sample of 200 out of {large:N0}", () => DiverseSample.Pick(embedded, 64, 200), p => $"{p.Length} rows");
        return 0;
    }

    private static void Measure(string name, float[] rows, int dimensions)
    {
        var count = rows.Length / dimensions;
        var index = Report.Measure($"index: {count:N0} x {dimensions} {name}", () =>
        {
            var index = new NeighbourIndex(dimensions, new() { Metric = DistanceMetric.SquaredEuclidean });
            index.AddRange(rows);
            return index;
        });
        var graph = Report.Measure("  graph of 10 from it", () => index.Graph(10));
        const int queries = 1000;
        var sample = Enumerable.Range(0, queries).Select(i => (int)((long)count * i / queries)).ToArray();
        var (exact, _) = ExactNeighbours.Search(sample.SelectMany(i => rows[(i * dimensions)..((i + 1) * dimensions)]).ToArray(), rows, dimensions, 11, false);
        var found = 0;
        for (var q = 0; q < queries; q++)
        {
            var truth = exact.AsSpan(q * 11, 11).ToArray().Where(i => i != sample[q]).Take(10);
            found += truth.Intersect(graph.Indices.AsSpan(sample[q] * 10, 10).ToArray()).Count();
        }

        Console.WriteLine($"  recall of 10 neighbours {found / (queries * 10.0):F4}");
    }
}
