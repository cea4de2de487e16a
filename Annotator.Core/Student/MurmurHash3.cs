using System.Buffers.Binary;
using System.Numerics;

namespace Annotator.Core.Student;

/// <summary>
/// MurmurHash3_x86_32 by Austin Appleby (public domain, SMHasher): the hash behind ONNX Runtime's <c>com.microsoft::MurmurHash3</c>,
/// repeated here so that features made for training equal those made inside the graph.
/// </summary>
internal static class MurmurHash3
{
    /// <summary>The unsigned 32-bit hash of <paramref name="data"/>.</summary>
    public static uint Hash(ReadOnlySpan<byte> data, uint seed)
    {
        const uint c1 = 0xcc9e2d51, c2 = 0x1b873593;
        var h = seed;
        var rest = data;
        for (; rest.Length >= 4; rest = rest[4..])
        {
            var k = BinaryPrimitives.ReadUInt32LittleEndian(rest) * c1;
            h ^= BitOperations.RotateLeft(k, 15) * c2;
            h = (BitOperations.RotateLeft(h, 13) * 5) + 0xe6546b64;
        }

        uint tail = 0;
        for (var i = rest.Length - 1; i >= 0; i--) tail = (tail << 8) | rest[i];
        if (rest.Length > 0) h ^= BitOperations.RotateLeft(tail * c1, 15) * c2;

        h ^= (uint)data.Length;
        h = (h ^ (h >> 16)) * 0x85ebca6b;
        h = (h ^ (h >> 13)) * 0xc2b2ae35;
        return h ^ (h >> 16);
    }
}
