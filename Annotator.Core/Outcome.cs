namespace Annotator.Core;

/// <summary>A value, or what is wrong with the input, field by field.</summary>
/// <typeparam name="T">The value.</typeparam>
public sealed class Outcome<T>
{
    private readonly T? _value;

    private Outcome(T? value, IReadOnlyList<(string Field, string Message)> errors) => (_value, Errors) = (value, errors);

    /// <summary>What is wrong; empty when all is well.</summary>
    public IReadOnlyList<(string Field, string Message)> Errors { get; }

    /// <summary>Whether there is a value.</summary>
    public bool Succeeded => Errors.Count == 0;

    /// <summary>The value.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public T Value => Succeeded ? _value! : throw new InvalidOperationException(string.Join(" ", Errors.Select(e => $"{e.Field}: {e.Message}")));

    /// <summary>All is well.</summary>
    public static implicit operator Outcome<T>(T value) => new(value, []);

    /// <summary>All is well: for values whose type is an interface, which converts to nothing by itself.</summary>
    public static Outcome<T> Of(T value) => new(value, []);

    /// <summary>Something is wrong.</summary>
    public static Outcome<T> Fail(IReadOnlyList<(string Field, string Message)> errors) => new(default, errors);

    /// <summary>One thing is wrong.</summary>
    public static Outcome<T> Fail(string field, string message) => new(default, [(field, message)]);
}
