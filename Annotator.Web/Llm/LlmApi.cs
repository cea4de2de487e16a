using System.ComponentModel;
using Annotator.Core.Labels;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Bias;
using Annotator.Core.Llm.Taxonomy;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Llm;

/// <summary>A provider as it is sent. <c>apiKey</c>: null keeps the key that is there, empty takes it away; it is never answered.</summary>
public sealed record ProviderBody(string? Name, LlmProviderSettings? Settings, string? ApiKey);

/// <summary>The ledger of a project.</summary>
public sealed record LedgerView(DateOnly From, DateOnly To, IReadOnlyList<LedgerLine> Lines);

/// <summary>Labels that are accepted. <c>replace</c>: labels of the project that are not named are taken away.</summary>
public sealed record TaxonomyBody(IReadOnlyList<AcceptedLabel>? Labels, bool Replace = false);

/// <summary>The labels of a project.</summary>
public sealed record TaxonomyView(int SchemaVersion, IReadOnlyList<LabelDefinition> Labels);

internal static class LlmApi
{
    // A year and a day.
    private const int MostDays = 366;

    public static void MapLlmApi(this IEndpointRouteBuilder endpoints)
    {
        var llm = endpoints.MapGroup("/api/v1/llm").RequireAuthorization(Policies.Admin).WithTags("LLM providers");
        llm.MapGet("/presets", () => new Listing<LlmPreset>(LlmPreset.All, null)).WithSummary("Settings to begin with for well-known kinds of endpoints");
        llm.MapGet("/providers", async (LlmProviders providers, HttpContext context) => new Listing<LlmProviderInfo>(await providers.ListAsync(context.RequestAborted), null))
            .WithSummary("Connected endpoints, the settings file's first, without their keys");
        llm.MapPost("/providers", async (ProviderBody body, LlmProviders providers, HttpContext context) =>
        {
            var made = await providers.SaveAsync(context.Caller(), null, body.Name, body.Settings ?? new LlmProviderSettings(), body.ApiKey, context.RequestAborted);
            return made.Succeeded ? TypedResults.Created($"/api/v1/llm/providers/{made.Value!.Id}", made.Value) : (IResult)Problems.Validation(made.Errors);
        }).WithSummary("Connects an endpoint").Produces<LlmProviderInfo>(StatusCodes.Status201Created);
        llm.MapPost("/providers/default/test", async (LlmProviders providers, HttpContext context) =>
            await providers.TestAsync(null, context.RequestAborted) is { } result ? TypedResults.Ok(result) : (IResult)Problems.NotFound())
            .WithSummary("Tests the endpoint of the settings file").Produces<LlmProbeResult>();

        var single = llm.MapGroup("/providers/{providerId:long}");
        single.MapGet("", async ([Description("The endpoint.")] long providerId, LlmProviders providers, HttpContext context) =>
            await providers.FindAsync(providerId, context.RequestAborted) is { } found ? TypedResults.Ok(found) : (IResult)Problems.NotFound())
            .WithSummary("A connected endpoint, without its key").Produces<LlmProviderInfo>();
        single.MapPut("", async ([Description("The endpoint.")] long providerId, ProviderBody body, LlmProviders providers, HttpContext context) =>
        {
            var saved = await providers.SaveAsync(context.Caller(), providerId, body.Name, body.Settings ?? new LlmProviderSettings(), body.ApiKey, context.RequestAborted);
            if (!saved.Succeeded) return Problems.Validation(saved.Errors);
            return saved.Value is { } found ? TypedResults.Ok(found) : (IResult)Problems.NotFound();
        }).WithSummary("Changes a connected endpoint; at another host its key must be given again").Produces<LlmProviderInfo>();
        single.MapDelete("", async ([Description("The endpoint.")] long providerId, LlmProviders providers, HttpContext context) =>
            await providers.DeleteAsync(context.Caller(), providerId, context.RequestAborted) ? TypedResults.NoContent() : (IResult)Problems.NotFound())
            .WithSummary("Takes a connected endpoint away").Produces(StatusCodes.Status204NoContent);
        single.MapPost("/test", async ([Description("The endpoint.")] long providerId, LlmProviders providers, HttpContext context) =>
            await providers.TestAsync(providerId, context.RequestAborted) is { } result ? TypedResults.Ok(result) : (IResult)Problems.NotFound())
            .WithSummary("Tests what an endpoint understands, by a few small requests").Produces<LlmProbeResult>();

        var project = endpoints.MapProjectApi("/llm").WithTags("LLM");
        project.MapGet("/ledger", async ([Description("First day, as yyyy-MM-dd; 30 days before the last where none is given.")] DateOnly? from, [Description("Last day; today where none is given.")] DateOnly? to, LlmReports reports, TimeProvider time, HttpContext context) =>
        {
            var last = to ?? DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
            var first = from ?? last.AddDays(-30);
            if (first > last || last.DayNumber - first.DayNumber >= MostDays) return Problems.Validation("from", $"Must be before 'to', by at most {MostDays} days.");
            return (IResult)TypedResults.Ok(new LedgerView(first, last, await reports.LedgerAsync(context.Grant().Project.Id, first, last, context.RequestAborted)));
        }).RequireLead().WithSummary("Calls, tokens and cost by day, model and version of the prompt").Produces<LedgerView>();
        project.MapGet("/cost", async (LlmReports reports, HttpContext context) => await reports.SummaryAsync(context.Grant().Project, context.RequestAborted))
            .RequireLead().WithSummary("What the LLM has cost so far, and what it was not asked about");
        project.MapGet("/bias", async (BiasReader bias, HttpContext context) => await bias.ReadAsync(context.Grant().Project, context.RequestAborted))
            .RequireLead().WithSummary("The LLM's labels against people's: by label, version, slice of the metadata and time, what the newest probe found, and alarms");
        project.MapGet("/taxonomy", async (TaxonomyService taxonomy, HttpContext context) =>
            await taxonomy.NewestProposalAsync(context.Grant().Project.Id, context.RequestAborted) is { } found ? TypedResults.Ok(found.Proposal) : (IResult)Problems.NotFound())
            .RequireLead().WithSummary("The newest proposal of labels (a run of kind proposeTaxonomy makes it)").Produces<TaxonomyProposal>();
        project.MapPost("/taxonomy", async (TaxonomyBody body, TaxonomyService taxonomy, HttpContext context) =>
        {
            var changed = await taxonomy.AcceptAsync(context.Caller(), context.Grant().Project, body.Labels ?? [], body.Replace, context.RequestAborted);
            return changed.Succeeded ? TypedResults.Ok(new TaxonomyView(changed.Value.SchemaVersion, changed.Value.Schema.Labels)) : (IResult)Problems.Validation(changed.Errors);
        }).RequireLead().WithSummary("Takes labels into the project, and labels what waits with them").Produces<TaxonomyView>();
        project.MapGet("/estimate", async (LlmReports reports, HttpContext context) => await reports.EstimateAsync(context.Grant().Project, context.RequestAborted))
            .RequireLead().WithSummary("Estimated cost and time of what the LLM was not asked about yet");
    }
}
