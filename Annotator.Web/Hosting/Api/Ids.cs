using System.Globalization;

namespace Annotator.Web.Hosting.Api;

/// <summary>Identifiers as the API writes them: opaque text.</summary>
internal static class Ids
{
    public static string Text(long id) => id.ToString(CultureInfo.InvariantCulture);

    /// <summary>The name of a place in a list, for errors: <c>items[3]</c>.</summary>
    public static string At(string list, int index) => string.Create(CultureInfo.InvariantCulture, $"{list}[{index}]");

    /// <summary>Reads an id; what is no id finds nothing, like an id that does not exist.</summary>
    public static long Parse(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : -1;
}
