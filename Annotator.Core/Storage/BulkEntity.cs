using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Annotator.Core.Storage;

/// <summary>How an entity is written in bulk: its columns and their values, read off the model once.</summary>
internal sealed class BulkEntity
{
    private static readonly ConcurrentDictionary<(IModel Model, Type Type), BulkEntity> Cache = new();

    private readonly (IProperty Property, Func<object?, object?>? Convert)[] _columns;

    private BulkEntity(IModel model, Type type)
    {
        var entity = model.FindEntityType(type) ?? throw new ArgumentException($"{type.Name} is not in the model.");
        Table = entity.GetTableName()!;
        var table = StoreObjectIdentifier.Table(Table);

        // Columns that the database numbers are left out.
        _columns = [.. entity.GetProperties()
            .Where(p => !(p.ValueGenerated == ValueGenerated.OnAdd && p.IsPrimaryKey()))
            .Select(p => (p, (Func<object?, object?>?)(p.GetTypeMapping().Converter is { } converter ? converter.ConvertToProvider : null)))];
        Columns = [.. _columns.Select(c => c.Property.GetColumnName(table)!)];
        Types = [.. _columns.Select(c => TypeOf(c.Property))];
        Keys = [.. entity.FindPrimaryKey()!.Properties.Select(p => p.GetColumnName(table)!)];
    }

    public string Table { get; }

    public string[] Columns { get; }

    public BulkType[] Types { get; }

    public string[] Keys { get; }

    /// <summary>The assignments by which a row that is there grows by a new one.</summary>
    public string Additions => string.Join(", ", Columns.Except(Keys, StringComparer.Ordinal).Select(c => $"{c} = {Table}.{c} + excluded.{c}"));

    public static BulkEntity Of<T>(DbContext db) => Cache.GetOrAdd((db.Model, typeof(T)), static key => new BulkEntity(key.Model, key.Type));

    public object? Value(object row, int column)
    {
        var (property, convert) = _columns[column];
        var value = property.GetGetter().GetClrValue(row);
        if (value is null) return null;
        if (convert is not null) return convert(value);
        return value is Enum ? Convert.ToInt32(value, System.Globalization.CultureInfo.InvariantCulture) : value;
    }

    private static BulkType TypeOf(IProperty property)
    {
        var type = property.GetTypeMapping().Converter?.ProviderClrType ?? property.ClrType;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum) return BulkType.Int;
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Int64 => BulkType.Long,
            TypeCode.Int32 => BulkType.Int,
            TypeCode.Double => BulkType.Double,
            TypeCode.String => BulkType.Text,
            TypeCode.Boolean => BulkType.Bool,
            _ => throw new NotSupportedException($"Bulk writing of {property.DeclaringType.ClrType.Name}.{property.Name} ({type.Name})."),
        };
    }
}
