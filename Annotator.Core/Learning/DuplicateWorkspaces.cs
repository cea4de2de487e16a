using System.Collections.Concurrent;
using Annotator.Core.Learning.Duplicates;

namespace Annotator.Core.Learning;

/// <summary>
/// Keeps the near-duplicate index of a project between runs, so that items which arrive one by one are grouped without reading all others again. Dropped
/// when no item has come for a while; it is made again from what is stored.
/// </summary>
internal sealed class DuplicateWorkspaces(TimeProvider time) : IDisposable
{
    /// <summary>How long an index that nobody uses stays in memory.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<long, (object Index, DateTimeOffset Used)> _indexes = new();
    private ITimer? _sweep;

    /// <summary>Takes the index of a project out; the run that holds it puts it back when it has done all of its work, so that a run that dies half way leaves none.</summary>
    public IDuplicateIndex<T>? Take<T>(long projectId) => _indexes.TryRemove(projectId, out var entry) ? entry.Index as IDuplicateIndex<T> : null;

    /// <summary>Puts an index back.</summary>
    public void Put<T>(long projectId, IDuplicateIndex<T> index)
    {
        _indexes[projectId] = (index, time.GetUtcNow());
        _sweep ??= time.CreateTimer(_ => Sweep(), null, Idle / 5, Idle / 5);
    }

    public void Dispose() => _sweep?.Dispose();

    private void Sweep()
    {
        foreach (var entry in _indexes)
        {
            if (time.GetUtcNow() - entry.Value.Used >= Idle) _indexes.TryRemove(entry);
        }
    }
}
