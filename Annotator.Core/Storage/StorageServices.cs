using Annotator.Core.Items.Search;
using Annotator.Core.Storage.PostgreSql;
using Annotator.Core.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Storage;

/// <summary>Wires the database of the settings.</summary>
public static class StorageServices
{
    /// <summary>Adds the database.</summary>
    /// <param name="services">The services.</param>
    /// <param name="provider"><c>Sqlite</c> or <c>PostgreSql</c>.</param>
    /// <param name="connectionString">Connection string of that provider.</param>
    public static IServiceCollection AddAnnotatorStorage(this IServiceCollection services, string provider, string connectionString)
    {
        switch (provider)
        {
            case "Sqlite":
                services.AddSingleton<SqliteWriteGate>();
                services.AddDbContextFactory<SqliteAnnotatorDbContext>((p, o) => o
                    .UseSqlite(new SqliteConnectionStringBuilder(connectionString) { Cache = SqliteCacheMode.Private }.ToString())
                    .AddInterceptors(new SqlitePragmas(), new SqliteProjectWatch(p.GetRequiredService<SqliteWriteGate>())));
                services.AddSingleton<IDbContextFactory<AnnotatorDbContext>, ContextFactory<SqliteAnnotatorDbContext>>();
                services.AddSingleton<ISqlDialect, SqliteDialect>();
                services.AddSingleton<ITextIndex, SqliteTextIndex>();
                break;
            case "PostgreSql":
                services.AddDbContextFactory<PostgreSqlAnnotatorDbContext>(o => o.UseNpgsql(connectionString));
                services.AddSingleton<IDbContextFactory<AnnotatorDbContext>, ContextFactory<PostgreSqlAnnotatorDbContext>>();
                services.AddSingleton<ISqlDialect, PostgreSqlDialect>();
                services.AddSingleton<ITextIndex, PostgreSqlTextIndex>();
                break;
            default:
                throw new ArgumentException($"Annotator:Database:Provider is '{provider}'; it must be Sqlite or PostgreSql.", nameof(provider));
        }

        // The stores of ASP.NET Core Identity and Data Protection ask for a scoped context.
        services.AddScoped(p => p.GetRequiredService<IDbContextFactory<AnnotatorDbContext>>().CreateDbContext());
        services.AddSingleton<IdAllocator>();
        services.AddSingleton<AnnotatorDatabase>();
        return services;
    }

    /// <summary>Brings the database up to this version.</summary>
    public static async Task MigrateAsync(this AnnotatorDbContext db, CancellationToken cancellationToken = default)
    {
        await db.Database.MigrateAsync(cancellationToken);
        if (db.Database.IsSqlite()) await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL;", cancellationToken);
        if (db.Database.IsSqlite()) await PlanStatistics.SetUpAsync(db, cancellationToken);
        await AuditGuard.SetUpAsync(db, cancellationToken);
        ITextIndex index = db.Database.IsSqlite() ? new SqliteTextIndex() : new PostgreSqlTextIndex();
        await index.SetUpAsync(db, cancellationToken);
    }

    // Factories are invariant in their context; this one serves the base type.
    private sealed class ContextFactory<T>(IDbContextFactory<T> factory) : IDbContextFactory<AnnotatorDbContext>
        where T : AnnotatorDbContext
    {
        public AnnotatorDbContext CreateDbContext() => factory.CreateDbContext();

        public async Task<AnnotatorDbContext> CreateDbContextAsync(CancellationToken cancellationToken = default) => await factory.CreateDbContextAsync(cancellationToken);
    }
}
