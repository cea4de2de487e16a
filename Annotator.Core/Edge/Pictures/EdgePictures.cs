using System.Globalization;
using System.Security.Cryptography;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Edge;

/// <summary>A picture that a device is about to send.</summary>
/// <param name="Sequence">The running number of its label.</param>
/// <param name="Key">The device's name for it.</param>
/// <param name="Reason">Why it is sent.</param>
/// <param name="Sha256">SHA-256 of the file, as hexadecimal.</param>
/// <param name="Total">Length of the file in bytes.</param>
public sealed record DevicePicture(long Sequence, string? Key, EdgeReason Reason, string? Sha256, long Total);

/// <summary>
/// Takes the pictures of devices, piece by piece: a device on a thin line that is cut off goes on where it was, on this node or another. A device has one picture on its way at a
/// time, of bounded size, so that what is not finished takes no more room than that. The whole is checked by its hash, looked at like any upload, and becomes an item once.
/// </summary>
public sealed class EdgePictures(AnnotatorDatabase database, IBlobStore blobs, MediaService media, TimeProvider time)
{
    private const string Folder = "edge-pictures";
    private const int HashLength = 64;

    /// <summary>How much of a picture is here.</summary>
    public async Task<PictureReceipt> FindAsync(EdgeDevice device, DevicePicture picture, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(picture);
        if (await IsStoredAsync(device, picture, cancellationToken)) return new PictureReceipt(picture.Total, Stored: true);
        return new PictureReceipt((await PartsAsync(device, picture, cancellationToken)).Sum(p => p.Bytes), Stored: false);
    }

    /// <summary>Takes the next piece of a picture. With the last one it becomes an item.</summary>
    /// <param name="device">The device.</param>
    /// <param name="project">Its project.</param>
    /// <param name="picture">The picture.</param>
    /// <param name="offset">Where the piece begins. A piece that does not begin where the last one ended is not taken; the answer says where to go on.</param>
    /// <param name="piece">The piece, at most <see cref="EdgeLimits.MostPieceBytes"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>How much is here; errors by field where the picture cannot be taken, however often it is sent.</returns>
    public async Task<Outcome<PictureReceipt>> AddAsync(EdgeDevice device, Project project, DevicePicture picture, long offset, ReadOnlyMemory<byte> piece, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(picture);
        if (Check(project, picture, offset, piece) is { Count: > 0 } errors) return Outcome<PictureReceipt>.Fail(errors);
        if (await IsStoredAsync(device, picture, cancellationToken)) return new PictureReceipt(picture.Total, Stored: true);
        await RemoveAsync(await OthersAsync(device, picture, cancellationToken), cancellationToken);
        var parts = await PartsAsync(device, picture, cancellationToken);
        var have = parts.Sum(p => p.Bytes);
        if (have < picture.Total)
        {
            if (offset != have) return new PictureReceipt(have, Stored: false);
            if (await KeepAsync(device, picture, parts.Count, piece, cancellationToken) is not { } kept) return await FindAsync(device, picture, cancellationToken);
            parts.Add(kept);
            have += piece.Length;
        }

        return have < picture.Total ? new PictureReceipt(have, Stored: false) : await FinishAsync(device, project, picture, parts, cancellationToken);
    }

    private static List<(string Field, string Message)> Check(Project project, DevicePicture picture, long offset, ReadOnlyMemory<byte> piece)
    {
        var errors = new List<(string, string)>();
        if (project.Modality != Modality.Image || project.Settings.Edge.PicturePixels == 0) errors.Add(("picture", "The project takes no pictures from its devices (settings.edge.picturePixels)."));
        if (string.IsNullOrEmpty(picture.Key) || picture.Key.Length > EdgeLimits.MostKeyLength) errors.Add(("key", $"A key of 1 to {EdgeLimits.MostKeyLength} characters is needed."));
        if (picture.Sequence < 1) errors.Add(("sequence", "Must be 1 or more."));
        if (picture.Sha256 is not { Length: HashLength } hash || !hash.All(char.IsAsciiHexDigit)) errors.Add(("sha256", "64 hexadecimal digits are needed."));
        if (picture.Total is < 1 or > EdgeLimits.MostPictureBytes) errors.Add(("total", $"Must be 1 to {EdgeLimits.MostPictureBytes} bytes."));
        if (piece.Length is 0 or > EdgeLimits.MostPieceBytes) errors.Add(("piece", $"A piece of 1 to {EdgeLimits.MostPieceBytes} bytes is needed."));
        else if (offset < 0 || offset + piece.Length > picture.Total) errors.Add(("offset", "The piece is not inside the picture."));
        return errors;
    }

    private Task<bool> IsStoredAsync(EdgeDevice device, DevicePicture picture, CancellationToken cancellationToken)
    {
        var key = KeyOf(device, picture);
        return database.ReadAsync(db => db.Items.AnyAsync(i => i.ProjectId == device.ProjectId && i.Key == key, cancellationToken), cancellationToken);
    }

    private Task<List<EdgePicturePart>> PartsAsync(EdgeDevice device, DevicePicture picture, CancellationToken cancellationToken) => database.ReadAsync(
        db => db.Set<EdgePicturePart>().Where(p => p.DeviceId == device.Id && p.Sequence == picture.Sequence && p.Sha256 == picture.Sha256).OrderBy(p => p.Number).ToListAsync(cancellationToken), cancellationToken);

    // What the device has given up: it sends another one now.
    private Task<List<EdgePicturePart>> OthersAsync(EdgeDevice device, DevicePicture picture, CancellationToken cancellationToken) => database.ReadAsync(
        db => db.Set<EdgePicturePart>().Where(p => p.DeviceId == device.Id && (p.Sequence != picture.Sequence || p.Sha256 != picture.Sha256)).ToListAsync(cancellationToken), cancellationToken);

    // Null where the same piece came by another call meanwhile.
    private async Task<EdgePicturePart?> KeepAsync(EdgeDevice device, DevicePicture picture, int number, ReadOnlyMemory<byte> piece, CancellationToken cancellationToken)
    {
        var (name, bytes) = await blobs.PutAsync(Folder, new MemoryStream(piece.ToArray(), writable: false), cancellationToken);
        var row = new EdgePicturePart
        {
            ProjectId = device.ProjectId, DeviceId = device.Id, Sequence = picture.Sequence, Sha256 = picture.Sha256!, Number = number, Bytes = bytes, Blob = name, CreatedAt = time.GetUtcNow(),
        };
        if (await database.WriteAsync(scope => scope.Dialect.InsertAsync(scope.Db, [row], ignoreConflicts: true, cancellationToken), cancellationToken) > 0) return row;
        await blobs.DeleteAsync(name, CancellationToken.None);
        return null;
    }

    private async Task<Outcome<PictureReceipt>> FinishAsync(EdgeDevice device, Project project, DevicePicture picture, List<EdgePicturePart> parts, CancellationToken cancellationToken)
    {
        using var file = new MemoryStream((int)picture.Total);
        try
        {
            foreach (var part in parts)
            {
                await using var stored = await blobs.OpenAsync(part.Blob, cancellationToken);
                await stored.CopyToAsync(file, cancellationToken);
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // The same picture was finished, or given up, by another call at this moment: the device asks, and goes on from what there is then.
            await RemoveAsync(parts, cancellationToken);
            return await FindAsync(device, picture, cancellationToken);
        }

        var whole = file.ToArray();
        if (!string.Equals(Convert.ToHexStringLower(SHA256.HashData(whole)), picture.Sha256, StringComparison.OrdinalIgnoreCase))
        {
            await RemoveAsync(parts, cancellationToken);
            return Outcome<PictureReceipt>.Fail("sha256", "What has arrived is another file than was announced.");
        }

        var item = new NewItem(KeyOf(device, picture), null, DeviceId: device.Id, ForPerson: picture.Reason is EdgeReason.Novel or EdgeReason.Sample);
        var result = await media.StoreAsync(project, item, picture.Key!, new MemoryStream(whole, writable: false), cancellationToken);
        await RemoveAsync(parts, cancellationToken);
        if (result.Items.Count == 0) return Outcome<PictureReceipt>.Fail("picture", result.Refused ?? "The picture was refused.");
        if (result.Items[0].Created)
        {
            await database.WriteAsync(
                async scope =>
                {
                    await scope.Db.Set<EdgeDevice>().Where(d => d.Id == device.Id).ExecuteUpdateAsync(x => x.SetProperty(d => d.Items, d => d.Items + 1).SetProperty(d => d.SeenAt, scope.Now), cancellationToken);
                    scope.Publish(new DevicesChanged(device.ProjectId));
                },
                cancellationToken);
        }

        return new PictureReceipt(picture.Total, Stored: true);
    }

    // First the files, so that none is left that nobody names: rows without their files begin anew.
    private async Task RemoveAsync(IReadOnlyCollection<EdgePicturePart> parts, CancellationToken cancellationToken)
    {
        if (parts.Count == 0) return;
        var device = parts.First().DeviceId;
        var names = parts.Select(p => p.Blob).ToList();
        await blobs.DeleteAsync(names, CancellationToken.None);
        await database.WriteAsync(scope => scope.Db.Set<EdgePicturePart>().Where(p => p.DeviceId == device && names.Contains(p.Blob)).ExecuteDeleteAsync(cancellationToken), cancellationToken);
    }

    private static string KeyOf(EdgeDevice device, DevicePicture picture) => string.Create(CultureInfo.InvariantCulture, $"{device.Name}/{picture.Key}");
}
