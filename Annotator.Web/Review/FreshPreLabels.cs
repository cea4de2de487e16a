using Annotator.Core.Labels;
using Annotator.Core.Live;

namespace Annotator.Web.Review;

/// <summary>A line of the list of fresh pre-labels.</summary>
internal sealed record FreshPreLabel(long ItemId, string Label, string Color, double Confidence, string Source, string Text);

/// <summary>
/// What has just been pre-labelled, newest first: an item once, a bounded number of them, and never one that somebody may
/// be asked about blind.
/// </summary>
internal sealed class FreshPreLabels
{
    /// <summary>How many lines there are at the most.</summary>
    public const int Length = 50;

    private const int TextLength = 120;

    private readonly HashSet<long> _hidden = [];

    /// <summary>The lines.</summary>
    public List<FreshPreLabel> Rows { get; } = [];

    /// <summary>From now on these items are not shown, and those shown before may be again.</summary>
    public void Hide(IEnumerable<long> items)
    {
        _hidden.Clear();
        _hidden.UnionWith(items);
        Rows.RemoveAll(r => _hidden.Contains(r.ItemId));
    }

    /// <summary>Takes over what came, in the order it came.</summary>
    public void Add(IEnumerable<PreLabelled> items, LabelSchema schema)
    {
        // Only what can be seen is worth a line: of a burst of thousands the last few.
        foreach (var item in items.TakeLast(Length))
        {
            if (_hidden.Contains(item.ItemId) || !TryNames(item.Value, out var names)) continue;
            var index = names.Count > 0 ? schema.IndexOf(names[0]) : -1;
            Rows.RemoveAll(r => r.ItemId == item.ItemId);
            Rows.Insert(0, new FreshPreLabel(
                item.ItemId,
                names.Count == 0 ? "–" : string.Join(", ", names.Distinct(StringComparer.Ordinal).Take(3)),
                index >= 0 ? schema.Labels[index].Color ?? "var(--an-muted)" : "var(--an-muted)",
                item.Confidence,
                Names.Of(item.Source),
                Shorten(item.Text ?? item.Key)));
        }

        if (Rows.Count > Length) Rows.RemoveRange(Length, Rows.Count - Length);
    }

    private static bool TryNames(string value, out IReadOnlyList<string> names)
    {
        try
        {
            names = [.. LabelJson.Read(value).LabelNames];
            return true;
        }
        catch (FormatException)
        {
            // Written under another version of the product.
            names = [];
            return false;
        }
    }

    private static string Shorten(string text)
    {
        if (text.Length <= TextLength) return text;
        var end = char.IsHighSurrogate(text[TextLength - 1]) ? TextLength - 1 : TextLength;
        return string.Concat(text.AsSpan(0, end), "…");
    }
}
