using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;

namespace Annotator.Web.Items;

/// <summary>An item that is to be looked at again.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Given">The label that it has, as canonical JSON.</param>
/// <param name="Suggested">The label that it probably should have, as canonical JSON.</param>
/// <param name="Probability">Probability of the suggested label by all votes, or of the given one by students that had not seen it.</param>
public sealed record WorkListRow(long ItemId, string Given, string Suggested, double Probability);

/// <summary>Lists of items in an order of their own that leads go through one by one: suspects, and where all votes together say another label.</summary>
public static class WorkList
{
    /// <summary>The list of labels that are probably wrong; lists of what votes say bear the name of the method.</summary>
    public const string Suspects = "suspects";

    private const int Most = 1_000;

    /// <summary>Whether there is a list of that name.</summary>
    public static bool IsKnown(string? name) => string.Equals(name, Suspects, StringComparison.Ordinal) || (name is not null && Names.TryParse<ConsensusMethod>(name, out _));

    /// <summary>Reads a list, worst first.</summary>
    public static async Task<IReadOnlyList<WorkListRow>> ReadAsync(string name, Project project, SuspectReader suspects, TeamQualityReader votes, CancellationToken cancellationToken)
    {
        if (string.Equals(name, Suspects, StringComparison.Ordinal))
            return [.. (await suspects.ReadAsync(project, Most, cancellationToken)).Select(s => new WorkListRow(s.Item.Id, s.Item.LabelValue!, s.Suggested, s.Score))];
        return Names.TryParse<ConsensusMethod>(name, out var method) && await votes.ConsensusAsync(project, method, cancellationToken: cancellationToken) is (_, var differences)
            ? [.. differences.Select(d => new WorkListRow(d.ItemId, d.Label, d.Suggested, d.Probability))]
            : [];
    }

    /// <summary>Whether a row is about a label: the one that is given, or the one that is suggested.</summary>
    public static bool IsAbout(WorkListRow row, string label) => Has(row.Given, label) || Has(row.Suggested, label);

    private static bool Has(string value, string label) => LabelJson.Read(value).LabelNames.Contains(label, StringComparer.Ordinal);
}
