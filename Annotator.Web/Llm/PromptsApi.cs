using System.ComponentModel;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Runs;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Runs;

namespace Annotator.Web.Llm;

/// <summary>A new version as it is sent; what is not named is taken from its parent.</summary>
public sealed record PromptBody(
    int? Parent, string? Instructions, IReadOnlyDictionary<string, string>? Definitions, IReadOnlyList<string>? Rules, IReadOnlyList<LlmExample>? Examples, string? Note);

/// <summary>Rules that are approved.</summary>
public sealed record RulesBody(IReadOnlyList<string>? Rules);

internal static class PromptsApi
{
    public static void MapPromptsApi(this IEndpointRouteBuilder endpoints)
    {
        var prompts = endpoints.MapProjectApi("/prompts").WithTags("Prompts");
        prompts.MapGet("", async (Paging paging, PromptCatalog catalog, HttpContext context) =>
        {
            var project = context.Grant().Project;
            if (paging.Id is null) await catalog.CurrentAsync(project, context.RequestAborted);
            var rows = await catalog.ListAsync(project.Id, paging.Id, paging.Limit + 1, context.RequestAborted);
            return paging.Page(rows, p => p.Version, p => p);
        }).RequireLead().WithSummary("Versions of the prompt, newest first").Produces<Listing<PromptInfo>>();
        prompts.MapPost("", async (PromptBody body, PromptCatalog catalog, HttpContext context) =>
        {
            var project = context.Grant().Project;
            var current = await catalog.CurrentAsync(project, context.RequestAborted);
            var parent = body.Parent is { } number ? await catalog.FindAsync(project.Id, number, context.RequestAborted) : current;
            if (parent is null) return Problems.Validation("parent", "There is no such version.");
            var based = parent.Content.Rebase(project);
            var content = based with
            {
                Instructions = body.Instructions is null ? based.Instructions : body.Instructions.Trim() is { Length: > 0 } given ? given : null,
                Definitions = body.Definitions ?? based.Definitions,
                Rules = body.Rules ?? based.Rules,
                Examples = body.Examples ?? based.Examples,
            };
            var made = await catalog.CreateAsync(context.Caller(), project, content, body.Note, parent.Version, context.RequestAborted);
            return made.Succeeded ? TypedResults.Created($"/api/v1/projects/{Ids.Text(project.Id)}/prompts/{Ids.Text(made.Value.Version)}", made.Value) : (IResult)Problems.Validation(made.Errors);
        }).RequireLead().WithSummary("Makes a version; it is not in use before it is promoted").Produces<PromptInfo>(StatusCodes.Status201Created);
        prompts.MapGet("/compare", async ([Description("The version to compare with.")] int? before, [Description("The version that is compared.")] int? after, PromptCatalog catalog, HttpContext context) =>
        {
            if (before is null || after is null) return Problems.Validation(before is null ? "before" : "after", "A version is needed.");
            return await catalog.CompareAsync(context.Grant().Project.Id, before.Value, after.Value, context.RequestAborted) is { } comparison ? TypedResults.Ok(comparison) : (IResult)Problems.NotFound();
        }).RequireLead().WithSummary("Two versions side by side: texts, figures, items whose label changed").Produces<PromptComparison>();

        prompts.MapGet("/rules", async (PromptRules rules, HttpContext context) =>
            await rules.NewestAsync(context.Grant().Project.Id, context.RequestAborted) is { } found ? TypedResults.Ok(found) : (IResult)Problems.NotFound())
            .RequireLead().WithSummary("The newest proposal of rules for edge cases (a run of kind findRules makes it)").Produces<RuleProposal>();
        prompts.MapPost("/rules", async (RulesBody body, PromptRules rules, HttpContext context) =>
        {
            var made = await rules.ApproveAsync(context.Caller(), context.Grant().Project, body.Rules ?? [], context.RequestAborted);
            return made.Succeeded ? TypedResults.Created($"/api/v1/projects/{Ids.Text(context.Grant().Project.Id)}/prompts/{Ids.Text(made.Value.Version)}", made.Value) : (IResult)Problems.Validation(made.Errors);
        }).RequireLead().WithSummary("Makes a version with the rules that a lead approves; it is not in use before it is promoted").Produces<PromptInfo>(StatusCodes.Status201Created);

        var single = prompts.MapGroup("/{version}");
        single.MapGet("", async ([Description("Number of the version.")] int version, PromptCatalog catalog, HttpContext context) =>
            await catalog.FindAsync(context.Grant().Project.Id, version, context.RequestAborted) is { } found ? TypedResults.Ok(found) : (IResult)Problems.NotFound())
            .RequireLead().WithSummary("A version").Produces<PromptInfo>();
        single.MapPost("/promote", async ([Description("Number of the version.")] int version, PromptCatalog catalog, HttpContext context) =>
        {
            var project = context.Grant().Project;
            if (!await catalog.PromoteAsync(context.Caller().UserId, project.Id, version, context.RequestAborted)) return (IResult)Problems.NotFound();
            return TypedResults.Ok(await catalog.CurrentAsync(project, context.RequestAborted));
        }).RequireLead().WithSummary("Takes a version into use: promotes a newer, rolls back to an older").Produces<PromptInfo>();
        single.MapPost("/measure", async ([Description("Number of the version.")] int version, PromptCatalog catalog, RunService runs, HttpContext context) =>
        {
            var project = context.Grant().Project;
            if (await catalog.FindAsync(project.Id, version, context.RequestAborted) is null) return Problems.NotFound();
            return RunsApi.Accepted(await runs.StartAsync(project.Id, "measurePrompt", new MeasurePromptOptions { Version = version }, context.Caller().UserId, context.RequestAborted));
        }).RequireLead().WithSummary("Measures a version on items that people decided").Produces<RunView>(StatusCodes.Status202Accepted);
    }
}
