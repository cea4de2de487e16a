using System.ComponentModel;
using Annotator.Core.Cascade;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Streaming;

/// <summary>Frames of a source over plain HTTP, for cameras and scripts that speak nothing else.</summary>
internal static class FrameSourcesApi
{
    public static void MapFrameSourcesApi(this IEndpointRouteBuilder endpoints)
    {
        var sources = endpoints.MapProjectApi("/sources").WithTags("Items").RequireLead();
        sources.MapGet("", (FrameSources all, HttpContext context) => new Listing<FrameSourceState>(all.Of(context.Grant().Project.Id), null)).WithSummary("Sources that stream frames into the project through this node");
        sources.MapPost("/{source}/frames", LookAsync).WithMetadata(new StreamedBody()).WithSummary("Looks at the next frame of a source: the raw body is an image").Produces<FrameMessage>();
    }

    private static async Task<IResult> LookAsync(
        [Description("The source: 1 to 100 letters, digits, dots, dashes and underscores.")] string source,
        [Description("The frame's number, greater than the one before; 0 begins anew. The next where none is given.")] long? number,
        FrameSources sources,
        HttpContext context)
    {
        var project = context.Grant().Project;
        if (FrameSources.Refuses(project) is { } reason) return Problems.Unprocessable(reason);
        if (!FrameSources.IsName(source)) return Problems.Validation("source", $"Must be 1 to {FrameSources.LongestName} letters, digits, dots, dashes and underscores.");
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        int count;
        while ((count = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            memory.Write(buffer, 0, count);
            if (memory.Length > FrameSources.MostBytes) return Problems.Validation("file", $"At most {FrameSources.MostBytes / 1_000_000} MB.");
        }

        if (memory.Length == 0) return Problems.Validation("file", "The file is empty.");
        try
        {
            var answer = await sources.OfferAsync(project, source, number, memory.ToArray());
            return answer.Error is { } wrong ? Problems.Unprocessable(wrong) : TypedResults.Ok(FrameMessage.Of(answer));
        }
        catch (TooManySourcesException e)
        {
            context.Response.Headers.RetryAfter = "10";
            return Problems.Of(StatusCodes.Status429TooManyRequests, e.Message);
        }
    }
}
