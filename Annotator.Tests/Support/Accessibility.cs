using System.Text.Json;
using Deque.AxeCore.Commons;
using Microsoft.Playwright;

namespace Annotator.Tests.Support;

/// <summary>Something that keeps people out of a page.</summary>
/// <param name="Id">The rule of axe that is broken.</param>
/// <param name="Impact">How bad it is.</param>
/// <param name="Nodes">Where.</param>
internal sealed record Barrier(string Id, string? Impact, IReadOnlyList<BarrierNode> Nodes);

/// <summary>An element that breaks a rule.</summary>
/// <param name="Html">The element.</param>
internal sealed record BarrierNode(string Html);

/// <summary>Looks for what keeps people out of a page, by axe.</summary>
internal static class Accessibility
{
    private static readonly string s_axe = new BundledAxeScriptProvider().GetScript();
    private static readonly string[] s_wcag = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

    /// <summary>Looks at a page.</summary>
    /// <param name="page">The page.</param>
    /// <param name="tags">Of which rules, by axe's names of sets; none: those of WCAG 2.2 AA and of good practice.</param>
    /// <returns>What is wrong, rule by rule.</returns>
    public static async Task<IReadOnlyList<Barrier>> BarriersAsync(this IPage page, params string[] tags)
    {
        // In the page itself: the package for it opens a page of its own for what comes of frames, which takes longer than the rules, and no page here has a frame.
        Assert.Single(page.Frames);
        await page.EvaluateAsync(s_axe);
        var found = await page.EvaluateAsync<string>(
            "async tags => JSON.stringify((await axe.run(document, { resultTypes: ['violations'], runOnly: { type: 'tag', values: tags } })).violations.map(v => ({ id: v.id, impact: v.impact, nodes: v.nodes.map(n => ({ html: n.html })) })))",
            tags.Length == 0 ? s_wcag : tags);
        return JsonSerializer.Deserialize<List<Barrier>>(found, JsonSerializerOptions.Web)!;
    }
}
