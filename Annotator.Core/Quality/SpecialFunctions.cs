namespace Annotator.Core.Quality;

/// <summary>The few special functions that intervals of proportions need.</summary>
internal static class SpecialFunctions
{
    // Lanczos approximation with g = 7 and nine terms (Godfrey's coefficients); relative error below 1e-14.
    private static readonly double[] s_lanczos =
    [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    ];

    /// <summary>Natural logarithm of the gamma function of a positive number.</summary>
    public static double LogGamma(double x)
    {
        if (x < 0.5) return Math.Log(Math.PI / Math.Sin(Math.PI * x)) - LogGamma(1 - x);
        x -= 1;
        var sum = s_lanczos[0];
        for (var i = 1; i < s_lanczos.Length; i++) sum += s_lanczos[i] / (x + i);
        var t = x + 7.5;
        return (0.5 * Math.Log(2 * Math.PI)) + ((x + 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }

    /// <summary>Logarithm of the beta function.</summary>
    public static double LogBeta(double a, double b) => LogGamma(a) + LogGamma(b) - LogGamma(a + b);

    /// <summary>Logarithmic derivative of the gamma function, for positive numbers.</summary>
    public static double Digamma(double x)
    {
        double shift = 0;
        while (x < 6)
        {
            shift -= 1 / x;
            x++;
        }

        // Asymptotic series (Abramowitz and Stegun 6.3.18).
        var inverse = 1 / (x * x);
        return shift + Math.Log(x) - (0.5 / x)
            - (inverse * ((1.0 / 12) - (inverse * ((1.0 / 120) - (inverse * ((1.0 / 252) - (inverse * ((1.0 / 240) - (inverse / 132)))))))));
    }

    /// <summary>Regularised incomplete beta function I_x(a, b) by its continued fraction (modified Lentz).</summary>
    public static double IncompleteBeta(double a, double b, double x)
    {
        if (x <= 0) return 0;
        if (x >= 1) return 1;
        if (x > (a + 1) / (a + b + 2)) return 1 - IncompleteBeta(b, a, 1 - x);
        const double Tiny = 1e-300;
        double c = 1, d = 1 / NotZero(1 - ((a + b) * x / (a + 1))), value = d;
        for (var m = 1; m < 10_000; m++)
        {
            var even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            d = 1 / NotZero(1 + (even * d));
            c = NotZero(1 + (even / c));
            value *= d * c;
            var odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / NotZero(1 + (odd * d));
            c = NotZero(1 + (odd / c));
            var change = d * c;
            value *= change;
            if (Math.Abs(change - 1) < 1e-15) break;
        }

        return value * Math.Exp((a * Math.Log(x)) + (b * Math.Log(1 - x)) - LogBeta(a, b)) / a;

        static double NotZero(double v) => Math.Abs(v) < Tiny ? Tiny : v;
    }

    /// <summary>The x with I_x(a, b) = p, by bisection to full precision.</summary>
    public static double InverseIncompleteBeta(double a, double b, double p)
    {
        double low = 0, high = 1;
        for (var i = 0; i < 200 && high - low > 1e-16 * high; i++)
        {
            var middle = 0.5 * (low + high);
            if (IncompleteBeta(a, b, middle) < p) low = middle; else high = middle;
        }

        return 0.5 * (low + high);
    }

    /// <summary>Quantile of the standard normal distribution, by bisection.</summary>
    public static double NormalQuantile(double p)
    {
        if (p is <= 0 or >= 1) throw new ArgumentOutOfRangeException(nameof(p), p, "A probability strictly between 0 and 1 is needed.");
        double low = -40, high = 40;
        for (var i = 0; i < 200; i++)
        {
            var middle = 0.5 * (low + high);
            if (NormalCumulative(middle) < p) low = middle; else high = middle;
        }

        return 0.5 * (low + high);
    }

    /// <summary>Cumulative distribution of the standard normal, through the incomplete gamma function.</summary>
    public static double NormalCumulative(double z)
    {
        if (z == 0) return 0.5;
        var half = 0.5 * LowerGamma(0.5, 0.5 * z * z);
        return z > 0 ? 0.5 + half : 0.5 - half;
    }

    /// <summary>Regularised lower incomplete gamma function (series below a + 1, continued fraction above).</summary>
    public static double LowerGamma(double a, double x)
    {
        if (x <= 0) return 0;
        var scale = Math.Exp((a * Math.Log(x)) - x - LogGamma(a));
        if (x < a + 1)
        {
            double term = 1 / a, sum = term;
            for (var n = 1; n < 1000; n++)
            {
                term *= x / (a + n);
                sum += term;
                if (term < sum * 1e-17) break;
            }

            return sum * scale;
        }

        double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
        for (var n = 1; n < 1000; n++)
        {
            var an = -n * (n - a);
            b += 2;
            d = 1 / ((an * d) + b);
            c = b + (an / c);
            var change = d * c;
            h *= change;
            if (Math.Abs(change - 1) < 1e-16) break;
        }

        return 1 - (h * scale);
    }
}
