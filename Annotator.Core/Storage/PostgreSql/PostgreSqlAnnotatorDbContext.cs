using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Annotator.Core.Storage.PostgreSql;

/// <summary>The model on PostgreSQL.</summary>
public sealed class PostgreSqlAnnotatorDbContext(DbContextOptions<PostgreSqlAnnotatorDbContext> options) : AnnotatorDbContext(options);

/// <summary>For the migration tool.</summary>
internal sealed class PostgreSqlDesignTimeFactory : IDesignTimeDbContextFactory<PostgreSqlAnnotatorDbContext>
{
    public PostgreSqlAnnotatorDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<PostgreSqlAnnotatorDbContext>().UseNpgsql("Host=design").Options);
}
