using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using static System.StringComparer;

namespace Annotator.Tests.Projects;

/// <summary>The embedded sample project is what a newcomer sees first; these tests hold its promises.</summary>
public class SampleDataTests
{
    private sealed record Message(string Key, string Text, string Lang, string Intent);

    private sealed record Label(string Name, string Description, string Color, string Key);

    private static readonly string[] _intents =
    [
        "order_status", "delivery_problem", "refund_request", "payment_issue",
        "account_access", "product_question", "cancel_change_order", "praise_thanks",
    ];

    // The lightest and the darkest surface that a label colour is drawn on.
    private const string LightSurface = "#ffffff";
    private const string DarkSurface = "#1e1f25";

    private static readonly JsonSerializerOptions _strict = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        PropertyNameCaseInsensitive = false,
    };

    private static readonly Message[] _messages =
    [
        .. Read("support-messages.jsonl")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<Message>(line, _strict)!),
    ];

    private static readonly Label[] _labels = JsonSerializer.Deserialize<Label[]>(Read("support-labels.json"), _strict)!;

    [Fact]
    public void Messages_Read_HaveUniqueKeysAndTexts()
    {
        Assert.True(_messages.Length >= 640, $"{_messages.Length} messages");
        Assert.Equal(
            Enumerable.Range(1, _messages.Length).Select(i => i.ToString("'s'000", CultureInfo.InvariantCulture)),
            _messages.Select(m => m.Key),
            Ordinal);
        Assert.Distinct(_messages.Select(m => m.Text), Ordinal);
        Assert.All(_messages, m =>
        {
            Assert.False(string.IsNullOrWhiteSpace(m.Text));
            Assert.Equal(m.Text.Trim(), m.Text);
            Assert.True(m.Text.IsNormalized(NormalizationForm.FormC), m.Key);
        });
    }

    [Fact]
    public void Messages_ByIntent_AreUnevenAndInBothLanguages()
    {
        Assert.Equal(_intents.Order(Ordinal), _messages.Select(m => m.Intent).Distinct(Ordinal).Order(Ordinal), Ordinal);
        Assert.All(_messages.GroupBy(m => m.Intent, Ordinal), intent =>
        {
            Assert.InRange(intent.Count(), 55, 110);
            Assert.InRange(intent.Count(m => IsKorean(m)) / (double)intent.Count(), 0.3, 0.5);
        });
        Assert.InRange(_messages.Count(m => IsKorean(m)) / (double)_messages.Length, 0.35, 0.45);
    }

    [Fact]
    public void Messages_ByLanguage_AreWrittenInIt()
    {
        Assert.Equal(["en", "ko"], _messages.Select(m => m.Lang).Distinct(Ordinal).Order(Ordinal), Ordinal);
        Assert.All(_messages, m => Assert.Equal(IsKorean(m), HasHangul(m.Text)));
    }

    [Fact]
    public void Messages_First40_ShowEveryIntentAndBothLanguages()
    {
        var first = _messages.Take(40).ToArray();
        Assert.Equal(_intents.Length, first.Select(m => m.Intent).Distinct(Ordinal).Count());
        Assert.Equal(2, first.Select(m => m.Lang).Distinct(Ordinal).Count());
    }

    [Fact]
    public void Labels_Read_AreTheIntentsWithKeysAndBilingualDescriptions()
    {
        Assert.Equal(_intents, _labels.Select(l => l.Name), Ordinal);
        Assert.Equal(["1", "2", "3", "4", "5", "6", "7", "8"], _labels.Select(l => l.Key), Ordinal);
        Assert.All(_labels, l => Assert.Matches(@"^[A-Z][^가-힣()]+\. \([^()]*[가-힣][^()]*\)$", l.Description));
    }

    [Fact]
    public void Labels_Colors_AreDistinctAndStandOutOnLightAndDark()
    {
        Assert.Distinct(_labels.Select(l => l.Color), Ordinal);
        Assert.All(_labels, l =>
        {
            Assert.Matches("^#[0-9a-f]{6}$", l.Color);
            // WCAG 2.2, 1.4.11: 3:1 for what is not text.
            Assert.True(Contrast(l.Color, LightSurface) >= 3, $"{l.Name} on light");
            Assert.True(Contrast(l.Color, DarkSurface) >= 3, $"{l.Name} on dark");
        });
    }

    [Fact]
    public void Guidelines_Read_NameEveryLabelInBothLanguages()
    {
        var parts = Read("support-guidelines.md").Split("\n# ");
        Assert.Equal(2, parts.Length);
        Assert.False(HasHangul(parts[0]));
        Assert.True(HasHangul(parts[1]));
        Assert.All(parts, part => Assert.All(_intents, name => Assert.Contains($"`{name}`", part, StringComparison.Ordinal)));
    }

    private static bool IsKorean(Message message) => string.Equals(message.Lang, "ko", StringComparison.Ordinal);

    /// <summary>Syllables, and the single letters of ㅋㅋ and ㅠㅠ.</summary>
    private static bool HasHangul(string text) => text.Any(c => c is (>= '가' and <= '힣') or (>= 'ㄱ' and <= 'ㅣ'));

    private static string Read(string name)
    {
        using var stream = Assembly.Load("Annotator.Core").GetManifestResourceStream("sample/" + name);
        Assert.NotNull(stream);
        using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        return reader.ReadToEnd();
    }

    /// <summary>Contrast ratio of two colours, WCAG 2.2 definition.</summary>
    private static double Contrast(string a, string b)
    {
        var (x, y) = (Luminance(a), Luminance(b));
        return (Math.Max(x, y) + 0.05) / (Math.Min(x, y) + 0.05);
    }

    private static double Luminance(string color)
    {
        double Channel(int at)
        {
            var c = int.Parse(color.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return c <= 0.04045 ? c / 12.92 : Math.Pow((c + 0.055) / 1.055, 2.4);
        }

        return (0.2126 * Channel(1)) + (0.7152 * Channel(3)) + (0.0722 * Channel(5));
    }
}
