namespace Annotator.Web.Components.Charts;

/// <summary>From values to places on a line, with round ticks: a pure function of what is to be shown.</summary>
internal sealed class Axis
{
    private readonly double _from;
    private readonly double _to;
    private readonly double _start;
    private readonly double _end;

    private Axis(double from, double to, double start, double end, IReadOnlyList<double> ticks) => (_from, _to, _start, _end, Ticks) = (from, to, start, end, ticks);

    /// <summary>Round values within.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>The place of a value; values outside are put at the ends.</summary>
    public double this[double value] => _start + ((Math.Clamp(value, _from, _to) - _from) / (_to - _from) * (_end - _start));

    /// <summary>From 0 to at least a value.</summary>
    public static Axis UpTo(double value, double start, double end, int ticks = 4, bool whole = true)
    {
        var step = Step(Math.Max(value, whole ? 1 : 1e-9) / ticks);
        if (whole) step = Math.Max(1, step);
        var to = Math.Max(step, Math.Ceiling((value / step) - 1e-9) * step);
        return new Axis(0, to, start, end, Between(0, to, step));
    }

    /// <summary>Around shares, 0 to 1: the whole range unless all lie in a small part of it.</summary>
    public static Axis Shares(IEnumerable<double> values, double start, double end)
    {
        var list = values.Where(double.IsFinite).ToList();
        var (low, high) = list.Count == 0 ? (0.0, 1.0) : (list.Min(), list.Max());
        var step = Step(Math.Max(0.04, high - low) / 4);
        var from = Math.Max(0, Math.Floor((low / step) - 0.25) * step);
        var to = Math.Min(1, Math.Ceiling((high / step) + 0.25) * step);
        if (to - from < 1e-9) (from, to) = (0, 1);
        return new Axis(from, to, start, end, Between(from, to, step));
    }

    /// <summary>A stretch of values, without ticks.</summary>
    public static Axis Range(double from, double to, double start, double end) => new(from, to > from ? to : from + 1, start, end, []);

    // 1, 2 or 5 times a power of ten, at least as large as asked for.
    private static double Step(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return new[] { 1.0, 2, 5, 10 }.Select(f => f * power).First(s => s >= rough * (1 - 1e-9));
    }

    private static List<double> Between(double from, double to, double step)
    {
        var ticks = new List<double>();
        for (var i = 0; from + (i * step) <= to + (step * 1e-6); i++) ticks.Add(from + (i * step));
        return ticks;
    }
}
