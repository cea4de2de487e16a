using Annotator.Core.Quality.Tallies;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Items;

/// <summary>Items of a slice, asked of the database: the same as <see cref="ItemMetadata.Has(string?, string, string?)"/> says of one.</summary>
internal static class SliceFilter
{
    /// <summary>Items whose metadata have a value in a field; more conditions may follow.</summary>
    public static IQueryable<Item> Of(AnnotatorDbContext db, SliceSettings slice)
    {
        var (field, value) = (slice.Field, slice.Value);

        // A name that begins with $ would be taken for a path.
        var path = $"$.\"{field}\"";
        return db.Database.IsSqlite()
            ? field.StartsWith('$')
                ? db.Items.FromSqlInterpolated($"SELECT * FROM items WHERE metadata IS NOT NULL AND CASE WHEN substr(metadata -> {path}, 1, 1) = '\"' THEN metadata ->> {path} = {value} ELSE metadata -> {path} = {value} END")
                : db.Items.FromSqlInterpolated($"SELECT * FROM items WHERE metadata IS NOT NULL AND CASE WHEN substr(metadata -> {field}, 1, 1) = '\"' THEN metadata ->> {field} = {value} ELSE metadata -> {field} = {value} END")
            : db.Items.FromSqlInterpolated($"SELECT * FROM items WHERE metadata IS NOT NULL AND CASE WHEN json_typeof(metadata::json -> {field}) = 'string' THEN metadata::json ->> {field} = {value} ELSE (metadata::json -> {field})::text = {value} END");
    }
}
