using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Models;
using Annotator.Core.Models.Encoders;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Live;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review.Work;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Projects;

/// <summary>The task of a project as it is sent and answered.</summary>
/// <param name="Type">The task.</param>
/// <param name="Multiple">Whether an item may carry several labels.</param>
/// <param name="Labels">The labels.</param>
public sealed record TaskDefinition(TaskType Type, bool Multiple = false, IReadOnlyList<LabelDefinition>? Labels = null)
{
    /// <summary>The schema of the task.</summary>
    public LabelSchema ToSchema() => new(Type, Multiple, Labels ?? []);
}

/// <summary>What is asked for when a project is made.</summary>
/// <param name="Name">Name.</param>
/// <param name="Modality">What kind of data.</param>
/// <param name="Task">What is to be said of the items.</param>
/// <param name="Guidelines">Markdown.</param>
/// <param name="Settings">Settings; missing ones take their defaults.</param>
public sealed record NewProject(string? Name, Modality Modality, TaskDefinition? Task, string? Guidelines = null, ProjectSettings? Settings = null);

/// <summary>What is changed in a project; null leaves a part as it is.</summary>
/// <param name="Name">Name.</param>
/// <param name="Task">Task; its type cannot change once there are items.</param>
/// <param name="Guidelines">Markdown.</param>
/// <param name="Settings">Settings as a JSON object: fields that are named are changed, the others kept.</param>
public sealed record ProjectChange(string? Name = null, TaskDefinition? Task = null, string? Guidelines = null, JsonObject? Settings = null);

/// <summary>Makes, changes and removes projects.</summary>
public sealed class ProjectService(AnnotatorDatabase database, RunService runs)
{
    /// <summary>The longest guidelines, in characters.</summary>
    public const int MaxGuidelines = 200_000;

    /// <summary>Makes a project; the caller becomes its lead.</summary>
    public async Task<Outcome<Project>> CreateAsync(Caller caller, NewProject wanted, bool isSample = false, CancellationToken cancellationToken = default)
    {
        var schema = wanted.Task?.ToSchema() ?? new LabelSchema(TaskType.Classification, false, []);
        var settings = wanted.Settings ?? new ProjectSettings();
        var errors = Check(wanted.Name, wanted.Guidelines, schema, wanted.Modality, settings);
        if (wanted.Task is null) errors.Add(("task", "A task is needed."));
        if (errors.Count > 0) return Outcome<Project>.Fail(errors);
        return await database.WriteAsync(
            async scope =>
            {
                var wrong = await ModelChoice.CheckAsync(scope.Db, schema, wanted.Modality, settings.Vision, before: null, cancellationToken);
                wrong.AddRange(await EncoderChoice.CheckAsync(scope.Db, wanted.Modality, settings.Representation, before: null, cancellationToken));
                if (wrong.Count > 0) return Outcome<Project>.Fail(wrong);
                var project = new Project
                {
                    Name = wanted.Name!.Trim(),
                    Modality = wanted.Modality,
                    SchemaJson = ProjectJson.WriteSchema(schema.WithDefaults()),
                    SettingsJson = ProjectJson.WriteSettings(settings),
                    Guidelines = wanted.Guidelines ?? "",
                    IsSample = isSample,
                    CreatedAt = scope.Now,
                    CreatedBy = caller.UserId,
                };
                scope.Db.Projects.Add(project);
                await scope.Db.SaveChangesAsync(cancellationToken);
                scope.Db.Memberships.Add(new Membership { ProjectId = project.Id, UserId = caller.UserId, Role = Role.Lead, CreatedAt = scope.Now });
                await WorkLanes.EnsureAsync(scope, project);
                await Slices.SyncAsync(scope, project);
                await SchemaSnapshots.KeepAsync(scope, project);
                Audit(scope, caller, project.Id, "project.created", new { project.Name });
                scope.Publish(new ProjectChanged(project.Id));
                return (Outcome<Project>)project;
            },
            cancellationToken);
    }

    /// <summary>Changes a project.</summary>
    public async Task<Outcome<Project>> UpdateAsync(Caller caller, long projectId, ProjectChange change, CancellationToken cancellationToken = default) => await database.WriteAsync(
        async scope =>
        {
            var project = await scope.Db.Projects.SingleAsync(p => p.Id == projectId && p.DeletedAt == null, cancellationToken);
            var schema = change.Task?.ToSchema() ?? project.Schema;
            var settings = project.Settings;
            if (change.Settings is not null)
            {
                try
                {
                    var merged = Merge(JsonNode.Parse(project.SettingsJson)!.AsObject(), change.Settings);
                    settings = merged.Deserialize<ProjectSettings>(ProjectJson.Options)!;
                }
                catch (JsonException e)
                {
                    return Outcome<Project>.Fail(e.Path is { Length: > 1 } path ? $"settings{path[1..]}" : "settings", "The value is of the wrong kind.");
                }
            }

            var errors = Check(change.Name ?? project.Name, change.Guidelines, schema, project.Modality, settings);
            if (change.Task is not null) errors.AddRange(await CheckSchemaChangeAsync(scope.Db, project, schema, cancellationToken));
            if (change.Settings?["work"] is not null) errors.AddRange(await CheckWorkAsync(scope.Db, schema, settings.Work, cancellationToken));
            if (change.Settings?["vision"] is not null) errors.AddRange(await ModelChoice.CheckAsync(scope.Db, schema, project.Modality, settings.Vision, project.Settings.Vision, cancellationToken));
            if (change.Settings?["representation"] is not null) errors.AddRange(await EncoderChoice.CheckAsync(scope.Db, project.Modality, settings.Representation, project.Settings.Representation, cancellationToken));
            if (errors.Count > 0) return Outcome<Project>.Fail(errors);

            var written = ProjectJson.WriteSchema(schema.WithDefaults());
            if (!string.Equals(written, project.SchemaJson, StringComparison.Ordinal))
            {
                var before = (project.SchemaVersion, project.SchemaJson);
                project.SchemaJson = written;
                project.SchemaVersion++;
                await SchemaSnapshots.KeepAsync(scope, project, before);
            }

            // Another model, or another line for it, says something else of what waits; a run that waits already would not ask again.
            if (settings.Vision.Model is not null && settings.Vision != project.Settings.Vision)
                await runs.AddAsync(scope, project.Id, Cascade.PrelabelHandler.RunKind, new Cascade.PrelabelOptions { Again = true }, caller.UserId);

            // Another encoder sees other things: what is like what, and the student, are found anew.
            if (project.Modality == Modality.Image && !string.Equals(settings.Vision.Encoder, project.Settings.Vision.Encoder, StringComparison.Ordinal))
            {
                await runs.AddOnceAsync(scope, project.Id, Learning.RepresentHandler.RunKind, userId: caller.UserId);
                await runs.AddOnceAsync(scope, project.Id, Learning.TrainHandler.RunKind, userId: caller.UserId);
            }

            // What is like what is found anew; the student learns from the texts themselves.
            if (project.Modality == Modality.Text && !string.Equals(settings.Representation.Encoder, project.Settings.Representation.Encoder, StringComparison.Ordinal))
                await runs.AddOnceAsync(scope, project.Id, Learning.RepresentHandler.RunKind, userId: caller.UserId);

            project.Name = change.Name?.Trim() ?? project.Name;
            project.Guidelines = change.Guidelines ?? project.Guidelines;
            var rules = RulesOf(project.Settings);
            project.Settings = settings;
            project.Version++;
            await WorkLanes.EnsureAsync(scope, project);
            if (await Slices.SyncAsync(scope, project)) await runs.AddOnceAsync(scope, project.Id, RecountHandler.RunKind, userId: caller.UserId);
            if (!string.Equals(rules, RulesOf(settings), StringComparison.Ordinal))
                await runs.AddOnceAsync(scope, project.Id, RouteToExpertsHandler.RunKind, userId: caller.UserId);
            Audit(scope, caller, project.Id, "project.changed", new { change.Name, task = change.Task is not null, guidelines = change.Guidelines is not null, settings = change.Settings });
            scope.Publish(new ProjectChanged(project.Id));
            return project;
        },
        cancellationToken);

    /// <summary>Removes a project: at once for everybody, its rows by a run.</summary>
    public Task DeleteAsync(Caller caller, long projectId, CancellationToken cancellationToken = default) => database.WriteAsync(
        async scope =>
        {
            var project = await scope.Db.Projects.SingleAsync(p => p.Id == projectId && p.DeletedAt == null, cancellationToken);
            project.DeletedAt = scope.Now;
            project.Version++;
            await scope.Db.Runs.Where(r => r.ProjectId == projectId && r.State < RunState.Succeeded).ExecuteUpdateAsync(x => x.SetProperty(r => r.CancelRequested, true), cancellationToken);
            Audit(scope, caller, projectId, "project.deleted", new { project.Name });
            await runs.AddAsync(scope, projectId, DeleteProjectHandler.RunKind, userId: caller.UserId);
            scope.Publish(new ProjectChanged(projectId));
        },
        cancellationToken);

    internal static void Audit(WriteScope scope, Caller caller, long? projectId, string action, object detail) => scope.Db.AuditLog.Add(new AuditEntry
    {
        ProjectId = projectId,
        UserId = caller.UserId,
        Action = action,
        Detail = JsonSerializer.Serialize(detail, ProjectJson.Options),
        CreatedAt = scope.Now,
    });

    private static List<(string Field, string Message)> Check(string? name, string? guidelines, LabelSchema schema, Modality modality, ProjectSettings settings)
    {
        var errors = new List<(string, string)>();
        if (string.IsNullOrWhiteSpace(name) || name.Trim().Length > 200) errors.Add(("name", "A name of 1 to 200 characters is needed."));
        if (guidelines?.Length > MaxGuidelines) errors.Add(("guidelines", $"At most {MaxGuidelines} characters."));
        errors.AddRange(schema.Validate(modality));
        errors.AddRange(settings.Validate());
        return errors;
    }

    private static async Task<List<(string Field, string Message)>> CheckSchemaChangeAsync(AnnotatorDbContext db, Project project, LabelSchema schema, CancellationToken cancellationToken)
    {
        var errors = new List<(string, string)>();
        var old = project.Schema;
        if (old.Type == schema.Type && old.Multiple == schema.Multiple && old.Labels.All(l => schema.Contains(l.Name))) return errors;
        if (!await db.Items.AnyAsync(i => i.ProjectId == project.Id, cancellationToken)) return errors;
        if (old.Type != schema.Type || old.Multiple != schema.Multiple) errors.Add(("task.type", "The kind of task cannot change once there are items."));

        // A label that is in use cannot simply vanish: what was said with it would be lost.
        foreach (var gone in old.Labels.Where(l => !schema.Contains(l.Name)))
        {
            var needle = JsonSerializer.Serialize(gone.Name, ProjectJson.Options);
            var used = await db.Decisions.AnyAsync(d => d.ProjectId == project.Id && d.Value != null && d.Value.Contains(needle), cancellationToken);
            if (used) errors.Add(("task.labels", $"'{gone.Name}' has been used and cannot be removed."));
        }

        return errors;
    }

    // What decides which lane an item waits in.
    private static string RulesOf(ProjectSettings settings) =>
        JsonSerializer.Serialize(settings.Work.Rules, ProjectJson.Options) + JsonSerializer.Serialize(settings.Work.Groups, ProjectJson.Options);

    // Rules speak of labels and people that are there.
    private static async Task<List<(string Field, string Message)>> CheckWorkAsync(AnnotatorDbContext db, LabelSchema schema, WorkSettings work, CancellationToken cancellationToken)
    {
        var errors = new List<(string, string)>();
        for (var i = 0; i < work.Rules.Count; i++)
        {
            if (work.Rules[i]?.Labels?.FirstOrDefault(l => !schema.Contains(l)) is { } unknown) errors.Add(($"settings.work.rules[{i}].labels", $"There is no label '{unknown}'."));
        }

        if (work.SignOff?.Labels?.FirstOrDefault(l => !schema.Contains(l)) is { } missing) errors.Add(("settings.work.signOff.labels", $"There is no label '{missing}'."));
        for (var i = 0; i < work.Groups.Count; i++)
        {
            var people = (work.Groups[i]?.People ?? []).Select(p => long.TryParse(p, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var id) ? id : 0).Where(p => p > 0).Distinct().ToList();
            var known = await db.Users.Where(u => people.Contains(u.Id) && !u.IsImported).Select(u => u.Id).ToListAsync(cancellationToken);
            if (people.Except(known).FirstOrDefault() is > 0 and var stranger) errors.Add(($"settings.work.groups[{i}].people", $"There is no person '{stranger}'."));
        }

        return errors;
    }

    private static JsonObject Merge(JsonObject target, JsonObject change)
    {
        foreach (var (name, value) in change)
        {
            // RFC 7396: null takes the field away, and its default holds again.
            if (value is null) target.Remove(name);
            else if (value is JsonObject inner && target[name] is JsonObject existing) Merge(existing, inner);
            else target[name] = value.DeepClone();
        }

        return target;
    }
}
