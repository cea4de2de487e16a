namespace Annotator.Core.Learning.Representation;

/// <summary>A sparse matrix by rows (CSR): row i has the columns and values from Starts[i] to Starts[i + 1].</summary>
internal sealed class SparseRows(int columns, long[] starts, int[] indices, float[] values)
{
    internal int Rows => starts.Length - 1;

    internal int Columns => columns;

    /// <summary>target = this x dense: each row a weighted sum of rows of <paramref name="dense"/> (columns x width).</summary>
    internal void Multiply(float[] dense, int width, float[] target) =>
        Parallel.For(0, (Rows + 255) / 256, block =>
        {
            for (var i = block * 256; i < Math.Min(Rows, block * 256 + 256); i++)
            {
                var row = target.AsSpan(i * width, width);
                row.Clear();
                for (var e = starts[i]; e < starts[i + 1]; e++)
                    Vectors.AddScaled(dense.AsSpan(indices[e] * width, width), values[e], row);
            }
        });

    /// <summary>The same matrix with rows and columns exchanged.</summary>
    internal SparseRows Transpose()
    {
        var offsets = new long[columns + 1];
        foreach (var column in indices)
            offsets[column + 1]++;
        for (var c = 0; c < columns; c++)
            offsets[c + 1] += offsets[c];
        var at = offsets.AsSpan(0, columns).ToArray();
        var rows = new int[indices.Length];
        var transposed = new float[indices.Length];
        for (var i = 0; i < Rows; i++)
        {
            for (var e = starts[i]; e < starts[i + 1]; e++)
            {
                var place = at[indices[e]]++;
                rows[place] = i;
                transposed[place] = values[e];
            }
        }

        return new(Rows, offsets, rows, transposed);
    }
}
