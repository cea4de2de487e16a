using Annotator.Core.Labels;

namespace Annotator.Core.Media.Tracking;

/// <summary>
/// Where a moving box is: a Kalman filter over its centre, its size and their velocities (Kalman 1960), with noise that grows with the box as in DeepSORT
/// (Wojke et al. 2017) and its successors. None of the four numbers has to do with another, so four filters of two numbers each say the same as one of eight.
/// </summary>
public sealed class BoxMotion
{
    // Shares of the box's side: how well a detector places a box, and how much its velocity changes from one step to the next.
    private const double Place = 1.0 / 20;
    private const double Pace = 1.0 / 160;

    private readonly MovingValue[] _values;

    /// <summary>Begins with a box that stands still, as far as is known.</summary>
    /// <param name="first">The box.</param>
    public BoxMotion(Box first)
    {
        ArgumentNullException.ThrowIfNull(first);
        var (w, h) = (first.Width, first.Height);
        _values =
        [
            Begin(first.X + (w / 2), w), Begin(first.Y + (h / 2), h), Begin(w, w), Begin(h, h),
        ];

        static MovingValue Begin(double value, double side) => new(value, Square(2 * Place * side), Square(10 * Pace * side));
    }

    /// <summary>The box as it is thought to be now, without a label.</summary>
    public Box Box
    {
        get
        {
            double w = Math.Max(_values[2].Value, 1e-6), h = Math.Max(_values[3].Value, 1e-6);
            return new Box("", _values[0].Value - (w / 2), _values[1].Value - (h / 2), w, h);
        }
    }

    /// <summary>A step passes: the box goes on as it went.</summary>
    public void Predict()
    {
        // What would shrink to nothing keeps its size.
        for (var i = 2; i < 4; i++)
        {
            if (_values[i].Value + _values[i].Velocity <= 0) _values[i].Stop();
        }

        for (var i = 0; i < 4; i++)
        {
            var side = _values[2 + (i & 1)].Value;
            _values[i].Predict(Square(Place * side), Square(Pace * side));
        }
    }

    /// <summary>The box was seen.</summary>
    /// <param name="seen">Where.</param>
    public void Correct(Box seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        double vx = Square(Place * _values[2].Value), vy = Square(Place * _values[3].Value);
        _values[0].Correct(seen.X + (seen.Width / 2), vx);
        _values[1].Correct(seen.Y + (seen.Height / 2), vy);
        _values[2].Correct(seen.Width, vx);
        _values[3].Correct(seen.Height, vy);
    }

    private static double Square(double value) => value * value;
}

/// <summary>A number that moves at a velocity that changes little: the Kalman filter of two states and one measurement.</summary>
public sealed class MovingValue
{
    // The covariance: of the value, of both, of the velocity.
    private double _value, _both, _velocity;

    /// <summary>Begins at a value, with velocity 0.</summary>
    /// <param name="value">The value.</param>
    /// <param name="variance">How unsure it is, squared.</param>
    /// <param name="velocityVariance">How unsure the velocity is, squared.</param>
    public MovingValue(double value, double variance, double velocityVariance) => (Value, _value, _velocity) = (value, variance, velocityVariance);

    /// <summary>The value as it is thought to be.</summary>
    public double Value { get; private set; }

    /// <summary>How much it grows in a step.</summary>
    public double Velocity { get; private set; }

    /// <summary>How unsure the value is, squared.</summary>
    public double Variance => _value;

    /// <summary>A step passes.</summary>
    /// <param name="noise">Variance that the value gains.</param>
    /// <param name="velocityNoise">Variance that the velocity gains.</param>
    public void Predict(double noise, double velocityNoise)
    {
        Value += Velocity;
        _value += (2 * _both) + _velocity + noise;
        _both += _velocity;
        _velocity += velocityNoise;
    }

    /// <summary>The value was measured.</summary>
    /// <param name="measured">The measurement.</param>
    /// <param name="noise">Its variance.</param>
    public void Correct(double measured, double noise)
    {
        var (gain, velocityGain) = (_value / (_value + noise), _both / (_value + noise));
        var surprise = measured - Value;
        Value += gain * surprise;
        Velocity += velocityGain * surprise;
        _velocity -= velocityGain * _both;
        _both *= 1 - gain;
        _value *= 1 - gain;
    }

    /// <summary>Forgets the velocity.</summary>
    internal void Stop() => Velocity = 0;
}
