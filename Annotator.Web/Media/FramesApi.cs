using System.ComponentModel;
using Annotator.Core.Labels;
using Annotator.Core.Media.Sampling;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Runs;

namespace Annotator.Web.Media;

internal static class FramesApi
{
    public static void MapFramesApi(this IEndpointRouteBuilder endpoints) => endpoints.MapProjectApi("/frames").WithTags("Import")
        .MapPost("", SampleAsync).RequireLead().WithMetadata(new StreamedBody()).WithSummary("Makes images of frames of a video: the raw body").Produces<RunView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> SampleAsync(
        [Description("How frames are chosen: interval, scene (where another one begins) or uncertain (those that the student or the project's model is least sure of).")] string? mode,
        [Description("Seconds from one frame to the next at least; 1 where nothing is said.")] double? every,
        [Description("By scene: the share of the picture's colours that must be new, 0.02 to 1; 0.35 where nothing is said.")] double? change,
        [Description("How many frames at the most, 1 to 10,000; 500 where nothing is said.")] int? most,
        [Description("Name of the video's file; the names of the images begin with it.")] string? name,
        FrameSampling sampling,
        HttpContext context)
    {
        var kind = SampleMode.Interval;
        if (!string.IsNullOrEmpty(mode) && !Names.TryParse(mode, out kind)) return Problems.Validation("mode", $"Must be one of: {string.Join(", ", Enum.GetValues<SampleMode>().Select(Names.Of))}.");
        if (name?.Length > 400) return Problems.Validation("name", "At most 400 characters.");
        Uploads.Unbind(context);
        var usual = new SampleFramesOptions();
        var request = new SampleFramesOptions { Mode = kind, EverySeconds = every ?? usual.EverySeconds, Change = change ?? usual.Change, Most = most ?? usual.Most, FileName = Path.GetFileName(name ?? "") };
        var started = await sampling.StartAsync(context.Grant().Project, request, context.Request.Body, context.Caller().UserId, context.RequestAborted);
        return started.Succeeded ? RunsApi.Accepted(started.Value) : Problems.Validation(started.Errors.Select(e => (e.Field is "everySeconds" ? "every" : e.Field, e.Message)));
    }
}
