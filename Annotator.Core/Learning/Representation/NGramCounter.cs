using Annotator.Core.Learning.Duplicates;

namespace Annotator.Core.Learning.Representation;

/// <summary>
/// Counts the hashed n-grams of one text: words and pairs of words, and 3 to 5 characters across word bounds; of scripts whose characters carry a
/// syllable or a word (from Hangul Jamo up) pairs of characters too. A workspace to be reused, by one thread.
/// </summary>
internal sealed class NGramCounter
{
    internal const int BucketBits = 20;

    private const ulong Prime = 0x9E3779B97F4A7C15UL;
    private readonly byte[] _counts = new byte[1 << BucketBits];
    private readonly List<int> _touched = [];
    private int[] _points = new int[512];

    /// <summary>Longer texts are cut here, in code points after normalisation.</summary>
    internal const int MaximumLength = 20_000;

    /// <summary>The buckets of the last text, each once, in order of first appearance.</summary>
    internal IReadOnlyList<int> Buckets => _touched;

    /// <summary>How often a bucket occurred in the last text, at most 255.</summary>
    internal int Count(int bucket) => _counts[bucket];

    /// <summary>Counts a text, forgetting the one before.</summary>
    internal void Read(string text)
    {
        foreach (var bucket in _touched)
            _counts[bucket] = 0;
        _touched.Clear();

        // A space before and after, so that n-grams know the bounds of the text as those of its words.
        var length = Math.Min(TextShingler.Normalize(text, ref _points), MaximumLength);
        if (length == 0)
            return;
        if (_points.Length < length + 2)
            Array.Resize(ref _points, length + 2);
        Array.Copy(_points, 0, _points, 1, length);
        _points[0] = _points[length + 1] = ' ';
        var points = _points.AsSpan(0, length + 2);

        ulong previous = 0, word = 0;
        for (var i = 0; i < points.Length; i++)
        {
            if (points[i] != ' ')
            {
                word = (word ^ (uint)points[i]) * 0x100000001B3UL + 1;
            }
            else if (word != 0)
            {
                Touch(Mix(word + Prime));
                if (previous != 0)
                    Touch(Mix((previous * Prime) ^ word));
                previous = word;
                word = 0;
            }

            ulong gram = (uint)points[i];
            for (var order = 2; order <= 5 && i + order <= points.Length; order++)
            {
                var next = points[i + order - 1];
                gram = (gram + (ulong)order) * 0xD1342543DE82EF95UL ^ (uint)next;
                if (order > 2 || (points[i] >= 0x1100 && next >= 0x1100))
                    Touch(Mix(gram));
            }
        }
    }

    private void Touch(ulong hash)
    {
        var bucket = (int)(hash >> (64 - BucketBits));
        ref var count = ref _counts[bucket];
        if (count == 0)
            _touched.Add(bucket);
        if (count < byte.MaxValue)
            count++;
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        return (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
    }
}
