using Annotator.Web.Resources;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Components.Controls;

/// <summary>What is wrong with the fields of a form, in the reader's language.</summary>
public sealed class FieldErrors
{
    private readonly Dictionary<string, string> _messages = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether all is well.</summary>
    public bool None => _messages.Count == 0;

    /// <summary>Every message.</summary>
    public IReadOnlyCollection<string> All => _messages.Values;

    /// <summary>The message of a field; null where it is well.</summary>
    public string? this[string field] => _messages.GetValueOrDefault(field);

    /// <summary>Adds a message; the first of a field stays.</summary>
    public void Add(string field, string message) => _messages.TryAdd(field, message);

    /// <summary>Takes over what a service refused. It speaks English, as the API does; fields that pages know have a text of their own.</summary>
    /// <param name="errors">Fields and messages.</param>
    /// <param name="texts">The texts; <c>Field.NAME</c> is looked up.</param>
    public void Add(IEnumerable<(string Field, string Message)> errors, IStringLocalizer<Text> texts)
    {
        foreach (var (field, message) in errors)
        {
            var own = texts[$"Field.{field}"];
            Add(field, own.ResourceNotFound ? message : own.Value);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear() => _messages.Clear();
}
