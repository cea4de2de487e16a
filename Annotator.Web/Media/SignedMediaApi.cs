using Annotator.Core.Media;
using Annotator.Web.Hosting.Api;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Media;

/// <summary>What a signed address is asked for with.</summary>
/// <param name="Seconds">How long it is to work; null: as long as the settings allow.</param>
public sealed record NewLinkBody(int? Seconds);

/// <summary>A signed address.</summary>
/// <param name="Url">The address, absolute; it works without a token.</param>
/// <param name="ExpiresAt">When it ends.</param>
public sealed record LinkView(string Url, DateTimeOffset ExpiresAt);

/// <summary>Addresses of images and videos that work for a while without a session.</summary>
internal static class SignedMediaApi
{
    public static void MapSignedMediaApi(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapProjectApi("/media").WithTags("Items").MapPost("/{name}/link", SignAsync).RequireLead().WithSummary("An address of an uploaded image or video that works without a token for a while").Produces<LinkView>();
        endpoints.MapMethods("/media/{projectId:long}/{name}", ["GET", "HEAD"], OpenAsync).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>Where this installation was reached, without a slash at the end.</summary>
    public static string BaseOf(HttpContext context) => $"{context.Request.Scheme}://{context.Request.Host}{context.Request.PathBase}";

    private static async Task<IResult> SignAsync(string name, NewLinkBody? body, MediaLinks links, MediaService media, IOptions<MediaOptions> options, HttpContext context)
    {
        var most = options.Value.LinkMinutes * 60L;
        if (body?.Seconds is { } seconds && (seconds < 1 || seconds > most)) return Problems.Validation("seconds", $"Must be 1 to {most}.");
        var project = context.Grant().Project.Id;
        if (await media.OpenAsync(project, name, context.RequestAborted) is not { } file) return Problems.NotFound();
        await file.Content.DisposeAsync();
        var life = body?.Seconds is { } wanted ? TimeSpan.FromSeconds(wanted) : (TimeSpan?)null;
        var sign = await links.SignerAsync(project, BaseOf(context), life, context.RequestAborted);
        return TypedResults.Ok(new LinkView(sign(MediaService.AddressOf(project, name))!, links.EndOf(life)));
    }

    private static async Task<IResult> OpenAsync(long projectId, string name, long? expires, string? signature, MediaLinks links, MediaService media, TimeProvider time, HttpContext context)
    {
        var state = await links.CheckAsync(projectId, name, expires ?? 0, signature, context.RequestAborted);
        if (state != LinkState.Good) return Problems.Forbidden(state == LinkState.Expired ? "The time of this address is over; ask for a new one." : "This address is not signed by this installation, or was changed.");
        if (await media.OpenAsync(projectId, name, context.RequestAborted) is not { } file) return Problems.NotFound();

        // The address is all that is needed, so pages of other sites may show and read it; nothing of ours is sent along. No cache outlives the address.
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        headers.AccessControlAllowOrigin = "*";
        headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"private, max-age={Math.Max(0, expires!.Value - time.GetUtcNow().ToUnixTimeSeconds())}, immutable");
        return TypedResults.Stream(file.Content, file.Kind.ContentType, entityTag: new EntityTagHeaderValue($"\"{name}\""), enableRangeProcessing: true);
    }
}
