using System.Globalization;

namespace Annotator.Web.Hosting.Api;

/// <summary>Identifiers as the API writes them: opaque text.</summary>
internal static class Ids
{
    public static string Text(long id) => id.ToString(CultureInfo.InvariantCulture);

    /// <summary>Reads an id; what is no id finds nothing, like an id that does not exist.</summary>
    public static long Parse(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : -1;
}
