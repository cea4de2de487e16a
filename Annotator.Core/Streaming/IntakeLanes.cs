using System.Collections.Concurrent;
using Annotator.Core.Cascade;
using Annotator.Core.Projects;

namespace Annotator.Core.Streaming;

/// <summary>An item that went through the lanes: stored for good.</summary>
/// <param name="Stored">What became of it.</param>
/// <param name="Shed">Whether the project was behind its objective, and the item was answered with the student only.</param>
public sealed record LaneAnswer(StoredItem Stored, bool Shed);

/// <summary>There is no room in an item's lane: whoever sends is faster than what can be made durable.</summary>
public sealed class LaneFullException() : Exception("More items arrive than can be stored at the moment.");

/// <summary>
/// Single items on their way into a project. What arrives while the model and the disk are busy is taken together the next time, so that one run of
/// the student and one commit serve many; a lone item waits for nobody. Urgent items go before normal ones, and those before batch work, which keeps
/// an eighth of every batch so that it never stands still. Within a lane items keep the order of their arrival, and a key that waits already is never overtaken by its own
/// later item. Bounded by number and bytes. A project in which nothing waits takes no memory.
/// </summary>
/// <remarks>Items of one batch share a transaction. Where the database refuses it, they are stored one by one, so that only the one that is at fault fails.</remarks>
public sealed class IntakeLanes(ItemIntake intake, TimeProvider time)
{
    /// <summary>The most items that wait in a lane of a project.</summary>
    public const int MostWaiting = 4_096;

    /// <summary>The most characters that wait in all lanes of a project.</summary>
    public const long MostCharacters = 32L << 20;

    /// <summary>The most items in one batch.</summary>
    public const int LargestBatch = 256;

    // How long the items of a refused batch are tried one by one while none of them succeeds: a database that is away refuses them all.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<long, Lanes> _projects = new();

    /// <summary>How many projects have something that waits, or is being stored.</summary>
    public int BusyProjects => _projects.Count;

    /// <summary>How many items wait in a project's lanes.</summary>
    public int Waiting(long projectId) => _projects.TryGetValue(projectId, out var lanes) ? lanes.Waiting : 0;

    /// <summary>Puts an item into its lane.</summary>
    /// <param name="project">The project, as it is now.</param>
    /// <param name="item">The item; must be valid (<see cref="ItemIntake.Check"/>).</param>
    /// <param name="waitsForRoom">Whether to wait where the lane is full.</param>
    /// <param name="cancellationToken">Ends the waiting for room; an item that is in its lane is stored.</param>
    /// <returns>When the item is in its lane: what will be known when it is durable.</returns>
    /// <exception cref="LaneFullException">The lane is full, and nobody wanted to wait.</exception>
    public async Task<Task<LaneAnswer>> EnqueueAsync(Project project, NewItem item, bool waitsForRoom, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(item);
        while (true)
        {
            // Lanes that were emptied meanwhile take nothing any more; new ones stand in their place.
            if (await _projects.GetOrAdd(project.Id, id => new Lanes(this, id)).EnqueueAsync(project, item, waitsForRoom, cancellationToken) is { } answer) return answer;
        }
    }

    private sealed class Lanes(IntakeLanes owner, long projectId)
    {
        // In the order in which they are served.
        private static readonly ItemPriority[] s_order = [ItemPriority.Urgent, ItemPriority.Normal, ItemPriority.Batch];

        private readonly Lock _lock = new();
        private readonly Queue<Waiter>[] _lanes = [new(), new(), new()];
        private readonly Dictionary<string, (int Lane, int Count)> _keys = new(StringComparer.Ordinal);
        private TaskCompletionSource _freed = NewSignal();
        private long _characters;
        private bool _working;
        private bool _closed;

        // Milliseconds an item costs in a batch, smoothed; what a student and a disk usually take, to begin with.
        private double _cost = 0.3;

        public int Waiting
        {
            get
            {
                lock (_lock) return _lanes.Sum(l => l.Count);
            }
        }

        /// <summary>Puts an item into its lane; null where the lanes were closed.</summary>
        public async Task<Task<LaneAnswer>?> EnqueueAsync(Project project, NewItem item, bool waitsForRoom, CancellationToken cancellationToken)
        {
            var waiter = new Waiter(project, item, ItemIntake.KeyOf(item), owner.Time.GetTimestamp());
            while (true)
            {
                Task freed;
                lock (_lock)
                {
                    if (_closed) return null;
                    if (TryAdd(waiter))
                    {
                        if (!_working) Start();
                        return waiter.Done.Task;
                    }

                    freed = _freed.Task;
                }

                if (!waitsForRoom) throw new LaneFullException();
                await freed.WaitAsync(cancellationToken);
            }
        }

        private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

        private static int LaneOf(ItemPriority priority) => Array.IndexOf(s_order, priority);

        private static long LengthOf(NewItem item) => (item.Text?.Length ?? 0) + (item.Metadata?.Length ?? 0) + 200;

        private bool TryAdd(Waiter waiter)
        {
            // Its own earlier item waits in another lane: order before hurry.
            var lane = _keys.TryGetValue(waiter.Key, out var known) ? known.Lane : LaneOf(waiter.Item.Priority);
            if (_lanes[lane].Count >= MostWaiting || (_characters > 0 && _characters + LengthOf(waiter.Item) > MostCharacters)) return false;
            _lanes[lane].Enqueue(waiter);
            _keys[waiter.Key] = (lane, known.Count + 1);
            _characters += LengthOf(waiter.Item);
            return true;
        }

        private void Start()
        {
            _working = true;

            // Whoever happens to come first must not lend its request's ambient state to all others.
            using (ExecutionContext.SuppressFlow()) _ = Task.Run(WorkAsync);
        }

        private async Task WorkAsync()
        {
            while (true)
            {
                List<Waiter> batch;
                bool shed;
                lock (_lock)
                {
                    (batch, shed) = Take();
                    if (batch.Count == 0)
                    {
                        // Whoever holds these lanes already finds them closed, and whoever waits for room has been woken.
                        _closed = true;
                        owner._projects.TryRemove(new KeyValuePair<long, Lanes>(projectId, this));
                        return;
                    }

                    (var freed, _freed) = (_freed, NewSignal());
                    freed.SetResult();
                }

                var began = owner.Time.GetTimestamp();
                await StoreAsync(batch, shed);
                var each = owner.Time.GetElapsedTime(began).TotalMilliseconds / batch.Count;
                _cost += 0.2 * (Math.Clamp(each, 0.02, 50) - _cost);
            }
        }

        private (List<Waiter> Batch, bool Shed) Take()
        {
            var batch = new List<Waiter>();
            if (_lanes.All(l => l.Count == 0)) return (batch, false);
            var settings = _lanes.First(l => l.Count > 0).Peek().Project.Settings.Stream;
            var most = Math.Clamp((int)(settings.BatchMilliseconds / _cost), 8, LargestBatch);

            // Behind the objective: somebody waits too long already, or will at this rate.
            var oldest = _lanes[..2].Where(l => l.Count > 0).Select(l => owner.Time.GetElapsedTime(l.Peek().Since).TotalMilliseconds).DefaultIfEmpty(0).Max();
            var ahead = (_lanes[0].Count + _lanes[1].Count) * _cost;
            var shed = oldest > settings.ObjectiveMilliseconds || ahead > settings.ObjectiveMilliseconds;

            // Urgent items are answered with their batch: where some are in it, it is a small one.
            var urgent = _lanes[0].Count;
            if (urgent > 0) most = Math.Min(most, Math.Max(most / 4, urgent + Math.Max(1, most / 8)));
            var inBatch = new HashSet<string>(StringComparer.Ordinal);
            for (var lane = 0; lane < _lanes.Length; lane++)
            {
                // What is kept for the lanes below, if anything waits there.
                var kept = _lanes[(lane + 1)..].Any(l => l.Count > 0) ? Math.Max(1, most / 8) : 0;
                while (batch.Count < most - kept && _lanes[lane].TryPeek(out var next) && inBatch.Add(next.Key)) batch.Add(Remove(lane));
            }

            return (batch, shed);
        }

        private Waiter Remove(int lane)
        {
            var waiter = _lanes[lane].Dequeue();
            var (where, count) = _keys[waiter.Key];
            if (count == 1) _keys.Remove(waiter.Key);
            else _keys[waiter.Key] = (where, count - 1);
            _characters -= LengthOf(waiter.Item);
            return waiter;
        }

        private async Task StoreAsync(List<Waiter> batch, bool shed)
        {
            if (await TryStoreAsync(batch, shed) is not { } refused) return;
            if (batch.Count == 1)
            {
                Fail(batch[0], refused);
                return;
            }

            var (began, stored) = (owner.Time.GetTimestamp(), false);
            foreach (var waiter in batch)
            {
                var own = stored || owner.Time.GetElapsedTime(began) < s_patience ? await TryStoreAsync([waiter], shed) : refused;
                if (own is null) stored = true;
                else Fail(waiter, own);
            }
        }

        // What was wrong; null where they are stored.
        private async Task<Exception?> TryStoreAsync(List<Waiter> batch, bool shed)
        {
            try
            {
                // The newest of them knows the project's settings best.
                var stored = await owner.Intake.StoreAsync(batch[^1].Project, [.. batch.Select(w => shed ? w.Item with { StudentOnly = true } : w.Item)]);
                if (!stored.Succeeded) return new InvalidOperationException(string.Join(' ', stored.Errors.Select(e => e.Message)));
                for (var i = 0; i < batch.Count; i++) batch[i].Done.TrySetResult(new LaneAnswer(stored.Value[i], shed));
                return null;
            }
            catch (Exception e)
            {
                return e;
            }
        }

        private static void Fail(Waiter waiter, Exception e)
        {
            waiter.Done.TrySetException(e);

            // Whoever has gone away does not look at it.
            _ = waiter.Done.Task.Exception;
        }
    }

    private ItemIntake Intake => intake;

    private TimeProvider Time => time;

    private sealed record Waiter(Project Project, NewItem Item, string Key, long Since)
    {
        public TaskCompletionSource<LaneAnswer> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
