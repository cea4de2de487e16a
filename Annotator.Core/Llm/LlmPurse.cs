using System.Text.Json;
using Annotator.Core.Llm.Batches;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm;

/// <summary>Money out of which several sessions pay: those of one run, and those of all runs of a project. Its members are guarded by <see cref="Guard"/>.</summary>
internal sealed class LlmPurse(decimal? money)
{
    /// <summary>One for all: a request is reserved in several purses at once, or in none.</summary>
    public static readonly Lock Guard = new();

    private TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What may be spent; null: no bound.</summary>
    public decimal? Money { get; private set; } = money;

    /// <summary>What was spent, as far as it is known.</summary>
    public decimal Spent { get; private set; }

    /// <summary>What requests under way may cost.</summary>
    public decimal Reserved { get; private set; }

    /// <summary>Done when a request is settled.</summary>
    public Task Settled => _settled.Task;

    /// <summary>Whether a request may be sent.</summary>
    /// <param name="reservation">The most that it is likely to cost.</param>
    /// <param name="nothingSeen">Whether nothing is known of what requests cost: then one alone may go.</param>
    public bool Covers(decimal reservation, bool nothingSeen) => Money is not { } money || Spent + Reserved + reservation <= money || (nothingSeen && Reserved == 0 && Spent < money);

    /// <summary>Reserves.</summary>
    public void Reserve(decimal reservation) => Reserved += reservation;

    /// <summary>Settles, and lets those look again who wait.</summary>
    public void Settle(decimal reservation, decimal cost)
    {
        Reserved -= reservation;
        Spent += cost;
        _settled.SetResult();
        _settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Takes over what the settings and the ledger say by now.</summary>
    public void Renew(decimal? money, decimal spent)
    {
        Money = money;
        Spent = Math.Max(Spent, spent);
    }
}

/// <summary>
/// The money of projects. All that asks in a project's name at the same time, such as a pre-label run beside a refinement, pays out of one purse: each of
/// them alone would see the whole budget, and together they would pass it.
/// </summary>
public sealed class LlmPurses(AnnotatorDatabase database)
{
    private readonly Dictionary<long, (LlmPurse Purse, int Users)> _open = [];

    /// <summary>Opens a project's purse.</summary>
    internal async Task<Lease> OpenAsync(Project project, CancellationToken cancellationToken)
    {
        var money = project.Settings.Llm.Budget > 0 ? (decimal?)(decimal)project.Settings.Llm.Budget : null;
        var spent = money is null ? 0 : await SpentAsync(project.Id, cancellationToken) + await InBatchesAsync(project.Id, cancellationToken);
        lock (LlmPurse.Guard)
        {
            var (purse, users) = _open.GetValueOrDefault(project.Id);
            purse ??= new LlmPurse(money);
            purse.Renew(money, spent);
            _open[project.Id] = (purse, users + 1);
            return new Lease(this, project.Id, purse);
        }
    }

    /// <summary>What of a project's budget is left, with all that is under way taken for what it may cost; null: there is no budget.</summary>
    internal async Task<decimal?> LeftAsync(Project project, CancellationToken cancellationToken)
    {
        if (project.Settings.Llm.Budget <= 0) return null;
        var (spent, batches) = (await SpentAsync(project.Id, cancellationToken), await InBatchesAsync(project.Id, cancellationToken));
        lock (LlmPurse.Guard)
        {
            var purse = _open.GetValueOrDefault(project.Id).Purse;
            return Math.Max(0, (decimal)project.Settings.Llm.Budget - Math.Max(spent + batches, purse?.Spent ?? 0) - (purse?.Reserved ?? 0));
        }
    }

    /// <summary>What a project's ledger says was spent, estimates of lost answers included.</summary>
    internal Task<decimal> SpentAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        async db => await db.Counters.Where(c => c.ProjectId == projectId && (c.Name == CounterNames.LlmCost || c.Name == CounterNames.LlmEstimatedCost)).SumAsync(c => c.Value, cancellationToken)
            / CounterNames.CostUnits,
        cancellationToken);

    // What batches under way may cost.
    private async Task<decimal> InBatchesAsync(long projectId, CancellationToken cancellationToken)
    {
        var cursors = await database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == projectId && r.Kind == LlmBatchHandler.RunKind && r.State < RunState.Succeeded && r.Cursor != null).Select(r => r.Cursor!).ToListAsync(cancellationToken), cancellationToken);
        return cursors.Sum(c => (decimal)(JsonSerializer.Deserialize<BatchCursor>(c, ProjectJson.Options)?.Batches.Sum(b => b.Reserved) ?? 0));
    }

    private void Close(long projectId)
    {
        lock (LlmPurse.Guard)
        {
            var (purse, users) = _open[projectId];
            if (users > 1) _open[projectId] = (purse, users - 1);
            else _open.Remove(projectId);
        }
    }

    /// <summary>The use of a purse; ended once all that was spent is in the ledger.</summary>
    internal sealed class Lease(LlmPurses owner, long projectId, LlmPurse purse) : IDisposable
    {
        private bool _closed;

        /// <summary>The purse.</summary>
        public LlmPurse Purse => purse;

        public void Dispose()
        {
            if (_closed) return;
            _closed = true;
            owner.Close(projectId);
        }
    }
}
