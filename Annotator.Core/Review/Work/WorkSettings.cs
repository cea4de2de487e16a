using System.Globalization;
using Annotator.Core.Labels;

namespace Annotator.Core.Review.Work;

/// <summary>How the work of a project is given out: whether it rests, until when it is to be done, who is an expert of what, and what needs two of them.</summary>
public sealed record WorkSettings
{
    /// <summary>Most groups, and most rules.</summary>
    public const int Most = 50;

    /// <summary>Longest note, in characters.</summary>
    public const int MaxNote = 500;

    /// <summary>Whether the project rests: nobody is lent anything; all that is there stays.</summary>
    public bool Paused { get; init; }

    /// <summary>What people are told while it rests, up to 500 characters.</summary>
    public string PauseNote { get; init; } = "";

    /// <summary>Until when the project is to be done; null: no such time.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Named sets of people: experts, or those with a skill.</summary>
    public IReadOnlyList<WorkGroup> Groups { get; init; } = [];

    /// <summary>What goes to whom; the first rule that fits holds.</summary>
    public IReadOnlyList<ExpertRule> Rules { get; init; } = [];

    /// <summary>What is final only after two people of a set agree; null: nothing.</summary>
    public SignOffSettings? SignOff { get; init; }

    /// <summary>A group by its name, or null.</summary>
    public WorkGroup? Group(string? name) => name is null ? null : Groups.FirstOrDefault(g => string.Equals(g.Name, name, StringComparison.Ordinal));

    internal IEnumerable<(string Field, string Message)> Validate(bool autoAccept, bool groupDuplicates)
    {
        if (PauseNote is null || PauseNote.Length > MaxNote) yield return ("settings.work.pauseNote", $"At most {MaxNote} characters.");
        if (Groups is null || Groups.Count > Most) yield return ("settings.work.groups", $"At most {Most} groups.");
        if (Rules is null || Rules.Count > Most) yield return ("settings.work.rules", $"At most {Most} rules.");
        if (Groups is null || Rules is null) yield break;
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < Groups.Count; i++)
        {
            if (Groups[i] is not { } group || string.IsNullOrWhiteSpace(group.Name) || group.Name.Length > 100) yield return ($"settings.work.groups[{i}].name", "A name of 1 to 100 characters is needed.");
            else if (!names.Add(group.Name)) yield return ($"settings.work.groups[{i}].name", $"There are two groups '{group.Name}'.");
            if (Groups[i]?.People is not { Count: <= 1_000 } people) yield return ($"settings.work.groups[{i}].people", "A list of at most 1,000 people is needed.");
            else if (people.FirstOrDefault(p => !long.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out _)) is { } wrong) yield return ($"settings.work.groups[{i}].people", $"'{wrong}' is no id of a person.");
        }

        for (var i = 0; i < Rules.Count; i++)
        {
            var at = $"settings.work.rules[{i}]";
            if (Rules[i] is not { } rule)
            {
                yield return (at, "A rule is needed.");
                continue;
            }

            if (Group(rule.Group) is null) yield return ($"{at}.group", $"There is no group '{rule.Group}'.");
            if (!(rule.BelowConfidence >= 0 && rule.BelowConfidence <= 1)) yield return ($"{at}.belowConfidence", "Must be 0 to 1.");
            if (rule.Labels is null) yield return ($"{at}.labels", "A list of labels is needed.");
            else if (rule.Labels.Count == 0 && rule.BelowConfidence == 0 && string.IsNullOrEmpty(rule.Field)) yield return (at, "Labels, a confidence or a field of the metadata is needed: a rule without any would fit everything.");
            if (rule.Field?.Length > 100) yield return ($"{at}.field", "At most 100 characters.");
            if (!string.IsNullOrEmpty(rule.Field) && string.IsNullOrEmpty(rule.Value)) yield return ($"{at}.value", "The value that the field has is needed.");
        }

        if (SignOff is not { } signOff) yield break;
        if (Group(signOff.Group) is not { } signers) yield return ("settings.work.signOff.group", $"There is no group '{signOff.Group}'.");
        else if (signers.People.Distinct(StringComparer.Ordinal).Count() < 2) yield return ("settings.work.signOff.group", $"The group '{signOff.Group}' needs two people or more.");
        if (signOff.Labels is null) yield return ("settings.work.signOff.labels", "A list of labels is needed; an empty one means all.");
        if (autoAccept) yield return ("settings.work.signOff", "Sign-off needs settings.autoAccept to be false: nothing may become final without people.");
        if (groupDuplicates) yield return ("settings.work.signOff", "Sign-off needs settings.groupDuplicates to be false: no label may be taken over from another item.");
    }
}

/// <summary>A named set of people.</summary>
public sealed record WorkGroup
{
    /// <summary>Name, 1 to 100 characters.</summary>
    public string Name { get; init; } = "";

    /// <summary>Ids of the people.</summary>
    public IReadOnlyList<string> People { get; init; } = [];

    /// <summary>Whether a person is in it.</summary>
    public bool Has(long? userId) => userId is { } id && People.Contains(id.ToString(CultureInfo.InvariantCulture), StringComparer.Ordinal);
}

/// <summary>Sends items to the people of a group. All that it names must hold.</summary>
public sealed record ExpertRule
{
    /// <summary>The group.</summary>
    public string Group { get; init; } = "";

    /// <summary>The pre-label has one of these labels; empty: any.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>The pre-label has less confidence than this, 0 to 1, or there is none; 0: any.</summary>
    public double BelowConfidence { get; init; }

    /// <summary>Name of a field of the metadata; null: none.</summary>
    public string? Field { get; init; }

    /// <summary>The value that the field has.</summary>
    public string? Value { get; init; }

    internal bool Fits(Items.Item item)
    {
        if (BelowConfidence > 0 && item.PredictionValue is not null && !(item.PredictionConfidence < BelowConfidence)) return false;
        if (Labels.Count > 0 && (item.PredictionValue is null || !LabelJson.Read(item.PredictionValue).LabelNames.Any(n => Labels.Contains(n, StringComparer.Ordinal)))) return false;
        return string.IsNullOrEmpty(Field) || Items.ItemMetadata.Has(item.Metadata, Field, Value);
    }
}

/// <summary>What needs two people: an item is final only when two of the group gave it the same label.</summary>
public sealed record SignOffSettings
{
    /// <summary>How many people must agree.</summary>
    public const int People = 2;

    /// <summary>The group.</summary>
    public string Group { get; init; } = "";

    /// <summary>Items to which somebody gave one of these labels; empty: all.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];
}

/// <summary>How the votes of an item stand where two people must sign.</summary>
internal static class SignOff
{
    /// <summary>Whether an item with these votes needs signatures.</summary>
    public static bool Asks(WorkSettings work, IReadOnlyList<Decision> votes) =>
        work.SignOff is { } rules && votes.Count > 0
        && (rules.Labels.Count == 0 || votes.Any(v => v.Value is not null && LabelJson.Read(v.Value).LabelNames.Any(n => rules.Labels.Contains(n, StringComparer.Ordinal))));

    /// <summary>The label that enough people of the group gave, or null; and how many more signatures the nearest label needs.</summary>
    public static (string? Signed, int Lacking) Stand(WorkSettings work, IReadOnlyList<Decision> votes)
    {
        if (work.Group(work.SignOff?.Group) is not { } group) return (null, SignOffSettings.People);
        var best = votes.Where(v => group.Has(v.UserId) && v.Value is not null).GroupBy(v => v.Value!, StringComparer.Ordinal)
            .Select(g => (Value: g.Key, People: g.Select(v => v.UserId).Distinct().Count(), First: g.Min(v => v.Id))).OrderByDescending(g => g.People).ThenBy(g => g.First).FirstOrDefault();
        return best.People >= SignOffSettings.People ? (best.Value, 0) : (null, SignOffSettings.People - best.People);
    }

    /// <summary>People of the group who have not said anything yet.</summary>
    public static int Left(WorkSettings work, IReadOnlyList<Decision> votes) =>
        work.Group(work.SignOff?.Group) is { } group ? group.People.Distinct(StringComparer.Ordinal).Count() - votes.Where(v => group.Has(v.UserId)).Select(v => v.UserId).Distinct().Count() : 0;
}
