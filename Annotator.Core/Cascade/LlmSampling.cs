using Annotator.Core.Llm;
using Annotator.Core.Projects;
using Annotator.Core.Storage;

namespace Annotator.Core.Cascade;

/// <summary>
/// Self-consistency (Wang et al. 2023): an answer that is unsure is asked for several times, at a temperature and with the labels in other orders; what
/// most of the answers say stands, and the share of them that say it is the confidence.
/// </summary>
internal sealed class LlmSampling : IAsyncDisposable
{
    private const double Temperature = 0.7;

    private readonly Asker _asker;
    private readonly LlmSettings _settings;
    private readonly LedgerWriter _ledger;
    private readonly LlmSession _session;

    public LlmSampling(AnnotatorDatabase database, Asker asker, LlmLabeller labeller, LabellingPrompt prompt, LlmRunOptions options, LlmSettings settings, CancellationToken cancellationToken)
    {
        (_asker, _settings) = (asker, settings);
        _ledger = new LedgerWriter(database, asker, null, labeller.Endpoint.Concurrency, countsItems: false);
        _session = labeller.Begin(prompt, options with { Ledger = _ledger, Temperature = Temperature, Seed = options.Seed ^ 0x5A17 }, cancellationToken);
    }

    /// <summary>What the further answers cost.</summary>
    public decimal Cost => _session.Cost;

    /// <summary>Asks again about what is unsure.</summary>
    /// <returns>All results, and those of them that were asked again.</returns>
    public async Task<(IReadOnlyList<LlmItemResult> Results, IReadOnlyList<LlmItemResult> Changed)> SampleAsync(IReadOnlyList<LlmItemResult> results, LlmTask task)
    {
        var unsure = results.Where(r => r.Answer is { } a && !(a.Confidence >= _settings.SampleBelow)).ToList();
        if (unsure.Count == 0) return (results, []);
        var items = unsure.Select(u => u.Item).ToList();
        var rounds = await Task.WhenAll(Enumerable.Range(1, _settings.Samples - 1).Select(_ => _session.AskAsync(items)));
        await _ledger.FlushAsync();
        var voted = new Dictionary<string, LlmItemResult>(StringComparer.Ordinal);
        for (var i = 0; i < unsure.Count; i++)
        {
            var answers = rounds.Select(r => r[i].Answer).OfType<LlmAnswer>().Prepend(unsure[i].Answer!).ToList();
            if (answers.Count < 2) continue;
            var winner = answers.GroupBy(a => LlmAsking.Value(a, task, unsure[i].Item.Picture), StringComparer.Ordinal).OrderByDescending(g => g.Count()).First();
            voted[unsure[i].Item.Id] = unsure[i] with
            {
                Answer = winner.First() with { Confidence = (double)winner.Count() / answers.Count, ConfidenceSource = ConfidenceSource.Agreement, IsConfidenceClamped = false },
            };
        }

        return ([.. results.Select(r => voted.GetValueOrDefault(r.Item.Id, r))], [.. voted.Values]);
    }

    /// <summary>Keeps what stands after the vote.</summary>
    public Task KeepAsync(WriteScope scope, IReadOnlyList<LlmItemResult> changed, LlmTask task) =>
        scope.Dialect.UpsertAsync(scope.Db, [.. changed.Select(c => LlmAsking.Prediction(c, _asker, task, scope.Now))], scope.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        await _ledger.DisposeAsync();
    }
}
