using Annotator.Core.Student;

namespace Annotator.Tests.Student;

/// <summary>Texts for tests, made from a seed: many scripts, and everything that breaks tokenizers.</summary>
internal static class Texts
{
    public static readonly string[] Edge =
    [
        "", " ", "\t\n\r\u00a0\u3000", "a", "A", "é", "e\u0301", "\u0301\u0301", "İstanbul ISTANBUL ıI", "Straße STRASSE ß ẞ", "ΣΊΣΥΦΟΣ Σίσυφος",
        "한국어 문장입니다. 정말요?", "쩔지ㅋㅋㅋ ㅠㅠ", "日本語のテキスト、カタカナ ﾊﾝｶｸ", "ＦＵＬＬ　ｗｉｄｔｈ！１２３", "中文文本，没有空格", "עברית שלום", "السلام عليكم ١٢٣", "हिन्दी में पाठ", "ไทยไม่มีช่องว่าง",
        "👍🏽 emoji 👩‍👩‍👧‍👦 🇰🇷", "𝕬𝖇𝖈 𝟙𝟚𝟛 𠮷野家", "a\u200bb\u200dc\ufeffd", "null\0inside", "\u0001\u0002\u0003\u001f\u007f", "\ud800", "x\udc00y", "\ud83d", "\udc4d\ud83d", "end\ud83d",
        "don't it's O'Neill", "snake_case camelCase kebab-case", "1,234.56 €5 50% #tag @user", "https://example.org/a?b=c&d=e", "...", "!?!?!?", "²³¹¼ Ⅳ ⅷ ①", "ǅ ǆ Ǆ ᾳ ᾼ", "\ufffd", "\uffff\ufffe",
        "word word word word", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "İi̇ıI", "Kelvin \u212a Ångström \u212b",
    ];

    public static List<string> Many(int count, ulong seed)
    {
        var random = new SplitMix(seed);
        (int From, int To)[] scripts =
        [
            (0x20, 0x7E), (0x20, 0x7E), (0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x300, 0x36F),
            (0x1E00, 0x1FFF), (0x2000, 0x2BFF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFF00, 0xFFEF), (0x10400, 0x1044F), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (0, 0x10FFFF),
        ];
        var texts = new List<string>(Edge);
        while (texts.Count < count)
        {
            var (from, to) = scripts[random.Next(scripts.Length)];
            var length = random.Next(10) == 0 ? random.Next(400) : random.Next(60);
            var text = new System.Text.StringBuilder();
            for (var i = 0; i < length; i++)
            {
                var value = random.Next(6) == 0 ? ' ' : from + random.Next(to - from + 1);
                if (value is >= 0xD800 and <= 0xDFFF) text.Append((char)value);
                else text.Append(char.ConvertFromUtf32(value));
            }

            texts.Add(text.ToString());
        }

        return texts;
    }
}
