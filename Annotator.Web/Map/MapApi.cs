using System.Buffers.Binary;
using Annotator.Core.Items;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Map;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Map;

/// <summary>A region of a map.</summary>
public sealed record MapRegionView(int Number, int Items, string? Label, double Share, double Uncertainty, int Final, string ExampleItemId);

/// <summary>A map in words.</summary>
public sealed record MapView(string Run, int Items, long Of, bool Outdated, IReadOnlyList<MapRegionView> Regions);

/// <summary>A closed line on a map.</summary>
/// <param name="Polygon">Corners as [x, y], each 0 to 65,535.</param>
public sealed record MapSelectBody(IReadOnlyList<IReadOnlyList<double>?>? Polygon);

/// <summary>Items inside a line.</summary>
public sealed record MapSelectionView(IReadOnlyList<string> Items, int Total);

internal static class MapApi
{
    private const int MostCorners = 2_000;
    private const int MostListed = 20_000;

    public static void MapMapApi(this IEndpointRouteBuilder endpoints)
    {
        var map = endpoints.MapProjectApi("/map").WithTags("Items");
        map.MapGet("", async (ItemMaps maps, Representations representations, HttpContext context) =>
        {
            var project = context.Grant().Project;
            if (await maps.LatestAsync(project.Id, context.RequestAborted) is not { } version) return NoMap();
            var read = await maps.ReadAsync(version, context.RequestAborted);
            var latest = await representations.LatestAsync(project.Id, context.RequestAborted);
            var labels = project.Schema.Labels;
            var regions = ItemMaps.Regions(read, await maps.MarksAsync(project, read, context.RequestAborted));
            return TypedResults.Ok(new MapView(
                Ids.Text(version.Run),
                version.Items,
                version.Of,
                latest is not null && latest.Version > version.Representation,
                [.. regions.Select(r => new MapRegionView(r.Number, r.Items, r.Label >= 0 ? labels[r.Label].Name : null, Math.Round(r.Share, 4), Math.Round(r.Uncertainty, 4), r.Final, Ids.Text(r.Example)))]));
        }).RequireLead().WithSummary("The newest map of the items, in words").Produces<MapView>();

        map.MapGet("/points", async (ItemMaps maps, HttpContext context) =>
        {
            var project = context.Grant().Project;
            if (await maps.LatestAsync(project.Id, context.RequestAborted) is not { } version) return NoMap();
            var read = await maps.ReadAsync(version, context.RequestAborted);
            return TypedResults.Bytes(Points(read, await maps.MarksAsync(project, read, context.RequestAborted)), "application/octet-stream");
        }).RequireLead().WithSummary("The points of the newest map, column by column (see docs/explorer.md)").Produces<byte[]>(contentType: "application/octet-stream");

        map.MapPost("/select", async (MapSelectBody body, ItemMaps maps, HttpContext context) =>
        {
            if (body.Polygon is not { Count: >= 3 and <= MostCorners } corners) return Problems.Validation("polygon", $"3 to {MostCorners} corners are needed.");
            for (var i = 0; i < corners.Count; i++)
            {
                if (corners[i] is not { Count: 2 } corner || corner.Any(c => !double.IsFinite(c))) return Problems.Validation(Ids.At("polygon", i), "Must be two numbers, x and y.");
            }

            if (await maps.LatestAsync(context.Grant().Project.Id, context.RequestAborted) is not { } version) return NoMap();
            var read = await maps.ReadAsync(version, context.RequestAborted);
            var inside = read.Inside([.. corners.Select(c => (c![0], c[1]))]);
            return (IResult)TypedResults.Ok(new MapSelectionView([.. inside.Take(MostListed).Select(i => Ids.Text(read.Ids[i]))], inside.Count));
        }).RequireLead().WithSummary("The items inside a line on the newest map, at most 20,000 of them by name").Produces<MapSelectionView>();
    }

    /// <summary>Columns one after the other, little-endian, the widest first: "ANPT", count (u32), ids (f64), x, y, label (u16; 65,535: none), source (255: none), uncertainty (0 to 255), state, region (u8).</summary>
    internal static byte[] Points(ItemMap map, IReadOnlyList<MapMark?> marks)
    {
        int[] there = [.. Enumerable.Range(0, map.Ids.Count).Where(i => marks[i] is not null)];
        var count = there.Length;
        var bytes = new byte[8 + (count * 18)];
        "ANPT"u8.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), count);
        for (var n = 0; n < count; n++)
        {
            var (i, mark) = (there[n], marks[there[n]]!.Value);
            BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(8 + (n * 8)), map.Ids[i]);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8 + (count * 8) + (n * 2)), map.X[i]);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8 + (count * 10) + (n * 2)), map.Y[i]);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8 + (count * 12) + (n * 2)), mark.Label < 0 ? ushort.MaxValue : (ushort)mark.Label);
            bytes[8 + (count * 14) + n] = mark.Source is { } source ? (byte)source : byte.MaxValue;
            bytes[8 + (count * 15) + n] = (byte)Math.Round(mark.Uncertainty * 255);
            bytes[8 + (count * 16) + n] = (byte)mark.State;
            bytes[8 + (count * 17) + n] = map.Region[i];
        }

        return bytes;
    }

    private static IResult NoMap() => Problems.Of(StatusCodes.Status404NotFound, "There is no map of this project yet; start a run of kind 'map'.");
}
