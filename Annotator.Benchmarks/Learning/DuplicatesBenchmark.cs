using Annotator.Core.Learning.Duplicates;
using Annotator.Tests.Learning;

namespace Annotator.Benchmarks.Learning;

/// <summary><c>duplicates [n]</c>: near-duplicate grouping of 100,000 and n (default 1,000,000) short texts, and of picture hashes.</summary>
internal static class DuplicatesBenchmark
{
    internal static Task<int> RunAsync(string[] args)
    {
        var large = args.Length > 0 ? int.Parse(args[0]) : 1_000_000;
        Console.WriteLine("Near-duplicates. Peer: datasketch MinHash + LSH on the same 100,000 texts (5-grams, 128 permutations, threshold 0.7):");
        Console.WriteLine("54.9 s (34.0 to 67.5), 1,780 MiB, one thread, planted pairs found 0.960.");
        PeerCopies(2_000, parallel: false);
        PeerCopies(100_000, parallel: false);
        PeerCopies(100_000, parallel: true);
        Planted(100_000);
        PeerCopies(large, parallel: true);
        Planted(large);
        Pictures(100_000);
        Pictures(large);
        return Task.FromResult(0);
    }

    private static void PeerCopies(int n, bool parallel)
    {
        var texts = PeerData.NearCopies(n).ToArray();
        Report.Measure($"{n:N0} pseudo-word texts, {(parallel ? "batches, all cores" : "one by one, one thread")}", () => Group(texts, parallel), index =>
        {
            int found = 0, planted = 0;
            for (var i = 9; i < n; i += 10)
            {
                planted++;
                found += index.GroupOf(i) == index.GroupOf(i - 5) ? 1 : 0;
            }

            return $"planted pairs found {(double)found / planted:F4}";
        });
    }

    private static void Planted(int n)
    {
        var items = PlantedDuplicates.Plant(PlantedDuplicates.Synthetic(n * 4 / 5, 1), 0.2, 2);
        Report.Measure($"{items.Count:N0} English and Korean texts, planted copies", () => Group([.. items.Select(i => i.Text)], true), index =>
        {
            var origins = items.Select((x, i) => (x.Origin, Group: index.GroupOf(i))).ToArray();
            long pairs = Pairs(origins.Select(o => (long)o.Origin)), grouped = Pairs(origins.Select(o => o.Group)),
                right = Pairs(origins.Select(o => o.Group * 1_000_000_007L + o.Origin));
            return $"precision {(double)right / grouped:F4}, recall {(double)right / pairs:F4}";
        });

        static long Pairs(IEnumerable<long> keys) => keys.CountBy(k => k).Sum(c => (long)c.Value * (c.Value - 1) / 2);
    }

    private static NearDuplicateIndex Group(string[] texts, bool parallel)
    {
        var index = new NearDuplicateIndex();
        if (parallel)
        {
            foreach (var _ in index.AddRange(texts.Select((t, i) => KeyValuePair.Create((long)i, t))))
            {
                // Enumerating is what adds.
            }
        }
        else
        {
            for (var i = 0; i < texts.Length; i++)
                index.Add(i, texts[i]);
        }

        return index;
    }

    private static void Pictures(int n)
    {
        var random = new Random(3);
        var hashes = new PerceptualHash[n];
        for (var i = 0; i < n; i++)
        {
            hashes[i] = new((ulong)random.NextInt64() * 2 + (ulong)random.Next(2), (ulong)random.NextInt64());
            if (i % 10 == 9)
            {
                hashes[i] = hashes[i - 5];
                for (var flip = random.Next(24); flip > 0; flip--)
                    hashes[i] = new(hashes[i].Difference ^ 1UL << random.Next(64), hashes[i].Frequency);
            }
        }

        Report.Measure($"{n:N0} picture hashes, 127 bits, within 30", () =>
        {
            var index = new ImageDuplicateIndex();
            for (var i = 0; i < n; i++)
                index.Add(i, hashes[i]);
            return index;
        }, index => $"planted pairs found {Enumerable.Range(0, n / 10).Count(i => index.GroupOf(i * 10 + 9) == index.GroupOf(i * 10 + 4)) / (n / 10.0):F4}");
    }
}
