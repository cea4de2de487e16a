using Annotator.Core.Media;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Media;

internal static class VideoApi
{
    public static void MapVideoApi(this IEndpointRouteBuilder endpoints) => endpoints.MapProjectApi("/media").WithTags("Items")
        .MapGet("/{name}/frames", FramesAsync).WithSummary("When each frame of an uploaded video is shown").Produces<VideoFrames>();

    private static async Task<IResult> FramesAsync(string name, VideoProbe probe, HttpContext context)
    {
        var frames = await probe.ReadAsync(context.Grant().Project.Id, name, context.RequestAborted);
        if (!frames.Succeeded) return Problems.Unprocessable(frames.Errors[0].Message);
        context.Response.Headers.CacheControl = "private, max-age=86400";
        return TypedResults.Ok(frames.Value);
    }
}
