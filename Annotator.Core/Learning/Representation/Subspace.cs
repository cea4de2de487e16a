namespace Annotator.Core.Learning.Representation;

/// <summary>What subspace iteration needs of dense linear algebra: orthonormal columns and the eigenvectors of a small symmetric matrix.</summary>
internal static class Subspace
{
    /// <summary>Starts a subspace: <paramref name="rows"/> x <paramref name="width"/> values in [-1, 1), deterministic for the seed.</summary>
    internal static float[] Start(int rows, int width, int seed)
    {
        var random = new Random(seed);
        var matrix = new float[rows * width];
        for (var i = 0; i < matrix.Length; i++)
            matrix[i] = 2 * random.NextSingle() - 1;
        return matrix;
    }

    /// <summary>
    /// Makes the columns of a tall matrix orthonormal, spanning the same space, through the eigenvectors of their Gram matrix; twice, since once
    /// loses half of the digits. Directions that are not there become zero.
    /// </summary>
    internal static void Orthonormalize(float[] matrix, int rows, int width)
    {
        for (var round = 0; round < 2; round++)
        {
            var gram = Gram(matrix, rows, width);
            var (values, vectors) = Eigen(gram, width);
            for (var j = 0; j < width; j++)
            {
                var factor = values[j] > 1e-10 * Math.Max(values[0], 1e-30) ? 1 / Math.Sqrt(values[j]) : 0;
                for (var i = 0; i < width; i++)
                    vectors[i * width + j] *= factor;
            }

            Rotate(matrix, rows, width, vectors, width);
        }
    }

    /// <summary>matrix' matrix in double precision: width x width. Summed in a fixed order whatever the number of cores.</summary>
    internal static double[] Gram(float[] matrix, int rows, int width)
    {
        const int parts = 16;
        var sums = new double[parts][];
        Parallel.For(0, parts, part =>
        {
            var sum = new double[width * width];
            var row = new double[width];
            for (var r = (int)((long)rows * part / parts); r < (int)((long)rows * (part + 1) / parts); r++)
            {
                for (var j = 0; j < width; j++)
                    row[j] = matrix[r * width + j];
                for (var i = 0; i < width; i++)
                {
                    // The upper triangle is enough.
                    if (row[i] != 0)
                        AddScaled(row.AsSpan(i), row[i], sum.AsSpan(i * width + i, width - i));
                }
            }

            sums[part] = sum;
        });
        var gram = sums[0];
        foreach (var sum in sums.AsSpan(1))
            AddScaled(sum, 1, gram);
        for (var i = 0; i < width; i++)
        {
            for (var j = 0; j < i; j++)
                gram[i * width + j] = gram[j * width + i];
        }

        return gram;
    }

    /// <summary>Replaces each row by its product with <paramref name="basis"/> (width x columns), in place; columns is at most width, the rest becomes 0.</summary>
    internal static void Rotate(float[] matrix, int rows, int width, double[] basis, int columns)
    {
        Parallel.For(0, (rows + 511) / 512, block =>
        {
            Span<double> product = stackalloc double[columns];
            for (var r = block * 512; r < Math.Min(rows, block * 512 + 512); r++)
            {
                product.Clear();
                var row = matrix.AsSpan(r * width, width);
                for (var i = 0; i < width; i++)
                {
                    if (row[i] != 0)
                        AddScaled(basis.AsSpan(i * columns, columns), row[i], product);
                }

                row.Clear();
                for (var j = 0; j < columns; j++)
                    row[j] = (float)product[j];
            }
        });
    }

    /// <summary>
    /// Eigenvalues, largest first, and eigenvectors (column j belongs to value j; its largest component is positive) of a symmetric matrix:
    /// cyclic Jacobi (Golub and Van Loan, Matrix Computations, 8.5). The matrix is destroyed.
    /// </summary>
    internal static (double[] Values, double[] Vectors) Eigen(double[] a, int n)
    {
        // Rows of v are the eigenvectors while turning, for the sake of contiguous memory.
        var v = new double[n * n];
        for (var i = 0; i < n; i++)
            v[i * n + i] = 1;
        for (var sweep = 0; sweep < 30; sweep++)
        {
            double off = 0, all = 0;
            for (var i = 0; i < n; i++)
            {
                for (var j = 0; j < n; j++)
                {
                    all += a[i * n + j] * a[i * n + j];
                    off += i == j ? 0 : a[i * n + j] * a[i * n + j];
                }
            }

            if (off <= 1e-24 * all)
                break;
            for (var p = 0; p < n; p++)
            {
                for (var q = p + 1; q < n; q++)
                    Turn(a, v, n, p, q);
            }
        }

        var order = Enumerable.Range(0, n).OrderByDescending(i => a[i * n + i]).ToArray();
        var values = order.Select(i => a[i * n + i]).ToArray();
        var vectors = new double[n * n];
        for (var j = 0; j < n; j++)
        {
            var row = v.AsSpan(order[j] * n, n);
            var largest = 0;
            for (var i = 1; i < n; i++)
                largest = Math.Abs(row[i]) > Math.Abs(row[largest]) + 1e-12 ? i : largest;
            var sign = row[largest] < 0 ? -1 : 1;
            for (var i = 0; i < n; i++)
                vectors[i * n + j] = sign * row[i];
        }

        return (values, vectors);
    }

    private static void Turn(double[] a, double[] v, int n, int p, int q)
    {
        var apq = a[p * n + q];
        if (apq == 0 || apq * apq <= 1e-30 * Math.Abs(a[p * n + p] * a[q * n + q]))
            return;
        var theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        var t = (theta >= 0 ? 1 : -1) / (Math.Abs(theta) + Math.Sqrt(theta * theta + 1));
        var c = 1 / Math.Sqrt(t * t + 1);
        var s = t * c;
        for (var k = 0; k < n; k++)
        {
            double kp = a[k * n + p], kq = a[k * n + q];
            a[k * n + p] = c * kp - s * kq;
            a[k * n + q] = s * kp + c * kq;
        }

        TurnRows(a.AsSpan(p * n, n), a.AsSpan(q * n, n), c, s);
        TurnRows(v.AsSpan(p * n, n), v.AsSpan(q * n, n), c, s);
    }

    private static void TurnRows(Span<double> p, Span<double> q, double c, double s)
    {
        for (var k = 0; k < p.Length && k < q.Length; k++)
        {
            double x = p[k], y = q[k];
            p[k] = c * x - s * y;
            q[k] = s * x + c * y;
        }
    }

    private static void AddScaled(ReadOnlySpan<double> a, double scale, Span<double> target)
    {
        var width = System.Numerics.Vector<double>.Count;
        var factor = new System.Numerics.Vector<double>(scale);
        var i = 0;
        for (; i + width <= a.Length; i += width)
            (new System.Numerics.Vector<double>(target[i..]) + factor * new System.Numerics.Vector<double>(a[i..])).CopyTo(target[i..]);
        for (; i < a.Length; i++)
            target[i] += scale * a[i];
    }
}
