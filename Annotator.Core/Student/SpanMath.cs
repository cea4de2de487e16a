using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Annotator.Core.Student;

/// <summary>
/// Arithmetic over a few to a few hundred floats, eight at a time. Compiled at once in its best form: a first training must not run in code that is still waiting for the
/// run time to find out that it matters.
/// </summary>
internal static class SpanMath
{
    private const float Lowest = -80;

    /// <summary>result = scale x values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(ReadOnlySpan<float> values, float scale, Span<float> result)
    {
        var v = MemoryMarshal.Cast<float, Vector256<float>>(values);
        var r = MemoryMarshal.Cast<float, Vector256<float>>(result);
        for (var i = 0; i < v.Length; i++) r[i] = v[i] * scale;
        for (var i = v.Length * Vector256<float>.Count; i < values.Length; i++) result[i] = values[i] * scale;
    }

    /// <summary>sum += scale x values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddScaled(ReadOnlySpan<float> values, float scale, Span<float> sum)
    {
        var v = MemoryMarshal.Cast<float, Vector256<float>>(values);
        var s = MemoryMarshal.Cast<float, Vector256<float>>(sum);
        var factor = Vector256.Create(scale);
        for (var i = 0; i < v.Length; i++) s[i] = Vector256.MultiplyAddEstimate(v[i], factor, s[i]);
        for (var i = v.Length * Vector256<float>.Count; i < values.Length; i++) sum[i] += values[i] * scale;
    }

    /// <summary>values = the logarithm of (scale x values + offset).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LogOfScaled(Span<float> values, float scale, float offset)
    {
        var v = MemoryMarshal.Cast<float, Vector256<float>>(values);
        for (var i = 0; i < v.Length; i++) v[i] = Vector256.Log((v[i] * scale) + Vector256.Create(offset));
        for (var i = v.Length * Vector256<float>.Count; i < values.Length; i++) values[i] = MathF.Log((values[i] * scale) + offset);
    }

    /// <summary>values = the logarithm of the greater of values and <paramref name="least"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LogAtLeast(ReadOnlySpan<float> values, float least, Span<float> result)
    {
        var v = MemoryMarshal.Cast<float, Vector256<float>>(values);
        var r = MemoryMarshal.Cast<float, Vector256<float>>(result);
        for (var i = 0; i < v.Length; i++) r[i] = Vector256.Log(Vector256.Max(v[i], Vector256.Create(least)));
        for (var i = v.Length * Vector256<float>.Count; i < values.Length; i++) result[i] = MathF.Log(MathF.Max(values[i], least));
    }

    /// <summary>The sum of all values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(ReadOnlySpan<float> values)
    {
        var v = MemoryMarshal.Cast<float, Vector256<float>>(values);
        var sums = Vector256<float>.Zero;
        for (var i = 0; i < v.Length; i++) sums += v[i];
        var sum = Vector256.Sum(sums);
        for (var i = v.Length * Vector256<float>.Count; i < values.Length; i++) sum += values[i];
        return sum;
    }

    /// <summary>Turns logarithms, of any scale, into probabilities.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(Span<float> values)
    {
        var v = MemoryMarshal.Cast<float, Vector256<float>>(values);
        var rest = v.Length * Vector256<float>.Count;
        var top = float.NegativeInfinity;
        if (v.Length > 0)
        {
            var tops = v[0];
            for (var i = 1; i < v.Length; i++) tops = Vector256.Max(tops, v[i]);
            for (var i = 0; i < Vector256<float>.Count; i++) top = MathF.Max(top, tops[i]);
        }

        for (var i = rest; i < values.Length; i++) top = MathF.Max(top, values[i]);
        var sums = Vector256<float>.Zero;
        for (var i = 0; i < v.Length; i++)
        {
            v[i] = Vector256.Exp(Vector256.Max(v[i] - Vector256.Create(top), Vector256.Create(Lowest)));
            sums += v[i];
        }

        var sum = Vector256.Sum(sums);
        for (var i = rest; i < values.Length; i++)
        {
            values[i] = MathF.Exp(MathF.Max(values[i] - top, Lowest));
            sum += values[i];
        }

        Multiply(values, 1 / sum, values);
    }
}
