using Annotator.Core.Quality.Certificate;

namespace Annotator.Benchmarks.Replay;

/// <summary>
/// A language model of given accuracy: wrong for a fixed part of the texts, each of which gets one of the three labels most similar to the true one (cosine of the
/// classes' n-gram profiles), and over-confident: it states 0.9 and some noise whether right or wrong.
/// </summary>
internal sealed class SimulatedLlm
{
    public SimulatedLlm(LabelledTexts data, double accuracy, ulong seed)
    {
        var similar = MostSimilar(data);
        Answers = new int[data.Count];
        Stated = new float[data.Count];
        for (var i = 0; i < data.Count; i++)
        {
            // By the text, not its place: the same text always gets the same answer.
            ulong hash = 14695981039346656037;
            foreach (var c in data.Texts[i]) hash = (hash ^ c) * 1099511628211;
            var random = new SplitMix(SplitMix.Mix(hash ^ seed));
            var others = similar[data.Truth[i]];
            Answers[i] = random.NextDouble() < accuracy ? data.Truth[i] : others[random.Next(others.Length)];
            Stated[i] = (float)Math.Clamp(0.9 + (0.05 * random.NextNormal()), 0.5, 1);
        }
    }

    public int[] Answers { get; }

    public float[] Stated { get; }

    private static int[][] MostSimilar(LabelledTexts data)
    {
        const int Width = 1 << 14;
        var profiles = new float[data.Classes][];
        var frequency = new float[Width];
        for (var c = 0; c < data.Classes; c++) profiles[c] = new float[Width];
        for (var i = 0; i < data.Count; i++)
        {
            foreach (var bucket in data.Rows[i])
            {
                profiles[data.Truth[i]][bucket % Width]++;
                frequency[bucket % Width]++;
            }
        }

        foreach (var profile in profiles)
        {
            double length = 0;
            for (var k = 0; k < Width; k++)
            {
                profile[k] = MathF.Sqrt(profile[k]) / MathF.Sqrt(1 + frequency[k]);
                length += profile[k] * profile[k];
            }

            for (var k = 0; k < Width; k++) profile[k] /= (float)Math.Sqrt(length + 1e-9);
        }

        return [.. Enumerable.Range(0, data.Classes).Select(c => Enumerable.Range(0, data.Classes).Where(o => o != c)
            .OrderByDescending(o => System.Numerics.Tensors.TensorPrimitives.Dot<float>(profiles[c], profiles[o])).Take(3).ToArray())];
    }
}
