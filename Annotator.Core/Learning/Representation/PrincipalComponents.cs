using System.Buffers.Binary;

namespace Annotator.Core.Learning.Representation;

/// <summary>Principal components of dense rows, such as an image encoder's, to make them short enough for the neighbour index. Immutable.</summary>
public sealed class PrincipalComponents
{
    private const uint Magic = 0x43504E41; // "ANPC"
    private const int HeaderSize = 12;

    private readonly float[] _mean;
    private readonly float[] _basis;
    private readonly int _from;

    private PrincipalComponents(float[] mean, float[] basis, int from, int to)
    {
        _mean = mean;
        _basis = basis;
        _from = from;
        Dimensions = to;
    }

    /// <summary>Length of a reduced row.</summary>
    public int Dimensions { get; }

    /// <summary>Finds the directions of greatest variance by subspace iteration on the covariance. Deterministic.</summary>
    /// <param name="rows">Row by row, count x <paramref name="from"/> values.</param>
    /// <param name="from">Length of a row.</param>
    /// <param name="to">Directions to keep, at most 256 and at most <paramref name="from"/>.</param>
    /// <exception cref="ArgumentException">The values are no whole number of rows, or there are none.</exception>
    public static PrincipalComponents Fit(ReadOnlySpan<float> rows, int from, int to)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(from, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(to, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, Math.Min(from, 256));
        if (rows.IsEmpty || rows.Length % from != 0)
            throw new ArgumentException($"{rows.Length} values are no rows of {from}.", nameof(rows));
        var count = rows.Length / from;
        var sums = new double[from];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < from; j++)
                sums[j] += rows[i * from + j];
        }

        var mean = sums.Select(s => (float)(s / count)).ToArray();
        var centred = rows.ToArray();
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < from; j++)
                centred[i * from + j] -= mean[j];
        }

        var covariance = Subspace.Gram(centred, count, from);
        var width = Math.Min(from, to + 10);
        var basis = Subspace.Start(from, width, 1);
        var product = new float[basis.Length];
        for (var round = 0; round < 12; round++)
        {
            Multiply(covariance, basis, from, width, product);
            (basis, product) = (product, basis);
            Subspace.Orthonormalize(basis, from, width);
        }

        Multiply(covariance, basis, from, width, product);
        var small = new double[width * width];
        for (var i = 0; i < width; i++)
        {
            for (var j = 0; j < width; j++)
            {
                for (var k = 0; k < from; k++)
                    small[i * width + j] += basis[k * width + i] * (double)product[k * width + j];
            }
        }

        for (var i = 0; i < width; i++)
        {
            for (var j = 0; j < i; j++)
                small[i * width + j] = small[j * width + i] = (small[i * width + j] + small[j * width + i]) / 2;
        }

        var (_, vectors) = Subspace.Eigen(small, width);
        Subspace.Rotate(basis, from, width, vectors, width);
        // By direction, so that projecting is a row of dot products.
        var directions = new float[to * from];
        for (var k = 0; k < from; k++)
        {
            for (var j = 0; j < to; j++)
                directions[j * from + k] = basis[k * width + j];
        }

        return new(mean, directions, from, to);
    }

    /// <summary>All of it as bytes.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[HeaderSize + (sizeof(float) * (_mean.Length + _basis.Length))];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), _from);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Dimensions);
        var at = HeaderSize;
        foreach (var value in _mean.Concat(_basis))
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at), value);
            at += sizeof(float);
        }

        return bytes;
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote.</summary>
    /// <exception cref="FormatException">The bytes are no such file, or damaged.</exception>
    public static PrincipalComponents FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
            throw new FormatException("Not a file of principal components.");
        var (from, to) = (BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]));
        if (from < 1 || to < 1 || to > from || bytes.Length != HeaderSize + ((long)sizeof(float) * from * (1 + to)))
            throw new FormatException("The file of principal components is damaged.");
        var values = new float[from * (1 + to)];
        for (var i = 0; i < values.Length; i++)
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(HeaderSize + (sizeof(float) * i))..]);
        return new(values[..from], values[from..], from, to);
    }

    /// <summary>The reduced rows, count x <see cref="Dimensions"/>; not scaled.</summary>
    /// <exception cref="ArgumentException">The values are no whole number of rows.</exception>
    public float[] Transform(ReadOnlySpan<float> rows)
    {
        if (rows.Length % _from != 0)
            throw new ArgumentException($"{rows.Length} values are no rows of {_from}.", nameof(rows));
        var count = rows.Length / _from;
        var reduced = new float[count * Dimensions];
        var centred = new float[_from];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < _from; j++)
                centred[j] = rows[i * _from + j] - _mean[j];
            for (var j = 0; j < Dimensions; j++)
                reduced[i * Dimensions + j] = Vectors.Dot(centred, _basis.AsSpan(j * _from, _from));
        }

        return reduced;
    }

    private static void Multiply(double[] symmetric, float[] basis, int n, int width, float[] product) =>
        Parallel.For(0, n, i =>
        {
            Span<double> sum = stackalloc double[width];
            sum.Clear();
            for (var k = 0; k < n; k++)
            {
                var weight = symmetric[i * n + k];
                if (weight == 0)
                    continue;
                for (var j = 0; j < width; j++)
                    sum[j] += weight * basis[k * width + j];
            }

            for (var j = 0; j < width; j++)
                product[i * width + j] = (float)sum[j];
        });
}
