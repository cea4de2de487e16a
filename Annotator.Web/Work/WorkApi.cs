using System.ComponentModel;
using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Review.Work;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Work;

/// <summary>For whom items are: a person or a group of the settings.</summary>
public sealed record AssigneeBody(string? User, string? Group);

/// <summary>Items to be given to somebody.</summary>
public sealed record AssignmentBody(IReadOnlyList<string>? Items, AssigneeBody? To, DateTimeOffset? DueAt, string? Note);

/// <summary>What an assignment did; <c>final</c> and <c>missing</c> were left out.</summary>
public sealed record AssignedView(string? Id, int Assigned, int Final, int Missing);

/// <summary>An assignment and how far it is.</summary>
public sealed record AssignmentView(string Id, string? UserId, string Name, string Note, int Items, int Now, int Done, DateTimeOffset? DueAt, bool Overdue, DateTimeOffset CreatedAt);

/// <summary>Until when an assignment is to be done; null: no such time.</summary>
public sealed record AssignmentPatch(DateTimeOffset? DueAt);

/// <summary>Whether a project rests, and what people are told.</summary>
public sealed record RestBody(bool? Paused, string? Note);

/// <summary>Whether a project rests.</summary>
public sealed record RestView(bool Paused, string Note);

internal static class WorkApi
{
    private const int MostListed = 500;

    public static void MapWorkApi(this IEndpointRouteBuilder endpoints)
    {
        var assignments = endpoints.MapProjectApi("/assignments").WithTags("Work");
        assignments.MapPost("", async (AssignmentBody body, Assignments work, HttpContext context) =>
        {
            var items = new List<long>();
            for (var i = 0; i < (body.Items?.Count ?? 0); i++)
            {
                if (!Parse(body.Items![i], out var id)) return Problems.Validation(Ids.At("items", i), "Must be the id of an item.");
                items.Add(id);
            }

            long user = 0;
            if (body.To?.User is { } person && !Parse(person, out user)) return Problems.Validation("to.user", "Must be the id of a person.");
            var to = new Assignee(body.To?.User is null ? null : user, string.IsNullOrWhiteSpace(body.To?.Group) ? null : body.To.Group);
            var made = await work.AssignAsync(context.Grant(), context.Caller().UserId, items, to, body.DueAt, body.Note, context.RequestAborted);
            return made.Succeeded
                ? TypedResults.Ok(new AssignedView(made.Value.Id is { } id2 ? Ids.Text(id2) : null, made.Value.Assigned, made.Value.Final, made.Value.Missing))
                : (IResult)Problems.Validation(made.Errors);
        }).RequireLead().WithSummary("Gives items to a person or a group: nobody else is lent them").Produces<AssignedView>();
        assignments.MapGet("", async (Assignments work, HttpContext context) =>
        {
            var grant = context.Grant();
            var rows = await work.ListAsync(grant.Project, grant.IsLead ? null : context.Caller().UserId, MostListed, context.RequestAborted);
            return new Listing<AssignmentView>([.. rows.Select(View)], null);
        }).WithSummary("The assignments that hold, newest first; annotators see their own");
        assignments.MapPatch("/{assignmentId}", async ([Description("The assignment.")] string assignmentId, AssignmentPatch body, Assignments work, HttpContext context) =>
            await work.DueAsync(context.Grant(), context.Caller().UserId, Ids.Parse(assignmentId), body.DueAt, context.RequestAborted) ? TypedResults.NoContent() : (IResult)Problems.NotFound())
            .RequireLead().WithSummary("Changes until when an assignment is to be done").Produces(StatusCodes.Status204NoContent);
        assignments.MapDelete("/{assignmentId}", async ([Description("The assignment.")] string assignmentId, Assignments work, HttpContext context) =>
            await work.EndAsync(context.Grant(), context.Caller().UserId, Ids.Parse(assignmentId), context.RequestAborted) ? TypedResults.NoContent() : (IResult)Problems.NotFound())
            .RequireLead().WithSummary("Takes an assignment back: what still waits is everybody's again").Produces(StatusCodes.Status204NoContent);

        endpoints.MapProjectApi("/rest").WithTags("Work").MapPut("", async (RestBody body, ProjectService projects, HttpContext context) =>
        {
            if (body.Paused is not { } paused) return Problems.Validation("paused", "Must be true or false.");
            var settings = new JsonObject { ["work"] = new JsonObject { ["paused"] = paused, ["pauseNote"] = body.Note ?? "" } };
            var changed = await projects.UpdateAsync(context.Caller(), context.Grant().Project.Id, new ProjectChange(Settings: settings), context.RequestAborted);
            return changed.Succeeded ? TypedResults.Ok(new RestView(changed.Value.Settings.Work.Paused, changed.Value.Settings.Work.PauseNote)) : (IResult)Problems.Validation(changed.Errors);
        }).RequireLead().WithSummary("Lets a project rest, or go on: while it rests nobody is lent anything, and all stays as it is").Produces<RestView>();
    }

    /// <summary>What a caller is told who asks for work while the project rests.</summary>
    public static string Resting(WorkSettings work) => work.PauseNote.Length == 0 ? "The project is paused; nothing is lent until a lead reopens it." : $"The project is paused; nothing is lent until a lead reopens it. {work.PauseNote}";

    private static bool Parse(string? text, out long id) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id);

    private static AssignmentView View(AssignmentStanding a) => new(
        Ids.Text(a.Assignment.Id), a.UserId is { } user ? Ids.Text(user) : null, a.Name, a.Assignment.Note, a.Assignment.Items, a.Now, a.Done, a.Assignment.DueAt, a.Overdue, a.Assignment.CreatedAt);
}
