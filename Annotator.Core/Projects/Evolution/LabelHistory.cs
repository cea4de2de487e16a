using System.Text.Json;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Projects.Evolution;

/// <summary>A version of a project's labels.</summary>
/// <param name="Version">The version.</param>
/// <param name="Schema">The labels.</param>
/// <param name="CreatedAt">Since when.</param>
public sealed record SchemaVersion(int Version, LabelSchema Schema, DateTimeOffset CreatedAt);

/// <summary>
/// Says labels in the words of an older version of the schema: what an item had then where the change wrote it down, and else the name that the newer one came from.
/// A label that the older version has no word for is not said.
/// </summary>
public sealed class LabelHistory
{
    private readonly IReadOnlyList<Step> _steps;

    private LabelHistory(int version, LabelSchema schema, IReadOnlyList<Step> steps) => (Version, Schema, _steps) = (version, schema, steps);

    /// <summary>The version.</summary>
    public int Version { get; }

    /// <summary>Its labels.</summary>
    public LabelSchema Schema { get; }

    /// <summary>The changes that are gone back over, by run.</summary>
    internal IReadOnlyCollection<long> Runs => [.. _steps.Select(s => s.Run)];

    /// <summary>The versions of a project that are known, newest first.</summary>
    public static Task<List<SchemaVersion>> VersionsAsync(AnnotatorDatabase database, Project project, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var kept = await db.Set<SchemaSnapshot>().Where(s => s.ProjectId == project.Id).OrderByDescending(s => s.Version).ToListAsync(cancellationToken);
            List<SchemaVersion> versions = [.. kept.Select(s => new SchemaVersion(s.Version, s.Schema, s.CreatedAt))];
            if (versions.Count == 0 || versions[0].Version < project.SchemaVersion) versions.Insert(0, new SchemaVersion(project.SchemaVersion, project.Schema, project.CreatedAt));
            return versions;
        },
        cancellationToken);

    /// <summary>The way back to a version; or what is wrong with it.</summary>
    public static async Task<Outcome<LabelHistory>> FindAsync(AnnotatorDatabase database, Project project, int version, CancellationToken cancellationToken = default)
    {
        if (version == project.SchemaVersion) return new LabelHistory(version, project.Schema, []);
        if (version < 1 || version > project.SchemaVersion) return Outcome<LabelHistory>.Fail("schemaVersion", $"The project has versions 1 to {project.SchemaVersion}.");
        return await database.ReadAsync(
            async db =>
            {
                var kept = await db.Set<SchemaSnapshot>().FirstOrDefaultAsync(s => s.ProjectId == project.Id && s.Version == version, cancellationToken);
                if (kept is null) return Outcome<LabelHistory>.Fail("schemaVersion", $"The labels of version {version} were not kept.");
                var runs = await db.Runs.Where(r => r.ProjectId == project.Id && r.Kind == EvolveLabels.RunKind && r.State == RunState.Succeeded && r.Cursor != null).ToListAsync(cancellationToken);
                var read = runs.ToDictionary(r => r.Id, r => (Options: JsonSerializer.Deserialize<EvolveLabelsOptions>(r.Options, ProjectJson.Options)!, JsonSerializer.Deserialize<EvolveLabelsHandler.Cursor>(r.Cursor!, ProjectJson.Options)!.Version));
                List<Step> steps = [.. read.Where(r => r.Value.Version > version).OrderByDescending(r => r.Value.Version)
                    .Select(r => new Step(r.Key, r.Value.Options, r.Value.Options.Undo is { } undo && read.TryGetValue(undo, out var undone) ? undone.Options : null))];
                return (Outcome<LabelHistory>)new LabelHistory(version, kept.Schema, steps);
            },
            cancellationToken);
    }

    /// <summary>A label in the words of the version; null where it has none for it.</summary>
    /// <param name="value">The label as it is now, as canonical JSON.</param>
    /// <param name="events">What changes of the schema wrote down of the item: the label before, by run.</param>
    internal string? Of(string value, IReadOnlyDictionary<long, string?> events)
    {
        string? at = value;
        foreach (var step in _steps)
        {
            if (at is null) return null;
            at = step.Undone is null && events.GetValueOrDefault(step.Run) is { } before && string.Equals(LabelEvolution.ValueAfter(step.Options, before), at, StringComparison.Ordinal)
                ? before
                : Renamed(at, step.Back);
        }

        return at is not null && LabelJson.Read(at).LabelNames.All(Schema.Contains) ? at : null;
    }

    private static string? Renamed(string value, Func<string, string?> name)
    {
        var read = LabelJson.Read(value);
        return read.LabelNames.Any(n => name(n) is null) ? null : LabelJson.Write(LabelRenaming.Apply(read, n => name(n)!));
    }

    private sealed record Step(long Run, EvolveLabelsOptions Options, EvolveLabelsOptions? Undone)
    {
        // The name of a label before the change. To take a change back is to make it, seen from after.
        public string? Back(string label)
        {
            if (Undone is { } undone) return LabelEvolution.NameAfter(undone, label);
            var made = Options.To.Any(t => string.Equals(t.Trim(), label, StringComparison.Ordinal));
            return Options.Kind switch
            {
                EvolutionKind.Rename or EvolutionKind.Split when made => Options.Labels[0],
                EvolutionKind.Add when made => null,
                _ => label,
            };
        }
    }

    /// <summary>What changes of the schema wrote down of some items, by item and run.</summary>
    internal async Task<ILookup<long, (long Run, string? Value)>> EventsAsync(AnnotatorDbContext db, long projectId, long first, long last, CancellationToken cancellationToken)
    {
        if (_steps.Count == 0) return Enumerable.Empty<long>().ToLookup(x => x, _ => (0L, (string?)null));
        var runs = Runs;
        var rows = await db.ItemEvents.Where(e => e.ProjectId == projectId && e.ItemId >= first && e.ItemId <= last && e.Kind == EvolveLabelsHandler.EventKind && e.Detail != null)
            .Select(e => new { e.ItemId, e.Value, e.Detail }).ToListAsync(cancellationToken);
        return rows.Select(r => (r.ItemId, JsonSerializer.Deserialize<EvolveLabelsHandler.Before>(r.Detail!, ProjectJson.Options)!.Run, r.Value)).Where(r => runs.Contains(r.Run)).ToLookup(r => r.ItemId, r => (r.Run, r.Value));
    }
}
