using Annotator.Core.Learning;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Models;

/// <summary>What a project's items are compared by.</summary>
/// <param name="Run">The run that made it; null before the first.</param>
/// <param name="Encoder">Id of the uploaded encoder of texts; null where it is built in.</param>
/// <param name="EncoderName">Its name and version.</param>
/// <param name="Items">How many items it holds.</param>
/// <param name="Dimensions">Numbers that it says of an item.</param>
/// <param name="Fallback">Why it is built in although the project has chosen an encoder; null where that is not so.</param>
public sealed record RepresentationView(string? Run, string? Encoder, string? EncoderName, long Items, int Dimensions, string? Fallback);

internal static class RepresentationApi
{
    public static void MapRepresentationApi(this IEndpointRouteBuilder endpoints) => endpoints.MapProjectApi("/representation").WithTags("Items").MapGet("", async (Representations representations, HttpContext context) =>
        await representations.LatestAsync(context.Grant().Project.Id, context.RequestAborted) is { } latest
            ? new RepresentationView(Ids.Text(latest.Version), latest.Encoder, latest.EncoderName, latest.Items, latest.Dimensions, latest.Fallback) : new RepresentationView(null, null, null, 0, 0, null))
        .RequireLead().WithSummary("What the project's items are compared by: the built-in representation or an uploaded encoder");
}
