using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Representation;
using Annotator.Tests.Learning;

namespace Annotator.Benchmarks.Learning;

/// <summary><c>embedding [n]</c>: learning a text embedding and projecting n (default 1,000,000) short texts; its worth as accuracy of 10 neighbours.</summary>
internal static class EmbeddingBenchmark
{
    internal static async Task<int> RunAsync(string[] args)
    {
        var large = args.Length > 0 ? int.Parse(args[0]) : 1_000_000;
        Console.WriteLine("Text embedding (n-gram TF-IDF, truncated SVD). Peer: scikit-learn TfidfVectorizer (words 1-2) + TruncatedSVD(96).");
        Console.WriteLine("Worth: share of texts whose label is that of most of their 10 nearest others.");
        var peer = await Python.HasScikitLearnAsync();
        foreach (var set in (string[])["banking77", "agnews", "trec6", "sst2", "nsmc"])
        {
            if (!File.Exists(SharedData.Locate($"{set}/train.csv")))
                continue;
            var data = SharedData.Csv($"{set}/train.csv");
            var texts = data.Select(r => r[1]).ToArray();
            var labels = data.Select(r => r[2]).ToArray();
            var ours = Report.Measure($"{set}: learn and project {texts.Length:N0}", () => EmbeddingSpace.Fit(texts).Transform(texts),
                rows => $"10 neighbours right {NeighbourAccuracy(rows, labels):F4}");
            _ = ours;
            if (!peer)
                continue;
            foreach (var line in await Python.RunAsync($$"""
                import csv, time, numpy as np
                from sklearn.feature_extraction.text import TfidfVectorizer
                from sklearn.decomposition import TruncatedSVD
                from sklearn.preprocessing import normalize
                rows = list(csv.DictReader(open({{Quote(SharedData.Locate($"{set}/train.csv"))}}, encoding='utf-8')))
                t = [r['text'] for r in rows]; y = np.array([r['label'] for r in rows])
                a = time.time(); x = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit_transform(t)
                x = normalize(TruncatedSVD(96, random_state=1).fit_transform(x)).astype(np.float32); b = time.time()
                labels, code = np.unique(y, return_inverse=True); right = 0
                for s in range(0, len(x), 1000):
                    d = x[s:s+1000] @ x.T; d[np.arange(d.shape[0]), np.arange(s, s + d.shape[0])] = -9
                    n = np.argpartition(-d, 10, axis=1)[:, :10]
                    for i in range(d.shape[0]): right += np.bincount(code[n[i]], minlength=len(labels)).argmax() == code[s + i]
                print(f"  scikit-learn: {b - a:.2f} s, 10 neighbours right {right / len(x):.4f}")
                """))
                Console.WriteLine(line);
        }

        var corpus = PeerData.Texts(large).ToArray();
        var space = Report.Measure($"learn from {large:N0} pseudo-word texts (sample 50,000)", () => EmbeddingSpace.Fit(corpus, new() { Dimensions = 64 }));
        Report.Measure($"project {large:N0} texts to 64 dimensions", () => space.Transform(corpus), rows => $"{rows.Length / 64:N0} rows");
        return 0;
    }

    internal static string Quote(string path) => $"'{path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";

    private static double NeighbourAccuracy(float[] rows, string[] labels)
    {
        var graph = NeighbourGraph.Build(rows, rows.Length / labels.Length, 10);
        var right = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var vote = graph.Indices.AsSpan(i * 10, 10).ToArray().Where(n => n >= 0).CountBy(n => labels[n]).OrderByDescending(c => c.Value).First().Key;
            right += string.Equals(vote, labels[i], StringComparison.Ordinal) ? 1 : 0;
        }

        return (double)right / labels.Length;
    }
}
