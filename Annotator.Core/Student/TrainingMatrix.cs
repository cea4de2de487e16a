using System.Runtime.CompilerServices;

namespace Annotator.Core.Student;

/// <summary>
/// The labelled rows as the trainer sees them: only buckets that are in use, numbered from 1 (column 0 is the bias), weighted by inverse document
/// frequency and scaled to unit length. Frequencies are those of the labelled rows: with few labels this evens the weights out, which measured
/// better than frequencies over all texts of the project.
/// </summary>
internal sealed class TrainingMatrix
{
    private readonly float[] _norms;
    private readonly bool _byRarity;

    private TrainingMatrix(int[] starts, int[] columns, float[] values, float[] norms, int[] buckets, float[] scales, int[] counts, bool byRarity)
    {
        _byRarity = byRarity;
        Starts = starts;
        Columns = columns;
        Values = values;
        _norms = norms;
        Buckets = buckets;
        Scales = scales;
        Counts = counts;
    }

    public int Rows => Starts.Length - 1;

    public int[] Starts { get; }

    public int[] Columns { get; }

    public float[] Values { get; }

    /// <summary>Bucket of each column; -1 for the bias.</summary>
    public int[] Buckets { get; }

    /// <summary>Weight of a column's feature before rows are scaled to unit length.</summary>
    public float[] Scales { get; }

    /// <summary>In how many rows a column occurs.</summary>
    public int[] Counts { get; }

    /// <summary>Part of the row's squared length (before scaling, an n-gram that occurs twice counted twice) that the entry stands for.</summary>
    public float Energy(int row, int entry) => _byRarity ? Values[entry] * _norms[row] * Scales[Columns[entry]] : Values[entry] * Values[entry];

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TrainingMatrix Build(SparseRows rows, ReadOnlySpan<int> chosen, FeatureOptions features, SoftmaxOptions options)
    {
        // How many of the chosen rows have each bucket (a bucket counts once a row).
        var counts = new int[features.Buckets];
        var seenIn = new int[features.Buckets];
        var total = chosen.Length;
        for (var i = 0; i < chosen.Length; i++)
        {
            foreach (var bucket in rows[chosen[i]])
            {
                if (seenIn[bucket] == i + 1) continue;
                seenIn[bucket] = i + 1;
                counts[bucket]++;
                total = checked(total + 1);
            }
        }

        var columnOf = new int[features.Buckets];
        var kept = 1;
        for (var bucket = 0; bucket < counts.Length; bucket++)
        {
            if (counts[bucket] > 0 && counts[bucket] >= options.MinimumRows) columnOf[bucket] = kept++;
        }

        var buckets = new int[kept];
        var scales = new float[kept];
        var columnCounts = new int[kept];
        buckets[0] = -1;
        scales[0] = 1;
        columnCounts[0] = int.MaxValue;
        for (var bucket = 0; bucket < counts.Length; bucket++)
        {
            var column = columnOf[bucket];
            if (column == 0) continue;
            buckets[column] = bucket;
            columnCounts[column] = counts[bucket];
            var rarity = features.ByRarity ? MathF.Log((chosen.Length + 1f) / (counts[bucket] + 1f)) + 1 : 1;
            scales[column] = rarity * features.WeightOf(bucket, options);
        }

        Array.Clear(seenIn);
        return Fill(rows, chosen, columnOf, seenIn, total, buckets, scales, columnCounts, features.ByRarity);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static TrainingMatrix Fill(
        SparseRows rows, ReadOnlySpan<int> chosen, int[] columnOf, int[] position, int total, int[] buckets, float[] scales, int[] counts, bool byRarity)
    {
        var starts = new int[chosen.Length + 1];
        var columns = new int[total];
        var values = new float[total];
        var norms = new float[chosen.Length];
        var used = 0;
        for (var i = 0; i < chosen.Length; i++)
        {
            var start = used;
            starts[i] = start;
            columns[used] = 0;
            values[used++] = 1;
            float squared = 0;
            var features = rows[chosen[i]];
            var given = rows.ValuesOf(chosen[i]);
            if (!given.IsEmpty)
            {
                used = FillValues(features, given, columnOf, scales, columns, values, used, ref squared);
                Scale(values, start, used, squared, out norms[i]);
                continue;
            }

            foreach (var bucket in features)
            {
                var column = columnOf[bucket];
                if (column == 0) continue;
                squared += scales[column] * scales[column];
                if (position[bucket] > start)
                {
                    values[position[bucket]] += scales[column];
                    continue;
                }

                position[bucket] = used;
                columns[used] = column;
                values[used++] = scales[column];
            }

            Scale(values, start, used, squared, out norms[i]);
        }

        starts[^1] = used;
        return new TrainingMatrix(starts, columns, values, norms, buckets, scales, counts, byRarity);
    }

    private static int FillValues(ReadOnlySpan<int> features, ReadOnlySpan<float> given, int[] columnOf, float[] scales, int[] columns, float[] values, int used, ref float squared)
    {
        for (var k = 0; k < features.Length; k++)
        {
            var column = columnOf[features[k]];
            if (column == 0 || given[k] == 0) continue;
            var value = scales[column] * given[k];
            squared += value * value;
            columns[used] = column;
            values[used++] = value;
        }

        return used;
    }

    // A row to unit length, but for the bias before its first feature.
    private static void Scale(float[] values, int start, int end, float squared, out float norm)
    {
        norm = MathF.Sqrt(squared);
        var scale = squared > 0 ? 1 / norm : 0;
        for (var k = start + 1; k < end; k++) values[k] *= scale;
    }

    /// <summary>Squared length of a row, bias included (1 + 1 but for n-grams that occur several times).</summary>
    public float SquaredLength(int row)
    {
        float length = 0;
        for (var k = Starts[row]; k < Starts[row + 1]; k++) length += Values[k] * Values[k];
        return length;
    }
}
