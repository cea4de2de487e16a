using System.ComponentModel.DataAnnotations;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review.Checks;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Projects.Evolution;

/// <summary>How labels of a running project change.</summary>
public enum EvolutionKind
{
    /// <summary>A label gets another name.</summary>
    Rename,

    /// <summary>Labels become one that is there already.</summary>
    Merge,

    /// <summary>A label goes; people decide its items anew.</summary>
    Retire,

    /// <summary>A label becomes several; people decide which.</summary>
    Split,

    /// <summary>New labels.</summary>
    Add,

    /// <summary>A label gets another place in the taxonomy.</summary>
    Move,
}

/// <summary>A change of the labels of a project.</summary>
public sealed class EvolveLabelsOptions
{
    /// <summary>What kind.</summary>
    public EvolutionKind Kind { get; set; }

    /// <summary>The labels that change: one, or several to merge; none to add.</summary>
    public IReadOnlyList<string> Labels { get; set; } = [];

    /// <summary>The names after: one with a renaming and a merger, two or more with a split, one or more to add, none with a retirement or a move.</summary>
    public IReadOnlyList<string> To { get; set; } = [];

    /// <summary>To add and to move: the label above; null or empty: none.</summary>
    public string? Parent { get; set; }

    /// <summary>With a split: so many of its items, spread over all kinds of them, come first in the queue, and the others wait behind for what is learned from these; null: all come first.</summary>
    [Range(1, MostReviewed)]
    public int? Review { get; set; }

    /// <summary>The most items that a split puts first.</summary>
    public const int MostReviewed = 1_000;

    /// <summary>A run of this kind to take back; the rest is not heeded then.</summary>
    [Range(1, long.MaxValue)]
    public long? Undo { get; set; }
}

/// <summary>What a change would touch.</summary>
/// <param name="Final">Items that have one of the labels for good.</param>
/// <param name="Known">Known items with one of them.</param>
/// <param name="Review">Whether people decide those items anew.</param>
/// <param name="Schema">The labels after.</param>
public sealed record EvolutionPreview(long Final, int Known, bool Review, LabelSchema Schema);

/// <summary>Changes the labels of projects that have items: shown before, done by a run, and taken back by another.</summary>
public sealed class LabelEvolution(AnnotatorDatabase database, RunService runs)
{
    /// <summary>What a change would touch; or what is wrong with it, by field.</summary>
    public async Task<Outcome<EvolutionPreview>> PreviewAsync(Project project, EvolveLabelsOptions options, CancellationToken cancellationToken = default)
    {
        var schema = After(project, options);
        if (!schema.Succeeded) return Outcome<EvolutionPreview>.Fail(schema.Errors);
        return await database.ReadAsync(
            async db =>
            {
                var labels = options.Labels.ToList();
                var final = await db.Tallies.Where(t => t.ProjectId == project.Id && t.Kind == TallyKind.FinalLabels && labels.Contains(t.Label)).SumAsync(t => t.Count, cancellationToken);
                var gold = await db.Set<GoldItem>().Where(g => g.ProjectId == project.Id).Select(g => g.Value).ToListAsync(cancellationToken);
                var known = gold.Count(g => LabelJson.Read(g).LabelNames.Any(n => labels.Contains(n, StringComparer.Ordinal)));
                return (Outcome<EvolutionPreview>)new EvolutionPreview(final, known, options.Kind is EvolutionKind.Retire or EvolutionKind.Split, schema.Value);
            },
            cancellationToken);
    }

    /// <summary>Starts a change.</summary>
    /// <exception cref="UnauthorizedAccessException">The caller is no lead of the project.</exception>
    public async Task<Outcome<Run>> StartAsync(ProjectGrant grant, long userId, EvolveLabelsOptions options, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads change labels.");
        if (options.Undo is null && After(grant.Project, options) is { Succeeded: false } wrong) return Outcome<Run>.Fail(wrong.Errors);
        return await runs.StartAsync(grant.Project.Id, EvolveLabelsHandler.RunKind, options, userId, cancellationToken);
    }

    /// <summary>The labels after a change; or what is wrong with it.</summary>
    internal static Outcome<LabelSchema> After(Project project, EvolveLabelsOptions options)
    {
        var schema = project.Schema;
        var errors = new List<(string, string)>();
        if (options.Labels.Count == 0 && options.Kind != EvolutionKind.Add) errors.Add(("labels", "At least one label is needed."));
        foreach (var label in options.Labels.Where(l => !schema.Contains(l))) errors.Add(("labels", $"The project has no label '{label}'."));
        if (options.Kind is not (EvolutionKind.Rename or EvolutionKind.Move) && schema.Labels.Any(l => l.Parent is { } parent && options.Labels.Contains(parent, StringComparer.Ordinal))) errors.Add(("labels", "A label with others below it can only be renamed."));
        var names = options.To.Select(t => t.Trim()).ToList();
        var above = string.IsNullOrWhiteSpace(options.Parent) ? null : options.Parent;
        switch (options.Kind)
        {
            case EvolutionKind.Rename:
                if (options.Labels.Count != 1 || names.Count != 1) errors.Add(("to", "One label and its new name are needed."));
                break;
            case EvolutionKind.Merge:
                if (names.Count != 1 || !schema.Contains(names[0]) || options.Labels.Contains(names[0], StringComparer.Ordinal)) errors.Add(("to", "The label that the others become must be there, and not be one of them."));
                break;
            case EvolutionKind.Retire:
                if (options.Labels.Count != 1 || names.Count != 0) errors.Add(("to", "One label is needed, and no other name."));
                if (schema.Labels.Count < 2) errors.Add(("labels", "The last label cannot go."));
                break;
            case EvolutionKind.Split:
                if (options.Labels.Count != 1 || names.Count < 2) errors.Add(("to", "One label and two or more new names are needed."));
                break;
            case EvolutionKind.Add:
                if (options.Labels.Count != 0 || names.Count == 0) errors.Add(("to", "One or more new names are needed."));
                if (above is not null && !schema.Contains(above)) errors.Add(("parent", $"The project has no label '{above}'."));
                break;
            case EvolutionKind.Move:
                if (options.Labels.Count != 1 || names.Count != 0) errors.Add(("labels", "One label is needed."));
                if (above is not null && !schema.Contains(above)) errors.Add(("parent", $"The project has no label '{above}'."));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(options));
        }

        if (options.Kind is EvolutionKind.Rename or EvolutionKind.Split or EvolutionKind.Add && names.Any(n => schema.Contains(n) && !(options.Kind == EvolutionKind.Split && options.Labels.Contains(n, StringComparer.Ordinal)))) errors.Add(("to", "A label of that name is there already."));
        if (errors.Count > 0) return Outcome<LabelSchema>.Fail(errors);

        var labels = options.Kind switch
        {
            EvolutionKind.Rename => schema.Labels.Select(l => Is(l.Name) ? l with { Name = names[0] } : Is(l.Parent) ? l with { Parent = names[0] } : l),
            EvolutionKind.Split => schema.Labels.SelectMany(l => Is(l.Name) ? names.Select((n, i) => i == 0 ? l with { Name = n } : new LabelDefinition(n, Parent: l.Parent)) : [l]),
            EvolutionKind.Add => schema.Labels.Concat(names.Select(n => new LabelDefinition(n, Parent: above))),
            EvolutionKind.Move => schema.Labels.Select(l => Is(l.Name) ? l with { Parent = above } : l),
            _ => schema.Labels.Where(l => !options.Labels.Contains(l.Name, StringComparer.Ordinal)),
        };
        var after = (schema with { Labels = [.. labels] }).WithDefaults();
        var wrong = after.Validate(project.Modality);
        return wrong.Count > 0 ? Outcome<LabelSchema>.Fail([.. wrong.Select(w => ("to", w.Message))]) : after;

        bool Is(string? name) => string.Equals(name, options.Labels[0], StringComparison.Ordinal);
    }

    /// <summary>The name of a label after a change; null: people decide.</summary>
    internal static string? NameAfter(EvolveLabelsOptions options, string label) =>
        !options.Labels.Contains(label, StringComparer.Ordinal) ? label : options.Kind switch { EvolutionKind.Rename or EvolutionKind.Merge => options.To[0].Trim(), EvolutionKind.Move => label, _ => null };

    /// <summary>A value after a change; null: people decide.</summary>
    internal static string? ValueAfter(EvolveLabelsOptions options, string value)
    {
        var read = LabelJson.Read(value);
        return read.LabelNames.Any(n => NameAfter(options, n) is null) ? null : LabelJson.Write(LabelRenaming.Apply(read, n => NameAfter(options, n)!));
    }
}

/// <summary>The run that changes labels.</summary>
public static class EvolveLabels
{
    /// <summary>Its kind.</summary>
    public const string RunKind = EvolveLabelsHandler.RunKind;
}
