using System.Diagnostics.CodeAnalysis;

namespace Annotator.Core.Accounts;

/// <summary>What came of an action on accounts: a value, or what is wrong with the input, by field.</summary>
public sealed class AccountResult<T>
{
    private AccountResult(T? value, IReadOnlyList<(string Field, string Message)> errors)
    {
        (Value, Errors) = (value, errors);
    }

    /// <summary>The value; default where there are errors.</summary>
    public T? Value { get; }

    /// <summary>What is wrong; empty where all went well.</summary>
    public IReadOnlyList<(string Field, string Message)> Errors { get; }

    /// <summary>Whether all went well.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    public bool Succeeded => Errors.Count == 0;

    /// <summary>All went well.</summary>
    public static implicit operator AccountResult<T>(T value) => new(value, []);

    /// <summary>Something is wrong.</summary>
    public static implicit operator AccountResult<T>(List<(string Field, string Message)> errors) => new(default, errors);

    /// <summary>One field is wrong.</summary>
    public static implicit operator AccountResult<T>((string Field, string Message) error) => new(default, [error]);
}

/// <summary>The caller's role does not allow the action; pages and endpoints should not have offered it.</summary>
public sealed class NotAllowedException(string message = "Your role, or that of the token, does not allow this.") : Exception(message);
