using Annotator.Core.Learning.Acquisition;
using Annotator.Core.Learning.Representation;
using SplitMix = Annotator.Core.Student.SplitMix;

namespace Annotator.Benchmarks.Learning;

/// <summary>Time and memory of choosing a batch of 200: 10,000 items of 77 classes with 2,000 labels, and 1,000,000 items of 10 classes.</summary>
internal static class ActiveSpeed
{
    public static void Run()
    {
        foreach (var (items, classes, labelled) in ((int, int, int)[])[(10_000, 77, 0), (10_000, 77, 2_000), (1_000_000, 10, 20_000)])
        {
            var request = Make(items, classes, labelled);
            foreach (var strategy in AcquisitionStrategies.All)
            {
                strategy.Select(request with { Batch = 2 });
                Report.Measure($"{strategy.Name}: 200 of {items:N0} x {classes}, {labelled:N0} labelled", () => strategy.Select(request), picks => $"{picks.Length} picks");
            }
        }
    }

    private static AcquisitionRequest Make(int items, int classes, int labelled)
    {
        const int Dimensions = 96;
        var random = new SplitMix(5);
        var embedding = new float[items * Dimensions];
        var probabilities = new float[items * classes];
        var use = new ItemUse[items];
        for (var i = 0; i < items; i++)
        {
            // Ten dozen clumps, so that there is something to cover.
            var clump = new SplitMix((ulong)random.Next(120));
            var row = embedding.AsSpan(i * Dimensions, Dimensions);
            foreach (ref var value in row) value = clump.Next(1000) + (0.5f * random.Next(1000)) - 750;
            Vectors.Normalize(row);
            var p = probabilities.AsSpan(i * classes, classes);
            float sum = 0;
            foreach (ref var value in p) sum += value = MathF.Pow((1 + random.Next(999)) / 1000f, 12);
            foreach (ref var value in p) value /= sum;
            use[i] = i < labelled ? ItemUse.Labelled : ItemUse.Open;
        }

        var counts = new int[classes];
        for (var i = 0; i < labelled; i++) counts[i % classes]++;
        return new AcquisitionRequest
        {
            Use = use, Classes = classes, Batch = 200, Embedding = embedding, Dimensions = Dimensions, ClassCounts = counts,
            Probabilities = labelled == 0 ? default : probabilities,
        };
    }
}
