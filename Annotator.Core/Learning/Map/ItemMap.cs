using System.Buffers.Binary;
using Annotator.Core.Learning.Neighbours;

namespace Annotator.Core.Learning.Map;

/// <summary>Where the items of a project lie in a plane, and in which of some regions.</summary>
public sealed class ItemMap
{
    /// <summary>Regions of a map, at most: as many as a person reads in a table.</summary>
    public const int MostRegions = 24;

    /// <summary>Coordinates are 0 to this.</summary>
    public const int Side = ushort.MaxValue;

    private static readonly byte[] s_magic = "ANMAP1\0\0"u8.ToArray();

    private ItemMap(long[] ids, ushort[] x, ushort[] y, byte[] region) => (Ids, X, Y, Region) = (ids, x, y, region);

    /// <summary>The items.</summary>
    public IReadOnlyList<long> Ids { get; }

    /// <summary>From left to right, 0 to <see cref="Side"/>.</summary>
    public IReadOnlyList<ushort> X { get; }

    /// <summary>From top to bottom, 0 to <see cref="Side"/>.</summary>
    public IReadOnlyList<ushort> Y { get; }

    /// <summary>Number of the region, from 0.</summary>
    public IReadOnlyList<byte> Region { get; }

    /// <summary>Makes a map of positions; both directions are scaled alike, so that nothing is drawn out.</summary>
    /// <param name="ids">The items.</param>
    /// <param name="positions">x and y of each.</param>
    public static ItemMap Of(IReadOnlyList<long> ids, ReadOnlySpan<float> positions)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(positions.Length, ids.Count * 2);
        var (left, top, right, bottom) = (float.MaxValue, float.MaxValue, float.MinValue, float.MinValue);
        for (var i = 0; i < positions.Length; i += 2)
        {
            (left, right) = (Math.Min(left, positions[i]), Math.Max(right, positions[i]));
            (top, bottom) = (Math.Min(top, positions[i + 1]), Math.Max(bottom, positions[i + 1]));
        }

        var side = Math.Max(1e-6f, Math.Max(right - left, bottom - top));
        var (x, y) = (new ushort[ids.Count], new ushort[ids.Count]);
        var (shiftX, shiftY) = ((side - (right - left)) / 2, (side - (bottom - top)) / 2);
        for (var i = 0; i < ids.Count; i++)
        {
            x[i] = (ushort)Math.Clamp((positions[2 * i] - left + shiftX) / side * Side, 0, Side);
            y[i] = (ushort)Math.Clamp((positions[(2 * i) + 1] - top + shiftY) / side * Side, 0, Side);
        }

        var region = new byte[ids.Count];
        if (ids.Count > MostRegions * 2)
        {
            var found = KMeans.Fit(positions.ToArray(), 2, MostRegions);
            for (var i = 0; i < region.Length; i++) region[i] = (byte)found.Assignment[i];
        }

        return new ItemMap([.. ids], x, y, region);
    }

    /// <summary>The items inside a closed line, by the rule of even and odd crossings.</summary>
    /// <param name="corners">Corners of the line, at least three, in coordinates of the map.</param>
    /// <returns>Places in <see cref="Ids"/>.</returns>
    public List<int> Inside(IReadOnlyList<(double X, double Y)> corners)
    {
        var inside = new List<int>();
        if (corners.Count < 3) return inside;
        var (left, right) = (corners.Min(c => c.X), corners.Max(c => c.X));
        var (top, bottom) = (corners.Min(c => c.Y), corners.Max(c => c.Y));
        for (var i = 0; i < Ids.Count; i++)
        {
            double x = X[i], y = Y[i];
            if (x < left || x > right || y < top || y > bottom) continue;
            var odd = false;
            for (int a = 0, b = corners.Count - 1; a < corners.Count; b = a++)
            {
                if (corners[a].Y > y != corners[b].Y > y && x < ((corners[b].X - corners[a].X) * (y - corners[a].Y) / (corners[b].Y - corners[a].Y)) + corners[a].X) odd = !odd;
            }

            if (odd) inside.Add(i);
        }

        return inside;
    }

    /// <summary>The map as a file: a header, then for each item its id, its place and its region.</summary>
    public byte[] ToBytes()
    {
        const int Size = 13;
        var bytes = new byte[s_magic.Length + 4 + (Ids.Count * Size)];
        s_magic.CopyTo(bytes, 0);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(s_magic.Length), Ids.Count);
        for (var i = 0; i < Ids.Count; i++)
        {
            var record = bytes.AsSpan(s_magic.Length + 4 + (i * Size), Size);
            BinaryPrimitives.WriteInt64LittleEndian(record, Ids[i]);
            BinaryPrimitives.WriteUInt16LittleEndian(record[8..], X[i]);
            BinaryPrimitives.WriteUInt16LittleEndian(record[10..], Y[i]);
            record[12] = Region[i];
        }

        return bytes;
    }

    /// <summary>Reads such a file.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static ItemMap FromBytes(ReadOnlySpan<byte> bytes)
    {
        const int Size = 13;
        var head = s_magic.Length + 4;
        if (bytes.Length < head || !bytes[..s_magic.Length].SequenceEqual(s_magic)) throw new InvalidDataException("This is no map.");
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[s_magic.Length..]);
        if (count < 0 || bytes.Length != head + ((long)count * Size)) throw new InvalidDataException("The map is cut off.");
        var (ids, x, y, region) = (new long[count], new ushort[count], new ushort[count], new byte[count]);
        for (var i = 0; i < count; i++)
        {
            var record = bytes.Slice(head + (i * Size), Size);
            ids[i] = BinaryPrimitives.ReadInt64LittleEndian(record);
            x[i] = BinaryPrimitives.ReadUInt16LittleEndian(record[8..]);
            y[i] = BinaryPrimitives.ReadUInt16LittleEndian(record[10..]);
            region[i] = record[12];
        }

        return new ItemMap(ids, x, y, region);
    }
}
