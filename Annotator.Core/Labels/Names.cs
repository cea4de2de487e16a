using System.Text.Json;

namespace Annotator.Core.Labels;

/// <summary>How enumerated values are written in JSON, in the database and in addresses: camelCase, everywhere the same.</summary>
public static class Names
{
    /// <summary>The written name of a value.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>Reads a written name; numbers and unknown names are refused.</summary>
    public static bool TryParse<T>(string? text, out T value)
        where T : struct, Enum
    {
        foreach (var candidate in Enum.GetValues<T>())
        {
            if (!string.Equals(Of(candidate), text, StringComparison.Ordinal)) continue;
            value = candidate;
            return true;
        }

        value = default;
        return false;
    }
}
