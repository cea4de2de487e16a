using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Projects;

/// <summary>A project as the API shows it.</summary>
public sealed record ProjectView(
    string Id, string Name, Modality Modality, TaskView Task, int SchemaVersion, string Guidelines, ProjectSettings Settings, Role Role, DateTimeOffset CreatedAt);

/// <summary>A task as the API shows it.</summary>
public sealed record TaskView(TaskType Type, bool Multiple, IReadOnlyList<LabelDefinition> Labels);

/// <summary>A task as it is sent.</summary>
/// <param name="Type">The task.</param>
/// <param name="Multiple">Whether an item may carry several labels.</param>
/// <param name="Labels">The labels in the order they are shown.</param>
public sealed record TaskBody(TaskType? Type, bool? Multiple, IReadOnlyList<LabelDefinition?>? Labels);

/// <summary>A new project as it is sent.</summary>
public sealed record ProjectBody(string? Name, Modality? Modality, TaskBody? Task, string? Guidelines, ProjectSettings? Settings);

/// <summary>Changes of a project as they are sent (RFC 7396): what is not named stays, in the task and the settings too; labels are replaced as a whole.</summary>
public sealed record ProjectPatch(string? Name, TaskBody? Task, string? Guidelines, JsonObject? Settings);

internal static class ProjectsApi
{
    public static void MapProjectsApi(this IEndpointRouteBuilder endpoints)
    {
        var projects = endpoints.MapGroup("/api/v1/projects").RequireAuthorization(Policies.SignedIn).WithTags("Projects");
        projects.MapPost("", async (ProjectBody body, ProjectService service, HttpContext context) =>
        {
            if (Missing(body) is { Count: > 0 } missing) return Problems.Validation(missing);
            var task = new TaskDefinition(body.Task!.Type!.Value, body.Task.Multiple ?? false, [.. (body.Task.Labels ?? []).OfType<LabelDefinition>()]);
            var made = await service.CreateAsync(context.Caller(), new NewProject(body.Name, body.Modality!.Value, task, body.Guidelines, body.Settings), cancellationToken: context.RequestAborted);
            return made.Succeeded ? TypedResults.Created($"/api/v1/projects/{Ids.Text(made.Value.Id)}", View(made.Value, Role.Lead)) : (IResult)Problems.Validation(made.Errors);
        }).RequireAuthorization(Policies.Lead).WithSummary("Makes a project").Produces<ProjectView>(StatusCodes.Status201Created);
        projects.MapPost("/sample", async (SampleProject sample, HttpContext context) =>
        {
            var made = await sample.CreateAsync(context.Caller(), context.RequestAborted);
            return TypedResults.Created($"/api/v1/projects/{Ids.Text(made.Id)}", View(made, Role.Lead));
        }).RequireAuthorization(Policies.Lead).WithSummary("Makes the sample project");
        projects.MapGet("", async (Paging paging, ProjectAccess access, HttpContext context) =>
        {
            var caller = context.Caller();
            var rows = await access.ListAsync(caller, paging.Id, paging.Limit + 1, context.RequestAborted);
            return paging.Page(rows, p => p.Id, p => View(p, caller.Role));
        }).WithSummary("Projects that the caller may see, newest first");

        var project = endpoints.MapProjectApi().WithTags("Projects");
        project.MapGet("", (HttpContext context) => View(context.Grant().Project, context.Grant().Role)).WithSummary("A project");
        project.MapPatch("", async (ProjectPatch body, ProjectService service, HttpContext context) =>
        {
            if (NoLabels(body.Task) is { Count: > 0 } wrong) return Problems.Validation(wrong);
            var current = context.Grant().Project.Schema;
            var task = body.Task is null ? null : new TaskDefinition(body.Task.Type ?? current.Type, body.Task.Multiple ?? current.Multiple, body.Task.Labels is { } labels ? [.. labels.OfType<LabelDefinition>()] : current.Labels);
            var changed = await service.UpdateAsync(context.Caller(), context.Grant().Project.Id, new ProjectChange(body.Name, task, body.Guidelines, body.Settings), context.RequestAborted);
            return changed.Succeeded ? TypedResults.Ok(View(changed.Value, context.Grant().Role)) : (IResult)Problems.Validation(changed.Errors);
        }).RequireLead().WithSummary("Changes a project; what is not named stays").Produces<ProjectView>();
        project.MapDelete("", async (ProjectService service, HttpContext context) =>
        {
            await service.DeleteAsync(context.Caller(), context.Grant().Project.Id, context.RequestAborted);
            return TypedResults.NoContent();
        }).RequireLead().WithSummary("Removes a project with all that is in it");
    }

    private static List<(string Field, string Message)> Missing(ProjectBody body)
    {
        var errors = NoLabels(body.Task);
        if (string.IsNullOrWhiteSpace(body.Name)) errors.Add(("name", "A name of 1 to 200 characters is needed."));
        if (body.Modality is null) errors.Add(("modality", $"Must be one of: {NamesOf<Modality>()}."));
        if (body.Task is null) errors.Add(("task", "A task is needed."));
        else if (body.Task.Type is null) errors.Add(("task.type", $"Must be one of: {NamesOf<TaskType>()}."));
        return errors;
    }

    private static List<(string Field, string Message)> NoLabels(TaskBody? task) =>
        [.. (task?.Labels ?? []).Select((l, i) => (l, i)).Where(x => x.l is null).Select(x => (Ids.At("task.labels", x.i), "A label is needed."))];

    private static string NamesOf<T>()
        where T : struct, Enum => string.Join(", ", Enum.GetValues<T>().Select(Names.Of));

    public static ProjectView View(Project project, Role role)
    {
        var schema = project.Schema;
        return new ProjectView(
            Ids.Text(project.Id), project.Name, project.Modality, new TaskView(schema.Type, schema.Multiple, schema.Labels), project.SchemaVersion, project.Guidelines, project.Settings, role, project.CreatedAt);
    }
}
