using System.Collections.Concurrent;
using Annotator.Core.Llm;
using Annotator.Core.Storage;

namespace Annotator.Core.Cascade;

/// <summary>
/// Two steps for taxonomies of hundreds of labels: first the model is shown the bare names and gives for each item the few that may apply, then it
/// chooses among those alone, with their definitions. Far fewer tokens than all definitions in every call, and fewer near misses among labels that are
/// alike. An item for which the first step gives nothing is asked about with all labels.
/// </summary>
internal sealed class LlmNarrowing : IAsyncDisposable
{
    private const int Candidates = 6;

    private readonly LabellingPrompt _prompt;
    private readonly LedgerWriter _ledger;
    private readonly LlmSession _session;
    private readonly ConcurrentDictionary<string, IReadOnlyList<string>> _candidates = new(StringComparer.Ordinal);

    public LlmNarrowing(AnnotatorDatabase database, Asker asker, LlmLabeller labeller, LabellingPrompt prompt, LlmRunOptions options, CancellationToken cancellationToken)
    {
        _prompt = prompt;
        _ledger = new LedgerWriter(database, asker, null, labeller.Endpoint.Concurrency, countsItems: false);
        var names = new LabellingPrompt(
            LlmTask.MultipleChoice,
            [.. prompt.Labels.Select(l => new LlmLabel(l.Name))],
            FormattableString.Invariant($"{prompt.Instructions ?? "Give each item its label by its content."} This is the first of two steps: for each item name the labels, at most {Candidates}, among which the right one will be looked for; the most likely first."),
            prompt.Guidelines);
        _session = labeller.Begin(names, options with { Ledger = _ledger, ExamplesFor = null }, cancellationToken);
    }

    /// <summary>What the first steps cost.</summary>
    public decimal Cost => _session.Cost;

    /// <summary>Takes the first step, and orders the items so that those with like candidates come into one call.</summary>
    public async Task<IReadOnlyList<LlmItem>> NarrowAsync(IReadOnlyList<LlmItem> items)
    {
        foreach (var result in await _session.AskAsync(items))
        {
            if (result.Answer is { Labels.Count: > 0 } answer) _candidates[result.Item.Id] = [.. answer.Labels.Take(Candidates)];
        }

        await _ledger.FlushAsync();
        return [.. items.OrderBy(i => _candidates.TryGetValue(i.Id, out var names) ? names[0] : "\uffff", StringComparer.Ordinal)];
    }

    /// <summary>The second step's prompt for a call.</summary>
    public LabellingPrompt PromptFor(IReadOnlyList<LlmItem> items)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in items)
        {
            if (!_candidates.TryGetValue(item.Id, out var candidates)) return _prompt;
            names.UnionWith(candidates);
        }

        // A choice among one is none.
        return names.Count < 2 || names.Count >= _prompt.Labels.Count ? _prompt : _prompt.With([.. _prompt.Labels.Where(l => names.Contains(l.Name))]);
    }

    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        await _ledger.DisposeAsync();
    }
}
