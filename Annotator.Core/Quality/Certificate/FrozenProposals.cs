using System.Buffers.Binary;

namespace Annotator.Core.Quality.Certificate;

/// <summary>The proposals of an audit as they were when it began: item, class and risk, in the order of the audit's population.</summary>
/// <param name="Items">Ids of the items.</param>
/// <param name="Classes">Number of the proposed class of each.</param>
/// <param name="Risks">Predicted probability that it is wrong.</param>
public sealed record FrozenProposals(long[] Items, int[] Classes, float[] Risks)
{
    private const uint Magic = 0x31504641; // "AFP1"
    private const int Entry = 16;

    /// <summary>The risks as the audit takes them.</summary>
    public double[] RiskNumbers() => Array.ConvertAll(Risks, r => (double)r);

    /// <summary>Writes: the mark, the count, then 16 bytes an item (id, class, risk), little-endian.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[8 + (Items.Length * Entry)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Items.Length);
        for (var i = 0; i < Items.Length; i++)
        {
            var entry = bytes.AsSpan(8 + (i * Entry), Entry);
            BinaryPrimitives.WriteInt64LittleEndian(entry, Items[i]);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], Classes[i]);
            BinaryPrimitives.WriteSingleLittleEndian(entry[12..], Risks[i]);
        }

        return bytes;
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The bytes are something else.</exception>
    public static FrozenProposals FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 8 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic) throw new InvalidDataException("These are no frozen proposals.");
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        if (count < 0 || bytes.Length != 8 + ((long)count * Entry)) throw new InvalidDataException("The frozen proposals are cut short.");
        var frozen = new FrozenProposals(new long[count], new int[count], new float[count]);
        for (var i = 0; i < count; i++)
        {
            var entry = bytes.Slice(8 + (i * Entry), Entry);
            frozen.Items[i] = BinaryPrimitives.ReadInt64LittleEndian(entry);
            frozen.Classes[i] = BinaryPrimitives.ReadInt32LittleEndian(entry[8..]);
            frozen.Risks[i] = BinaryPrimitives.ReadSingleLittleEndian(entry[12..]);
        }

        return frozen;
    }
}
