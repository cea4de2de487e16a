using System.ComponentModel;
using Annotator.Core.Media;
using Annotator.Web.Hosting.Api;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Media;

/// <summary>Large images by parts.</summary>
internal static class TilesApi
{
    public static void MapTilesApi(this IEndpointRouteBuilder endpoints)
    {
        var tiles = endpoints.MapProjectApi("/media/{name}/tiles").WithTags("Items");
        tiles.MapGet("", DescribeAsync).WithSummary("How a large image is cut into tiles at several scales; 404 where it is shown whole").Produces<TileSet>();
        tiles.MapGet("/{level}/{column}/{row}", OpenAsync).WithSummary("A tile of a large image").Produces<Stream>(StatusCodes.Status200OK, ImageTiles.TileType);
    }

    private static async Task<IResult> DescribeAsync(string name, ImageTiles tiles, HttpContext context)
    {
        try
        {
            if (await tiles.DescribeAsync(context.Grant().Project.Id, name, context.RequestAborted) is not { } set) return Problems.NotFound();
            context.Response.Headers.CacheControl = "private, max-age=86400";
            return TypedResults.Ok(set);
        }
        catch (ImageRefusedException e)
        {
            return Problems.Unprocessable(e.Message);
        }
    }

    private static async Task<IResult> OpenAsync(
        string name,
        [Description("The scale; 0 is the image as it is.")] int level,
        [Description("Number of the tile from the left, from 0.")] int column,
        [Description("Number of the tile from the top, from 0.")] int row,
        ImageTiles tiles, HttpContext context)
    {
        try
        {
            if (await tiles.TileAsync(context.Grant().Project.Id, name, level, column, row, context.RequestAborted) is not { } tile) return Problems.NotFound();
            context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
            context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
            return TypedResults.Bytes(tile, ImageTiles.TileType, entityTag: new EntityTagHeaderValue($"\"{name}-{level}-{column}-{row}\""));
        }
        catch (ImageRefusedException e)
        {
            return Problems.Unprocessable(e.Message);
        }
    }
}
