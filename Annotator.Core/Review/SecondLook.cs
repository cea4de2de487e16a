using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;

namespace Annotator.Core.Review;

/// <summary>Which labels of people somebody else looks at before they are final: none, a share, all, or by rule. An item that any of the rules names gets one more person.</summary>
public sealed record SecondLookSettings
{
    /// <summary>Share of items, 0 to 1; 0: none, 1: all.</summary>
    public double Share { get; init; }

    /// <summary>Items to which somebody gave one of these labels.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Items that one of these annotators labelled, by id.</summary>
    public IReadOnlyList<string> Annotators { get; init; } = [];

    /// <summary>Items whose shown pre-label had less confidence than this, 0 to 1; 0: no rule.</summary>
    public double BelowConfidence { get; init; }

    /// <summary>Name of a field of the metadata: items where it has <see cref="Value"/>; null: no rule.</summary>
    public string? Field { get; init; }

    /// <summary>The value that the field has.</summary>
    public string? Value { get; init; }
}

/// <summary>How many people an item needs.</summary>
internal static class SecondLook
{
    /// <summary>The overlap, and one more where a second look is asked for.</summary>
    /// <param name="settings">The project's settings.</param>
    /// <param name="votes">The labels that stand, of one item.</param>
    /// <param name="item">The item.</param>
    public static int PeopleFor(ProjectSettings settings, IReadOnlyList<Decision> votes, Item item) => settings.Overlap + (votes.Count > 0 && Asks(settings.SecondLook, votes, item) ? 1 : 0);

    private static bool Asks(SecondLookSettings rules, IReadOnlyList<Decision> votes, Item item)
    {
        if (!string.IsNullOrEmpty(rules.Field) && ItemMetadata.Has(item.Metadata, rules.Field, rules.Value)) return true;
        if (rules.Share > 0 && Draw(votes[0].ItemId) < rules.Share) return true;
        foreach (var vote in votes)
        {
            if (rules.BelowConfidence > 0 && vote.ShownConfidence < rules.BelowConfidence) return true;
            if (rules.Annotators.Count > 0 && vote.UserId is { } user && rules.Annotators.Contains(user.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparer.Ordinal)) return true;
            if (rules.Labels.Count > 0 && vote.Value is { } value && LabelJson.Read(value).LabelNames.Any(n => rules.Labels.Contains(n, StringComparer.Ordinal))) return true;
        }

        return false;
    }

    // The same for an item whenever it is asked, and even over items: the finaliser of MurmurHash3 over the id.
    private static double Draw(long item)
    {
        var h = unchecked((ulong)item);
        h = unchecked((h ^ (h >> 33)) * 0xff51afd7ed558ccdUL);
        h = unchecked((h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53UL);
        return ((h ^ (h >> 33)) >> 11) * (1.0 / (1UL << 53));
    }
}
