using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Web.Accounts;

namespace Annotator.Web.Hosting.Api;

/// <summary>Groups of endpoints that live inside a project: the access check is in the group and cannot be forgotten.</summary>
public static class ProjectApi
{
    /// <summary>Name of the route value that holds the project.</summary>
    public const string RouteValue = "projectId";

    /// <summary>
    /// A group under <c>/api/v1/projects/{projectId}</c>. Callers who may not see the project get the 404 of one that does not
    /// exist, before the body is read; inside, <see cref="Grant"/> has the project.
    /// </summary>
    public static RouteGroupBuilder MapProjectApi(this IEndpointRouteBuilder endpoints, string pattern = "") =>
        endpoints.MapGroup($"/api/v1/projects/{{{RouteValue}:long}}" + pattern).RequireAuthorization(Policies.SignedIn).WithMetadata(new InProject());

    /// <summary>Leaves an endpoint of a project group to the project's leads and to admins; others get 403.</summary>
    public static TBuilder RequireLead<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new ForLeads());

    /// <summary>The project of the request as the caller may see it.</summary>
    /// <exception cref="InvalidOperationException">The endpoint is not in a group of <see cref="MapProjectApi"/>.</exception>
    public static ProjectGrant Grant(this HttpContext context) =>
        context.Features.Get<ProjectGrant>() ?? throw new InvalidOperationException("This endpoint is not in a project group.");

    internal sealed record InProject;

    internal sealed record ForLeads;
}

/// <summary>Loads the project of the request before anything of the endpoint runs.</summary>
internal sealed class ProjectMiddleware(RequestDelegate next, ProjectAccess access)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var metadata = context.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<ProjectApi.InProject>() is not null)
        {
            var grant = long.TryParse((string?)context.GetRouteValue(ProjectApi.RouteValue), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? await access.FindAsync(context.Caller(), id, context.RequestAborted)
                : null;
            if (grant is null)
            {
                await Problems.NotFound().ExecuteAsync(context);
                return;
            }

            if (metadata.GetMetadata<ProjectApi.ForLeads>() is not null && !grant.IsLead)
            {
                await Problems.Forbidden("This needs a lead of the project.").ExecuteAsync(context);
                return;
            }

            context.Features.Set(grant);
        }

        await next(context);
    }
}
