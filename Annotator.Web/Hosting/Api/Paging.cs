using System.Buffers.Text;
using System.Globalization;
using System.Reflection;
using System.Text;
using Microsoft.AspNetCore.Http.Metadata;

namespace Annotator.Web.Hosting.Api;

/// <summary>A page of a list: <c>{"items":[…],"next":"…"|null}</c>.</summary>
/// <param name="Items">The page.</param>
/// <param name="Next">Give it as <c>cursor</c> to get the next page; null at the end.</param>
public sealed record Listing<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>
/// Which part of a list is asked for: <c>?limit=</c> (1 to 1,000, 100 by default) and <c>?cursor=</c>. Take it as a parameter
/// of an endpoint; a wrong value answers 400 before the endpoint runs.
/// </summary>
/// <param name="Limit">How many at the most.</param>
/// <param name="Cursor">What the last page gave as its end, decoded; null for the first page.</param>
public sealed record Paging(int Limit, string? Cursor) : IBindableFromHttpContext<Paging>, IEndpointParameterMetadataProvider
{
    /// <summary>The largest page.</summary>
    public const int MaxLimit = 1_000;

    /// <summary>The page where no limit is given.</summary>
    public const int DefaultLimit = 100;

    /// <summary>The cursor as the id that the last page ended with; null for the first page.</summary>
    /// <exception cref="InvalidRequestException">The cursor is of another list.</exception>
    public long? Id => Cursor is null ? null
        : long.TryParse(Cursor, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var id) ? id
        : throw new InvalidRequestException("cursor", "Not a cursor of this list.");

    /// <summary>Makes the page from rows read with one more than <see cref="Limit"/>: the surplus row tells that there is a next page.</summary>
    /// <param name="rows">Up to <see cref="Limit"/> + 1 rows.</param>
    /// <param name="cursor">Where a row stands in the list.</param>
    /// <param name="map">The row as the API shows it.</param>
    public Listing<T> Page<TRow, T>(IReadOnlyList<TRow> rows, Func<TRow, string> cursor, Func<TRow, T> map)
    {
        var more = rows.Count > Limit;
        return new([.. rows.Take(Limit).Select(map)], more ? Encode(cursor(rows[Limit - 1])) : null);
    }

    /// <summary>Makes the page of a list that is ordered by id.</summary>
    public Listing<T> Page<TRow, T>(IReadOnlyList<TRow> rows, Func<TRow, long> id, Func<TRow, T> map) =>
        Page(rows, r => id(r).ToString(CultureInfo.InvariantCulture), map);

    /// <inheritdoc />
    public static ValueTask<Paging?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var query = context.Request.Query;
        var limit = DefaultLimit;
        if (query.TryGetValue("limit", out var text)
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MaxLimit))
        {
            throw new InvalidRequestException("limit", "Must be 1 to 1000.");
        }

        var cursor = query["cursor"].ToString();
        return ValueTask.FromResult<Paging?>(new(limit, cursor.Length == 0 ? null : Decode(cursor)));
    }

    /// <inheritdoc />
    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) => builder.Metadata.Add(new PagedEndpoint());

    internal static string Encode(string cursor) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(cursor));

    private static string Decode(string cursor)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Base64Url.DecodeFromChars(cursor));
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new InvalidRequestException("cursor", "Not a cursor of this list.");
        }
    }
}

/// <summary>Marks an endpoint that answers a list in pages, for the API description.</summary>
internal sealed record PagedEndpoint;

/// <summary>The request is wrong in a field; answered with 400.</summary>
public sealed class InvalidRequestException(string field, string message) : Exception(message)
{
    /// <summary>The field.</summary>
    public string Field { get; } = field;
}
