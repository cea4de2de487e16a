using Annotator.Core.Labels;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Projects.Evolution;

/// <summary>The labels of a project as they were in a version.</summary>
public sealed class SchemaSnapshot
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The version.</summary>
    public int Version { get; set; }

    /// <summary>The schema, as JSON.</summary>
    public required string SchemaJson { get; set; }

    /// <summary>When it came into force; of versions older than this keeping, when they were last in force.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>The schema.</summary>
    public LabelSchema Schema => ProjectJson.ReadSchema(SchemaJson);
}

/// <summary>Keeps the labels of each version.</summary>
internal static class SchemaSnapshots
{
    /// <summary>Keeps a project's labels, and those before the change where nobody has kept them yet.</summary>
    /// <param name="scope">The unit of work that changes them.</param>
    /// <param name="project">The project, changed.</param>
    /// <param name="before">The version before with its schema; null: the project is new.</param>
    public static async Task KeepAsync(WriteScope scope, Project project, (int Version, string Json)? before = null)
    {
        if (before is { } old && old.Version != project.SchemaVersion && !await scope.Db.Set<SchemaSnapshot>().AnyAsync(s => s.ProjectId == project.Id && s.Version == old.Version, scope.CancellationToken))
            scope.Db.Set<SchemaSnapshot>().Add(new SchemaSnapshot { ProjectId = project.Id, Version = old.Version, SchemaJson = old.Json, CreatedAt = scope.Now });
        scope.Db.Set<SchemaSnapshot>().Add(new SchemaSnapshot { ProjectId = project.Id, Version = project.SchemaVersion, SchemaJson = project.SchemaJson, CreatedAt = scope.Now });
    }
}

internal sealed class SchemaSnapshotConfiguration : IEntityTypeConfiguration<SchemaSnapshot>
{
    public void Configure(EntityTypeBuilder<SchemaSnapshot> builder)
    {
        builder.ToTable("schema_snapshots");
        builder.HasKey(s => new { s.ProjectId, s.Version });
        builder.Ignore(s => s.Schema);
    }
}
