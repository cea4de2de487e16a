using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Annotator.Core.Student;

/// <summary>
/// The inner step of dual coordinate ascent for one row: given the scores without the row's own part, the probabilities that solve the row's
/// part of the problem exactly. Vectors are padded to a multiple of eight; padding has score <see cref="Padding"/>.
/// </summary>
internal static class LocalSolver
{
    public const float Padding = -1e9f;
    private const int Lanes = 8;
    private const int Iterations = 24;
    private const float Lowest = -80;

    /// <summary>
    /// Solves p = softmax(a - k p) for p. With a normaliser m each class has its own equation, log p + k p = a - m (Wright's omega function,
    /// found by Newton's method), and the sum of p falls and is convex in m, so that Newton's method in m closes in from the left without fail.
    /// </summary>
    /// <param name="a">Scores without the own part, plus k times the target.</param>
    /// <param name="logP">First guess of log p (must be normalised); changed.</param>
    /// <param name="k">Squared length of the row times its weight times the cost.</param>
    /// <param name="p">Receives the probabilities, 0 in the padding.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(ReadOnlySpan<float> a, Span<float> logP, float k, Span<float> p)
    {
        var count = a.Length / Lanes;
        var va = MemoryMarshal.Cast<float, Vector256<float>>(a)[..count];
        var vy = MemoryMarshal.Cast<float, Vector256<float>>(logP)[..count];
        var vp = MemoryMarshal.Cast<float, Vector256<float>>(p)[..count];
        var kk = Vector256.Create(k);
        var lowest = Vector256.Create(Lowest);

        // Left end: the greatest class alone has probability 1. First guess: what m would be if the guess of p were right.
        var greatest = va[0];
        Vector256<float> guess = default;
        for (var i = 0; i < count; i++)
        {
            greatest = Vector256.Max(greatest, va[i]);
            var y = Vector256.Max(vy[i], lowest);
            var q = Vector256.Exp(y);
            guess += q * (Vector256.Max(va[i], Vector256.Create(-1e6f)) - y - (kk * q));
        }

        var left = Maximum(greatest) - k;
        var m = MathF.Max(left, Vector256.Sum(guess));
        float sum = 1;
        for (var iteration = 0; iteration < Iterations; iteration++)
        {
            Vector256<float> total = default, slope = default;
            var vm = Vector256.Create(m);
            for (var i = 0; i < count; i++)
            {
                var u = va[i] - vm;
                var y = Vector256.Max(Vector256.Min(vy[i], Vector256.Min(u, Vector256<float>.Zero)), lowest);
                var e = Vector256.Exp(y);
                for (var inner = 0; inner < Iterations; inner++)
                {
                    var step = (u - y - (kk * e)) / (Vector256<float>.One + (kk * e));
                    y = Vector256.Max(Vector256.Min(y + step, Vector256.Min(u, Vector256<float>.Zero)), lowest);
                    e = Vector256.Exp(y);
                    if (!Vector256.GreaterThanAny(Vector256.Abs(step) * e, Vector256.Create(1e-5f))) break;
                }

                vy[i] = y;
                vp[i] = e;
                total += e;
                slope += e / (Vector256<float>.One + (kk * e));
            }

            sum = Vector256.Sum(total);
            if (MathF.Abs(sum - 1) < 1e-4f) break;
            m = MathF.Max(left, m + ((sum - 1) / Vector256.Sum(slope)));
        }

        var scale = Vector256.Create(1 / sum);
        for (var i = 0; i < count; i++) vp[i] *= scale;
    }

    /// <summary>Solves p = sigmoid(a - k p) for each lane by itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sigmoid(ReadOnlySpan<float> a, float k, Span<float> p)
    {
        var count = a.Length / Lanes;
        var va = MemoryMarshal.Cast<float, Vector256<float>>(a)[..count];
        var vp = MemoryMarshal.Cast<float, Vector256<float>>(p)[..count];
        var kk = Vector256.Create(k);
        for (var i = 0; i < count; i++)
        {
            // The root of m + k sigmoid(m) = a lies in [a - k, a]; Newton, kept inside a shrinking bracket.
            var high = Vector256.Min(Vector256.Max(va[i], Vector256.Create(-60f)), Vector256.Create(60f) + kk);
            var low = high - kk;
            var target = high;
            var m = Vector256.Min(Vector256.Max(Vector256<float>.Zero, low), high);
            for (var iteration = 0; iteration < 12; iteration++)
            {
                var s = Logistic(m);
                var f = m + (kk * s) - target;
                var above = Vector256.GreaterThan(f, Vector256<float>.Zero);
                high = Vector256.ConditionalSelect(above, m, high);
                low = Vector256.ConditionalSelect(above, low, m);
                var next = m - (f / (Vector256<float>.One + (kk * s * (Vector256<float>.One - s))));
                var inside = Vector256.GreaterThanOrEqual(next, low) & Vector256.LessThanOrEqual(next, high);
                m = Vector256.ConditionalSelect(inside, next, (low + high) * 0.5f);
                if (!Vector256.GreaterThanAny(Vector256.Abs(f), Vector256.Create(1e-4f))) break;
            }

            vp[i] = Logistic(m);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Logistic(Vector256<float> m)
    {
        var e = Vector256.Exp(-Vector256.Min(Vector256.Max(m, Vector256.Create(-80f)), Vector256.Create(80f)));
        return Vector256<float>.One / (Vector256<float>.One + e);
    }

    /// <summary>Turns scores into log-probabilities in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LogSoftmax(Span<float> scores)
    {
        var v = MemoryMarshal.Cast<float, Vector256<float>>(scores);
        var top = v[0];
        for (var i = 1; i < v.Length; i++) top = Vector256.Max(top, v[i]);
        var maximum = Maximum(top);
        var shift = Vector256.Create(maximum);
        Vector256<float> sum = default;
        for (var i = 0; i < v.Length; i++) sum += Vector256.Exp(Vector256.Max(v[i] - shift, Vector256.Create(-80f)));
        var norm = Vector256.Create(maximum + MathF.Log(Vector256.Sum(sum)));
        for (var i = 0; i < v.Length; i++) v[i] -= norm;
    }

    private static float Maximum(Vector256<float> vector)
    {
        var maximum = vector[0];
        for (var i = 1; i < Lanes; i++) maximum = MathF.Max(maximum, vector[i]);
        return maximum;
    }
}
