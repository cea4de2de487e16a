using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Runs;

namespace Annotator.Core.Llm.Taxonomy;

/// <summary>A label that a lead accepts.</summary>
/// <param name="Name">Name.</param>
/// <param name="Description">Definition.</param>
/// <param name="Parent">The label above it.</param>
public sealed record AcceptedLabel(string? Name, string? Description = null, string? Parent = null);

/// <summary>Shows what was proposed, and makes a project's labels of what a lead accepts.</summary>
public sealed class TaxonomyService(RunService runs, ProjectService projects)
{
    /// <summary>The newest run that proposes labels; null before the first.</summary>
    public async Task<Run?> NewestAsync(long projectId, CancellationToken cancellationToken = default) =>
        (await runs.ListOfKindAsync(projectId, ProposeTaxonomyHandler.RunKind, 1, cancellationToken)).FirstOrDefault();

    /// <summary>The newest proposal that was made, with its run; null before the first.</summary>
    public async Task<(Run Run, TaxonomyProposal Proposal)?> NewestProposalAsync(long projectId, CancellationToken cancellationToken = default)
    {
        var run = (await runs.ListOfKindAsync(projectId, ProposeTaxonomyHandler.RunKind, 20, cancellationToken)).FirstOrDefault(r => r is { State: RunState.Succeeded, Result: not null });
        return run is not null && JsonSerializer.Deserialize<TaxonomyProposal>(run.Result!, ProjectJson.Options) is { } proposal ? (run, proposal) : null;
    }

    /// <summary>Takes labels into a project, and sends what waits through the cascade with them.</summary>
    /// <param name="caller">Who.</param>
    /// <param name="project">The project.</param>
    /// <param name="labels">The labels: one that is there gets the new definition, another is added.</param>
    /// <param name="replace">Whether labels that are not named are taken away; one that has been used cannot be.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The project, or what is wrong, by field.</returns>
    public async Task<Outcome<Project>> AcceptAsync(Caller caller, Project project, IReadOnlyList<AcceptedLabel> labels, bool replace, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(labels);
        var errors = new List<(string, string)>();
        if (labels.Count == 0) errors.Add(("labels", "A label is needed."));
        for (var i = 0; i < labels.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(labels[i].Name)) errors.Add(($"labels[{i}].name", "A name is needed."));
        }

        if (errors.Count > 0) return Outcome<Project>.Fail(errors);
        var schema = project.Schema;
        var accepted = labels.Select(l => l with { Name = l.Name!.Trim() }).ToList();
        var named = accepted.GroupBy(l => l.Name!, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        var next = schema.Labels.Where(l => !replace || named.ContainsKey(l.Name))
            .Select(l => named.TryGetValue(l.Name, out var given) ? l with { Description = given.Description ?? l.Description, Parent = given.Parent ?? l.Parent } : l)
            .Concat(accepted.Where(l => !schema.Contains(l.Name!)).Select(l => new LabelDefinition(l.Name!, l.Description, Parent: l.Parent))).ToList();
        var changed = await projects.UpdateAsync(caller, project.Id, new ProjectChange(Task: new TaskDefinition(schema.Type, schema.Multiple, next)), cancellationToken);
        if (changed.Succeeded) await runs.StartOnceAsync(project.Id, PrelabelHandler.RunKind, new PrelabelOptions(), caller.UserId, cancellationToken);
        return changed;
    }
}
