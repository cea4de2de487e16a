using Markdig;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Annotator.Web.Components.Controls;

/// <summary>Markdown from people to HTML that is safe to show: the one place that does it.</summary>
internal static class MarkdownText
{
    // Raw HTML stays text. Only what guidelines need is on: an extension that sets attributes freely must never be.
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseAutoLinks().Build();

    private static readonly string[] Schemes = ["http", "https", "mailto"];

    /// <summary>The HTML of a text.</summary>
    /// <param name="markdown">The text; null counts as empty.</param>
    public static string ToHtml(string? markdown)
    {
        if (string.IsNullOrWhiteSpace(markdown)) return "";
        var document = Markdig.Markdown.Parse(markdown, Pipeline);
        foreach (var link in document.Descendants().OfType<LinkInline>().ToList())
        {
            if (link.IsImage || !IsSafe(link.GetDynamicUrl?.Invoke() ?? link.Url))
            {
                // An image would call another server for every reader; its text stays, as does the text of a link that is none.
                var words = new ContainerInline();
                while (link.FirstChild is { } child)
                {
                    child.Remove();
                    words.AppendChild(child);
                }

                link.ReplaceBy(words, copyChildren: false);
                continue;
            }

            var attributes = link.GetAttributes();
            attributes.AddPropertyIfNotExist("rel", "noopener noreferrer nofollow");
            attributes.AddPropertyIfNotExist("target", "_blank");
        }

        foreach (var link in document.Descendants().OfType<AutolinkInline>().ToList())
        {
            if (link.IsEmail || IsSafe(link.Url))
            {
                link.GetAttributes().AddPropertyIfNotExist("rel", "noopener noreferrer nofollow");
                continue;
            }

            link.ReplaceBy(new LiteralInline(link.Url));
        }

        return document.ToHtml(Pipeline);
    }

    private static bool IsSafe(string? url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var address) && Schemes.Contains(address.Scheme, StringComparer.OrdinalIgnoreCase);
}
