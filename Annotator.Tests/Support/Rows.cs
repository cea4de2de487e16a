using System.Globalization;
using System.Text;

namespace Annotator.Tests.Support;

/// <summary>
/// Short texts of made-up words, always the same: 6 to 18 of a vocabulary of 2,000, about ninety characters, with one of four labels.
/// </summary>
public static class Rows
{
    private static readonly string[] s_syllables = "ba de fi go hu ka le mi no pu ra se ti vo wu ya zel mar ton dra".Split(' ');
    private static readonly string[] s_vocabulary = Vocabulary();

    /// <summary>The labels.</summary>
    public static IReadOnlyList<string> Labels { get; } = ["World", "Sports", "Business", "SciTech"];

    /// <summary>Texts with labels.</summary>
    public static IEnumerable<(int Id, string Text, string Label)> Take(int count)
    {
        var random = new Congruential(12345);
        for (var i = 0; i < count; i++)
        {
            var words = new string[6 + random.Next(13)];
            for (var w = 0; w < words.Length; w++) words[w] = s_vocabulary[random.Next(2000)];
            yield return (i, string.Join(' ', words), Labels[random.Next(4)]);
        }
    }

    /// <summary>A CSV file with the columns <c>id</c> and <c>text</c>.</summary>
    public static byte[] Csv(int count)
    {
        var text = new StringBuilder("id,text\n", count * 100);
        foreach (var (id, row, _) in Take(count)) text.Append(id.ToString(CultureInfo.InvariantCulture)).Append(',').Append(row).Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static string[] Vocabulary()
    {
        var random = new Congruential(7);
        var words = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (words.Count < 2000)
        {
            var word = string.Concat(Enumerable.Range(0, 2 + random.Next(3)).Select(_ => s_syllables[random.Next(s_syllables.Length)]).ToArray());
            if (seen.Add(word)) words.Add(word);
        }

        return [.. words];
    }

    // Knuth's MMIX constants.
    private sealed class Congruential(ulong seed)
    {
        private ulong _state = seed;

        public int Next(int below)
        {
            _state = (_state * 6364136223846793005) + 1442695040888963407;
            return (int)((_state >> 33) % (ulong)below);
        }
    }
}
