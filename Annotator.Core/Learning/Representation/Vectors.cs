using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Annotator.Core.Learning.Representation;

/// <summary>
/// Arithmetic on rows of floats, 256 bits at a time. The order of additions does not depend on the machine, so that results are the same
/// on every one.
/// </summary>
internal static class Vectors
{
    private const int Width = 8;

    /// <summary>Σ a[i] b[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        ref var y = ref MemoryMarshal.GetReference(b[..a.Length]);
        var length = (nuint)a.Length;
        Vector256<float> s0 = default, s1 = default;
        nuint i = 0;
        for (; i + 2 * Width <= length; i += 2 * Width)
        {
            s0 = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref x, i), Vector256.LoadUnsafe(ref y, i), s0);
            s1 = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref x, i + Width), Vector256.LoadUnsafe(ref y, i + Width), s1);
        }

        for (; i + Width <= length; i += Width)
            s0 = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref x, i), Vector256.LoadUnsafe(ref y, i), s0);
        var sum = Vector256.Sum(s0 + s1);
        for (; i < length; i++)
            sum += Unsafe.Add(ref x, i) * Unsafe.Add(ref y, i);
        return sum;
    }

    /// <summary>Σ (a[i] - b[i])².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        ref var y = ref MemoryMarshal.GetReference(b[..a.Length]);
        var length = (nuint)a.Length;
        Vector256<float> s0 = default, s1 = default;
        nuint i = 0;
        for (; i + 2 * Width <= length; i += 2 * Width)
        {
            var d0 = Vector256.LoadUnsafe(ref x, i) - Vector256.LoadUnsafe(ref y, i);
            var d1 = Vector256.LoadUnsafe(ref x, i + Width) - Vector256.LoadUnsafe(ref y, i + Width);
            s0 = Vector256.FusedMultiplyAdd(d0, d0, s0);
            s1 = Vector256.FusedMultiplyAdd(d1, d1, s1);
        }

        for (; i + Width <= length; i += Width)
        {
            var d = Vector256.LoadUnsafe(ref x, i) - Vector256.LoadUnsafe(ref y, i);
            s0 = Vector256.FusedMultiplyAdd(d, d, s0);
        }

        var sum = Vector256.Sum(s0 + s1);
        for (; i < length; i++)
        {
            var d = Unsafe.Add(ref x, i) - Unsafe.Add(ref y, i);
            sum += d * d;
        }

        return sum;
    }

    /// <summary>target[i] += scale a[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddScaled(ReadOnlySpan<float> a, float scale, Span<float> target)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        ref var y = ref MemoryMarshal.GetReference(target[..a.Length]);
        var length = (nuint)a.Length;
        var factor = Vector256.Create(scale);
        nuint i = 0;
        for (; i + Width <= length; i += Width)
            Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref x, i), factor, Vector256.LoadUnsafe(ref y, i)).StoreUnsafe(ref y, i);
        for (; i < length; i++)
            Unsafe.Add(ref y, i) += scale * Unsafe.Add(ref x, i);
    }

    /// <summary>Scales a row to length 1; a row of zeros stays.</summary>
    internal static void Normalize(Span<float> row)
    {
        var length = MathF.Sqrt(Dot(row, row));
        if (length > 0)
            Scale(row, 1 / length);
    }

    /// <summary>row[i] *= factor.</summary>
    internal static void Scale(Span<float> row, float factor)
    {
        for (var i = 0; i < row.Length; i++)
            row[i] *= factor;
    }
}
