using System.Text.RegularExpressions;
using System.Xml.Linq;
using Annotator.Tests.Support;

namespace Annotator.Tests.Resources;

/// <summary>The interface's texts are complete in both languages, and all of them come from resources.</summary>
public partial class TextsTests
{
    private static readonly string s_web = Path.Combine(Repository.Root, "Annotator.Web");

    public static TheoryData<string> Resources { get; } =
        [.. Directory.GetFiles(Path.Combine(s_web, "Resources"), "*.resx").Where(f => !f.EndsWith(".ko.resx", StringComparison.Ordinal)).Select(f => Path.GetFileNameWithoutExtension(f))];

    public static TheoryData<string> Pages { get; } =
        [.. Directory.GetFiles(s_web, "*.razor", SearchOption.AllDirectories).Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)).Select(f => Path.GetRelativePath(s_web, f))];

    [Theory]
    [MemberData(nameof(Resources))]
    public void Korean_HasEveryTextOfEnglishWithTheSamePlaceholders(string resource)
    {
        var (english, korean) = (Read(resource + ".resx"), Read(resource + ".ko.resx"));
        Assert.Equal(english.Keys.Order(StringComparer.Ordinal), korean.Keys.Order(StringComparer.Ordinal));
        Assert.DoesNotContain(english, t => string.IsNullOrWhiteSpace(t.Value));
        Assert.DoesNotContain(korean, t => string.IsNullOrWhiteSpace(t.Value));
        Assert.Empty(english.Where(t => !Placeholders(t.Value).IsSubsetOf(Placeholders(korean[t.Key])) || !Placeholders(korean[t.Key]).IsSubsetOf(Placeholders(t.Value))).Select(t => t.Key));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_AsksOnlyForTextsThatExist(string page)
    {
        var source = File.ReadAllText(Path.Combine(s_web, page));
        var code = page.EndsWith(".razor", StringComparison.Ordinal) && File.Exists(Path.Combine(s_web, page + ".cs")) ? File.ReadAllText(Path.Combine(s_web, page + ".cs")) : "";
        foreach (Match inject in Injection().Matches(source))
        {
            var texts = Read(inject.Groups["resource"].Value + ".resx");
            var asked = new Regex($@"\b{inject.Groups["name"].Value}\[""(?<key>[^""{{]+)""", RegexOptions.None, TimeSpan.FromSeconds(1)).Matches(source + code).Select(m => m.Groups["key"].Value).Distinct(StringComparer.Ordinal);
            Assert.Empty(asked.Except(texts.Keys, StringComparer.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_HasNoWordsOfItsOwn(string page)
    {
        var markup = File.ReadAllText(Path.Combine(s_web, page));
        var code = markup.IndexOf("\n@code", StringComparison.Ordinal);
        if (code >= 0) markup = markup[..code];
        markup = Comment().Replace(markup, "");
        var words = Attribute().Matches(markup).Select(m => m.Groups["words"].Value)
            .Concat(Between().Matches(markup).Select(m => m.Groups["words"].Value))
            .Select(w => w.Trim()).Where(w => w.Length > 0 && w is not ("Annotator" or "https://…") && !w.EndsWith("· Annotator", StringComparison.Ordinal));
        Assert.Empty(words);
    }

    private static HashSet<string> Placeholders(string text) => [.. Placeholder().Matches(text).Select(m => m.Value)];

    private static Dictionary<string, string> Read(string file) =>
        XDocument.Load(Path.Combine(s_web, "Resources", file)).Root!.Elements("data").ToDictionary(d => d.Attribute("name")!.Value, d => d.Element("value")!.Value, StringComparer.Ordinal);

    [GeneratedRegex(@"\{\d+", RegexOptions.None, 1000)]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"@inject IStringLocalizer<(?<resource>\w+)> (?<name>\w+)", RegexOptions.None, 1000)]
    private static partial Regex Injection();

    [GeneratedRegex(@"@\*.*?\*@", RegexOptions.Singleline, 1000)]
    private static partial Regex Comment();

    // Attributes that people read or hear, with words in them instead of an expression.
    [GeneratedRegex(@"\b(?:title|placeholder|aria-label|alt|Label|HelperText|Title|Text)=""(?<words>[^""@]*\p{L}{2,}[^""@]*)""", RegexOptions.None, 1000)]
    private static partial Regex Attribute();

    // Words between two tags on one line.
    [GeneratedRegex(@"<(?:h1|h2|h3|p|span|strong|a|button|label|th|td|li|legend|summary|option|dt|dd|div)(?:\s[^<>]*)?>(?<words>[^<>@{}()]*\p{L}{2,}[^<>@{}()]*)</", RegexOptions.None, 1000)]
    private static partial Regex Between();
}
