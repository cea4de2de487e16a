using Annotator.Core.Media;
using Annotator.Web.Hosting.Api;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Media;

/// <summary>Films that browsers do not play, as ones that they play.</summary>
internal static class PlayableFilmsApi
{
    // A page asks again so often.
    private const string Pause = "1";

    public static void MapPlayableFilmsApi(this IEndpointRouteBuilder endpoints)
    {
        var films = endpoints.MapProjectApi("/media").WithTags("Items");
        films.MapGet("/{name}/playable", AskAsync).WithSummary("Makes a video that browsers play of one that they do not: 202 with the part that is done, 200 once it is there").Produces<FilmProgress>().Produces<FilmProgress>(StatusCodes.Status202Accepted);
        films.MapGet("/{name}/playable.mp4", Open).WithSummary("A video as browsers play it; 404 where it was not asked for").Produces<Stream>(StatusCodes.Status200OK, PlayableFilms.ContentType);
    }

    private static async Task<IResult> AskAsync(string name, PlayableFilms films, MediaService media, HttpContext context)
    {
        // Only of what is there, and a film.
        var project = context.Grant().Project.Id;
        if (await media.OpenAsync(project, name, context.RequestAborted) is not { } file) return Problems.NotFound();
        await file.Content.DisposeAsync();
        if (file.Kind.Modality != Core.Labels.Modality.Video) return Problems.Unprocessable("The file is no video.");
        var asked = await films.AskAsync(project, name, context.RequestAborted);
        if (!asked.Succeeded) return Problems.Unprocessable(asked.Errors[0].Message);
        if (asked.Value.Frames is not null) return TypedResults.Ok(asked.Value);
        context.Response.Headers.RetryAfter = Pause;
        return TypedResults.Json(asked.Value, statusCode: StatusCodes.Status202Accepted);
    }

    private static IResult Open(string name, PlayableFilms films, HttpContext context)
    {
        if (films.Open(context.Grant().Project.Id, name) is not { } film) return Problems.NotFound();
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        context.Response.Headers.CacheControl = "private, max-age=86400";
        return TypedResults.Stream(film, PlayableFilms.ContentType, entityTag: new EntityTagHeaderValue($"\"{name}-p\""), enableRangeProcessing: true);
    }
}
