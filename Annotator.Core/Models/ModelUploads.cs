using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Annotator.Core.Storage;

namespace Annotator.Core.Models;

/// <summary>What uploaded models of all kinds have in common.</summary>
internal static class ModelUploads
{
    private const int LongestName = 200;

    /// <summary>Checks a name and what is said of a model; messages by field.</summary>
    public static List<(string Field, string Message)> Check(string? name, object spec)
    {
        var errors = new List<(string, string)>();
        if (string.IsNullOrWhiteSpace(name) || name.Trim().Length > LongestName) errors.Add(("name", $"A name of 1 to {LongestName} characters is needed."));
        var wrong = new List<ValidationResult>();
        Validator.TryValidateObject(spec, new ValidationContext(spec), wrong, validateAllProperties: true);
        errors.AddRange(wrong.SelectMany(w => w.MemberNames.Select(m => ($"spec.{JsonNamingPolicy.CamelCase.ConvertName(m)}", w.ErrorMessage ?? "Is not valid."))));
        return errors;
    }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static async Task<byte[]> ReadAsync(IBlobStore blobs, string name, CancellationToken cancellationToken)
    {
        await using var stored = await blobs.OpenAsync(name, cancellationToken);
        var bytes = new byte[stored.Length];
        await stored.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }
}
