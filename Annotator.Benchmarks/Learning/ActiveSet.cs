using System.IO.Compression;
using Annotator.Benchmarks.Student;
using Annotator.Core.Learning.Representation;
using Annotator.Core.Student;
using Annotator.Tests.Learning;
using SparseRows = Annotator.Core.Student.SparseRows;

namespace Annotator.Benchmarks.Learning;

/// <summary>A labelled set as the active-learning benchmark needs it: features for the student, rows for similarity, labels to be revealed.</summary>
internal sealed record ActiveSet(string Name, int Batch, int Budget, SparseRows Rows, int[] Labels, int Classes, float[] Embedding, int Dimensions)
{
    private const int Side = 28;

    /// <summary>Batch and budget of each set; the first five as in METHODS section 3.</summary>
    public static IReadOnlyList<(string Name, int Batch, int Budget)> Known { get; } =
    [
        ("trec6", 25, 1000), ("agnews", 25, 1000), ("sms-spam", 10, 300), ("sst2", 50, 2000), ("banking77", 200, 4000),
        ("mnist", 50, 1000), ("nsmc", 50, 2000), ("3i4k", 50, 2000), ("snips", 25, 500),
    ];

    public static ActiveSet Load(string name)
    {
        var (_, batch, budget) = Known.First(k => string.Equals(k.Name, name, StringComparison.Ordinal));
        if (name is "mnist") return Mnist(batch, budget);
        var set = LabelledTexts.Load(name);
        var rows = new SparseRows();
        new TextFeatures().Append(set.Texts, rows);
        var space = EmbeddingSpace.Fit(set.Texts);
        return new ActiveSet(name, batch, budget, rows, set.Labels, set.Classes.Length, space.Transform(set.Texts), space.Dimensions);
    }

    // The student reads buckets: a pixel is one, as often as it is bright.
    private static ActiveSet Mnist(int batch, int budget)
    {
        var labels = SharedData.Csv("mnist/train.csv");
        using var zip = ZipFile.OpenRead(SharedData.Locate("mnist/train-images.zip"));
        var rows = new SparseRows();
        var pixels = new float[labels.Count * Side * Side];
        var indices = new List<int>();
        for (var i = 0; i < labels.Count; i++)
        {
            using var stream = zip.GetEntry(labels[i][1])!.Open();
            var (image, _, _) = GreyPng.Read(stream);
            var own = pixels.AsSpan(i * Side * Side, Side * Side);
            for (var p = 0; p < own.Length; p++) own[p] = image[p] / 255f;
            indices.Clear();
            for (var p = 0; p < own.Length; p++)
            {
                for (var level = 0.25f; level < own[p]; level += 0.25f) indices.Add(p);
            }

            rows.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(indices));
        }

        var components = PrincipalComponents.Fit(pixels, Side * Side, 60);
        var embedding = components.Transform(pixels);
        for (var i = 0; i < labels.Count; i++)
        {
            Vectors.Normalize(embedding.AsSpan(i * 60, 60));
        }

        return new ActiveSet("mnist", batch, budget, rows, [.. labels.Select(l => int.Parse(l[2]))], 10, embedding, 60);
    }
}
