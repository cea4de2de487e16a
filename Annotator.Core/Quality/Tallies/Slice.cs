using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Quality.Tallies;

/// <summary>A part of a project's items that the dashboards can be read for: those with a value in a field of their metadata.</summary>
public sealed record SliceSettings
{
    /// <summary>The most slices of a project: each is counted apart.</summary>
    public const int Most = 20;

    /// <summary>Name of the field, 1 to 100 characters.</summary>
    public string Field { get; init; } = "";

    /// <summary>The value, 1 to 200 characters: a text as it is, anything else as it is written in JSON.</summary>
    public string Value { get; init; } = "";

    internal static IEnumerable<(string Field, string Message)> Validate(IReadOnlyList<SliceSettings?>? slices)
    {
        if (slices is null || slices.Count > Most)
        {
            yield return ("settings.slices", $"A list of at most {Most} is needed.");
            yield break;
        }

        for (var i = 0; i < slices.Count; i++)
        {
            var slice = slices[i];
            if (slice is null || string.IsNullOrWhiteSpace(slice.Field) || slice.Field.Length > 100) yield return ($"settings.slices[{i}].field", "A name of 1 to 100 characters is needed.");
            if (slice is null || string.IsNullOrEmpty(slice.Value) || slice.Value.Length > 200) yield return ($"settings.slices[{i}].value", "A value of 1 to 200 characters is needed.");
            if (slice is not null && slices.Take(i).Contains(slice)) yield return ($"settings.slices[{i}]", "It stands in the list already.");
        }
    }
}

/// <summary>A slice with the number under which it is counted: its tallies have minus its id for a project.</summary>
public sealed class Slice
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>Name of the field.</summary>
    public string Field { get; set; } = "";

    /// <summary>The value.</summary>
    public string Value { get; set; } = "";
}

/// <summary>Keeps the slices of a project as its settings say, and tells which an item is in.</summary>
internal static class Slices
{
    /// <summary>Makes slices that the settings name, and forgets others with their counts.</summary>
    /// <returns>Whether there are new ones, which must be counted.</returns>
    public static async Task<bool> SyncAsync(WriteScope scope, Project project)
    {
        var wanted = project.Settings.Slices;
        var there = await scope.Db.Set<Slice>().AsNoTracking().Where(s => s.ProjectId == project.Id).ToListAsync(scope.CancellationToken);
        foreach (var gone in there.Where(s => !wanted.Any(w => Same(s, w)))) await ForgetAsync(scope, [gone.Id]);
        var made = wanted.Where(w => !there.Exists(s => Same(s, w))).Select(w => new Slice { ProjectId = project.Id, Field = w.Field, Value = w.Value }).ToList();
        if (made.Count == 0) return false;
        scope.Db.Set<Slice>().AddRange(made);
        await scope.Db.SaveChangesAsync(scope.CancellationToken);
        return true;
    }

    /// <summary>Forgets slices with their counts.</summary>
    public static async Task ForgetAsync(WriteScope scope, IReadOnlyList<long> slices)
    {
        var tallies = slices.Select(s => -s).ToList();
        await scope.Db.Tallies.Where(t => tallies.Contains(t.ProjectId)).ExecuteDeleteAsync(scope.CancellationToken);
        await scope.Db.Set<Slice>().Where(s => slices.Contains(s.Id)).ExecuteDeleteAsync(scope.CancellationToken);
    }

    /// <summary>The slices that an item is in, by the number under which they are counted.</summary>
    public static IEnumerable<long> Of(string? metadata, IReadOnlyList<Slice> slices, IReadOnlyList<(string Field, string Value)> pairs) =>
        slices.Count == 0 ? [] : ItemMetadata.Matches(metadata, pairs).Select(i => -slices[i].Id);

    private static bool Same(Slice slice, SliceSettings wanted) => string.Equals(slice.Field, wanted.Field, StringComparison.Ordinal) && string.Equals(slice.Value, wanted.Value, StringComparison.Ordinal);
}

internal sealed class SliceConfiguration : IEntityTypeConfiguration<Slice>
{
    public void Configure(EntityTypeBuilder<Slice> builder)
    {
        builder.ToTable("slices");
        builder.Property(s => s.Field).HasMaxLength(100);
        builder.Property(s => s.Value).HasMaxLength(200);
        builder.HasIndex(s => new { s.ProjectId, s.Field, s.Value }).IsUnique();
    }
}
