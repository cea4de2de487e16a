using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Projects;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Route = Annotator.Core.Items.Route;

namespace Annotator.Web.Media;

/// <summary>Stored files, and those that were refused with the reason.</summary>
/// <param name="Items">Items of the stored files, in their order.</param>
/// <param name="Rejected">Files that were refused.</param>
public sealed record MediaView(IReadOnlyList<StoredItemView> Items, IReadOnlyList<RejectedFileView> Rejected);

/// <summary>A file that was refused.</summary>
/// <param name="FileName">Its name as it was sent.</param>
/// <param name="Reason">Why.</param>
public sealed record RejectedFileView(string FileName, string Reason);

internal static class MediaApi
{
    private const int MostFiles = 1_000;

    public static void MapMediaApi(this IEndpointRouteBuilder endpoints)
    {
        var media = endpoints.MapProjectApi("/media").WithTags("Items");
        media.MapPost("", StoreAsync).RequireLead().WithMetadata(new StreamedBody("multipart/form-data")).WithSummary("Stores image or video files as items").Produces<MediaView>();
        media.MapGet("/{name}/thumbnail", OpenThumbnailAsync).WithSummary("A small picture of an uploaded image").Produces<Stream>(StatusCodes.Status200OK, ImageFiles.ThumbnailType);
        media.MapGet("/{name}", OpenAsync).WithSummary("An uploaded image or video").Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream");
    }

    private static async Task<IResult> StoreAsync(MediaService service, HttpContext context)
    {
        var project = context.Grant().Project;
        if (project.Modality == Modality.Text) return Problems.Validation("file", "This project takes texts; files are for projects of images or videos.");
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase) || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 200 } boundary)
            return Problems.Of(StatusCodes.Status415UnsupportedMediaType, "Send the files as multipart/form-data.");
        Uploads.Unbind(context);
        var reader = new MultipartReader(boundary.ToString(), context.Request.Body);
        var (items, rejected) = (new List<StoredItemView>(), new List<RejectedFileView>());
        while (await NextAsync(reader, context.RequestAborted) is { } section)
        {
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition) || !disposition.IsFileDisposition()) continue;
            if (items.Count + rejected.Count == MostFiles) return Problems.Validation("file", $"At most {MostFiles} files in one call; those before are stored.");
            var name = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).ToString();
            var stored = await service.StoreAsync(project, name, section.Body, context.RequestAborted);
            items.AddRange(stored.Items.Select(made => new StoredItemView(Ids.Text(made.Item.Id), made.Item.Key, made.Created, ItemsApi.Prediction(made.Item), made.Item.Route ?? Route.Human)));
            if (stored.Refused is not null) rejected.Add(new RejectedFileView(stored.FileName, stored.Refused));
        }

        if (items.Count > 0) return TypedResults.Ok(new MediaView(items, rejected));
        return rejected.Count == 0 ? Problems.Validation("file", "No file was sent.") : Problems.Validation(rejected.Select(r => (r.FileName, r.Reason)));
    }

    private static async Task<IResult> OpenThumbnailAsync(string name, MediaService service, HttpContext context)
    {
        if (await service.OpenThumbnailAsync(context.Grant().Project.Id, name, context.RequestAborted) is not { } file) return Problems.NotFound();
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        return TypedResults.Stream(file, ImageFiles.ThumbnailType, entityTag: new EntityTagHeaderValue($"\"{name}-t\""));
    }

    private static async Task<IResult> OpenAsync(string name, MediaService service, HttpContext context)
    {
        if (await service.OpenAsync(context.Grant().Project.Id, name, context.RequestAborted) is not { } file) return Problems.NotFound();

        // Nothing but an image or a film is ever sent from here, and no browser may think otherwise.
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        return TypedResults.Stream(file.Content, file.Kind.ContentType, entityTag: new EntityTagHeaderValue($"\"{name}\""), enableRangeProcessing: true);
    }

    private static async Task<MultipartSection?> NextAsync(MultipartReader reader, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadNextSectionAsync(cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or IOException && !cancellationToken.IsCancellationRequested)
        {
            throw new InvalidRequestException("file", "The multipart body is broken or ends early; the files before that are stored.");
        }
    }
}
