using System.Text;

namespace Annotator.Tests.Learning;

/// <summary>
/// Texts with planted near-duplicates of known origin, English and Korean: typos, case and punctuation, swapped words, added boilerplate, and
/// several at once. Deterministic for a seed.
/// </summary>
internal static class PlantedDuplicates
{
    private static readonly string[] s_english =
        ("account transfer card payment refund arrived yesterday cash machine declined exchange rate pending statement balance charge fee "
        + "contactless virtual delivery address verify identity passport travel currency weekend support please explain why when where how "
        + "cannot still waiting after before twice wrong amount shown received never ordered new old lost stolen blocked pin code app phone "
        + "number change update delete open close top up limit salary direct debit cancel restaurant hotel merchant reverse beneficiary").Split(' ');

    private static readonly string[] s_korean =
        ("배송이 결제가 환불을 어제 주문한 상품이 아직 도착하지 않았습니다 카드가 승인되지 취소하고 싶어요 비밀번호를 잊어버렸는데 어떻게 하나요 "
        + "영화가 정말 재미있었고 배우들의 연기가 훌륭했다 스토리는 조금 지루했지만 음악이 좋았습니다 가족과 함께 보기에 추천합니다 "
        + "고객센터에 전화했는데 연결이 안되네요 주소를 변경하려고 합니다 쿠폰이 적용되지 않아요 다시 확인해 주세요 감사합니다 오늘 내일 포장이 "
        + "파손되어 교환을 원합니다 회원 탈퇴는 어디에서 할까요 포인트가 사라졌어요 반전이 놀라웠던 결말은 아쉬움이 남는다 처음부터 끝까지").Split(' ');

    private static readonly string[] s_boilerplate =
        ["Thanks!", "Please help.", "Hi, ", "Sent from my phone", "RE: ", "감사합니다.", "문의드립니다.", "[공지] ", "ㅋㅋㅋ", "빠른 답변 부탁드려요"];

    /// <summary>Distinct synthetic texts, the first half English, the rest Korean, of 8 to 18 and 6 to 14 words.</summary>
    internal static List<string> Synthetic(int count, int seed)
    {
        var random = new Random(seed);
        var texts = new HashSet<string>(StringComparer.Ordinal);
        while (texts.Count < count)
        {
            var words = texts.Count < count / 2 ? s_english : s_korean;
            var length = texts.Count < count / 2 ? random.Next(8, 19) : random.Next(6, 15);
            texts.Add(string.Join(' ', Enumerable.Range(0, length).Select(_ => words[random.Next(words.Length)])));
        }

        return [.. texts];
    }

    /// <summary>
    /// The originals with copies of a share of them, shuffled: each text with the number of its origin. About one copied text in five has two copies.
    /// </summary>
    internal static List<(int Origin, string Text)> Plant(IReadOnlyList<string> originals, double share, int seed)
    {
        var random = new Random(seed);
        var items = new List<(int, string)>();
        for (var i = 0; i < originals.Count; i++)
        {
            items.Add((i, originals[i]));
            for (var copies = random.NextDouble() < share ? random.Next(5) == 0 ? 2 : 1 : 0; copies > 0; copies--)
                items.Add((i, Vary(originals[i], random)));
        }

        for (var i = items.Count - 1; i > 0; i--)
        {
            var j = random.Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }

        return items;
    }

    /// <summary>One near-copy of a text.</summary>
    internal static string Vary(string text, Random random)
    {
        var kind = random.Next(6);
        if (kind is 0 or 5)
            text = Typos(text, random, 1 + text.Length / 60);
        if (kind is 1 or 5)
            text = random.Next(2) == 0 ? text.ToUpperInvariant() : text.Replace(" ", random.Next(2) == 0 ? "  " : ", ", StringComparison.Ordinal) + "!!";
        if (kind == 2)
            text = Swap(text, random);
        if (kind == 3)
            text = random.Next(2) == 0 ? text + " " + s_boilerplate[random.Next(s_boilerplate.Length)] : s_boilerplate[random.Next(s_boilerplate.Length)] + " " + text;
        if (kind == 4)
            text = Swap(Typos(text, random, 1), random);
        return text;
    }

    private static string Typos(string text, Random random, int count)
    {
        var builder = new StringBuilder(text);
        for (; count > 0 && builder.Length > 3; count--)
        {
            var at = random.Next(1, builder.Length - 1);
            switch (random.Next(3))
            {
                case 0:
                    builder.Remove(at, 1);
                    break;
                case 1:
                    builder.Insert(at, builder[at]);
                    break;
                default:
                    (builder[at], builder[at - 1]) = (builder[at - 1], builder[at]);
                    break;
            }
        }

        return builder.ToString();
    }

    private static string Swap(string text, Random random)
    {
        var words = text.Split(' ');
        if (words.Length < 2)
            return text;
        var at = random.Next(words.Length - 1);
        (words[at], words[at + 1]) = (words[at + 1], words[at]);
        return string.Join(' ', words);
    }
}
