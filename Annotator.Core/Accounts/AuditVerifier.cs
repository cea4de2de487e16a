using System.Globalization;
using Annotator.Core.Labels;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>What is wrong with a place of the audit log.</summary>
public enum AuditFaultKind
{
    /// <summary>The entry does not follow from the one before: it was changed, or that one was together with its hash.</summary>
    Changed,

    /// <summary>An entry is missing.</summary>
    Missing,

    /// <summary>The entry stands at another place than it was made at.</summary>
    Moved,

    /// <summary>The entry was put in from outside: it is in no chain, or at a place that another entry has.</summary>
    Foreign,

    /// <summary>The end of the log is not what was written last, or not what somebody noted down.</summary>
    End,
}

/// <summary>A place where the audit log was tampered with.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="Sequence">Place in the log, from 1.</param>
/// <param name="EntryId">The entry; null where it is missing.</param>
public sealed record AuditFault(AuditFaultKind Kind, long Sequence, long? EntryId);

/// <summary>What was found when a log was read from its beginning.</summary>
/// <param name="ProjectId">Whose log; null: the entries that concern no project.</param>
/// <param name="Entries">Entries read.</param>
/// <param name="Sequence">Place of the newest entry.</param>
/// <param name="Hash">Its hash: noted down elsewhere it shows later that nothing up to it was changed, not even by somebody who made the whole log anew.</param>
/// <param name="Faults">Where it was tampered with, in order; at most <see cref="AuditVerifier.MostFaults"/>.</param>
public sealed record AuditVerification(long? ProjectId, long Entries, long Sequence, string Hash, IReadOnlyList<AuditFault> Faults)
{
    /// <summary>Whether nothing is wrong.</summary>
    public bool Holds => Faults.Count == 0;
}

/// <summary>Reads an audit log from its beginning and says where it is not as it was written.</summary>
public sealed class AuditVerifier(AnnotatorDatabase database)
{
    /// <summary>So many faults are named at the most.</summary>
    public const int MostFaults = 100;

    private const int Part = 2_000;

    /// <summary>Checks the log of a project.</summary>
    /// <param name="projectId">The project; null: the entries that concern none.</param>
    /// <param name="noted">Place and hash that somebody noted down, to be found again; null: none.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<AuditVerification> VerifyAsync(long? projectId, (long Sequence, string Hash)? noted = null, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            // An entry and the end of its chain are written together: with the entries read first, whatever the end lacks was put in from outside.
            var chain = projectId ?? AuditChain.NoProject;
            var reading = new Reading(noted);
            AuditHead head;
            for (long after = long.MinValue, looked = -1; ;)
            {
                var from = after;
                var rows = await db.AuditLog.Where(e => e.ProjectId == projectId && e.Id > from).OrderBy(e => e.Id).Take(Part).ToListAsync(cancellationToken);
                foreach (var row in rows) reading.Next(row);
                if (rows.Count > 0) after = rows[^1].Id;
                if (rows.Count == Part) continue;

                // What was added since the last look is read as well.
                head = await db.Set<AuditHead>().FirstOrDefaultAsync(h => h.Chain == chain, cancellationToken) ?? new AuditHead { Chain = chain };
                if (head.Sequence < reading.Expected || head.Sequence == looked) break;
                looked = head.Sequence;
            }

            return reading.End(projectId, head);
        },
        cancellationToken);

    /// <summary>Checks all logs: those of projects that are gone as well.</summary>
    public async Task<IReadOnlyList<AuditVerification>> VerifyAllAsync(CancellationToken cancellationToken = default)
    {
        var chains = await database.ReadAsync(
            async db => (await db.Set<AuditHead>().Select(h => h.Chain).ToListAsync(cancellationToken)).Union(await db.AuditLog.Select(e => e.ProjectId ?? AuditChain.NoProject).Distinct().ToListAsync(cancellationToken)).Order().ToList(),
            cancellationToken);
        var found = new List<AuditVerification>();
        foreach (var chain in chains) found.Add(await VerifyAsync(chain == AuditChain.NoProject ? null : chain, null, cancellationToken));
        return found;
    }

    private sealed class Reading((long Sequence, string Hash)? noted)
    {
        // Entries that come before their turn wait for it; where so many wait, the one that is waited for is missing.
        private const int MostWaiting = 10_000;

        private readonly List<AuditFault> _faults = [];
        private readonly SortedSet<long> _missing = [];
        private readonly SortedDictionary<long, AuditEntry> _waiting = [];
        private long _last = long.MinValue;
        private long _beforeLast = long.MinValue;
        private long _entries;
        private string? _before = "";
        private bool _found;

        /// <summary>The place that the next entry has if none is missing.</summary>
        public long Expected { get; private set; } = 1;

        public void Next(AuditEntry row)
        {
            _entries++;
            if (row.Sequence < 1 || row.Hash.Length == 0 || (row.Sequence < Expected && !_missing.Contains(row.Sequence)) || (row.Sequence >= Expected && !_waiting.TryAdd(row.Sequence, row)))
            {
                Fault(AuditFaultKind.Foreign, row.Sequence, row.Id);
                return;
            }

            if (_missing.Remove(row.Sequence)) Fault(AuditFaultKind.Moved, row.Sequence, row.Id);
            if (_waiting.Count > MostWaiting) Skip(_waiting.Keys.First() - 1);
            while (_waiting.Remove(Expected, out var next)) Take(next);
        }

        public AuditVerification End(long? projectId, AuditHead head)
        {
            foreach (var (sequence, row) in _waiting.ToList())
            {
                Skip(sequence - 1);
                Take(row);
            }

            if (Expected - 1 > head.Sequence) Fault(AuditFaultKind.Foreign, Expected - 1, _last);
            Skip(head.Sequence);
            foreach (var sequence in _missing) Fault(AuditFaultKind.Missing, sequence, null);
            if (Expected - 1 == head.Sequence && _before is not null && !string.Equals(_before, head.Hash, StringComparison.Ordinal)) Fault(AuditFaultKind.End, head.Sequence, null);
            if (noted is { } known && !_found) Fault(AuditFaultKind.End, known.Sequence, null);
            return new AuditVerification(projectId, _entries, head.Sequence, head.Hash, [.. _faults.OrderBy(f => f.Sequence).ThenBy(f => f.EntryId)]);
        }

        private void Take(AuditEntry row)
        {
            // Ids grow with the places: of two that do not, the one that does not fit among its neighbours was moved.
            if (row.Id < _last)
            {
                var earlier = row.Id > _beforeLast;
                Fault(AuditFaultKind.Moved, earlier ? row.Sequence - 1 : row.Sequence, earlier ? _last : row.Id);
                if (earlier) _last = row.Id;
            }
            else
            {
                (_beforeLast, _last) = (_last, row.Id);
            }

            if (_before is not null && !string.Equals(AuditChain.HashOf(row, _before), row.Hash, StringComparison.Ordinal)) Fault(AuditFaultKind.Changed, row.Sequence, row.Id);
            if (noted is { } known && known.Sequence == row.Sequence) _found = string.Equals(known.Hash, row.Hash, StringComparison.OrdinalIgnoreCase);
            (_before, Expected) = (row.Hash, row.Sequence + 1);
        }

        // What follows a gap cannot be held against its predecessor.
        private void Skip(long through)
        {
            if (Expected > through) return;
            for (var sequence = Expected; sequence <= through && _missing.Count < MostFaults; sequence++) _missing.Add(sequence);
            (_before, Expected) = (null, through + 1);
        }

        private void Fault(AuditFaultKind kind, long sequence, long? entry)
        {
            if (_faults.Count < MostFaults) _faults.Add(new AuditFault(kind, sequence, entry));
        }
    }
}

/// <summary>The run that checks the audit log of a project; it fails where something is wrong, so that whoever watches runs hears of it.</summary>
internal sealed class VerifyAuditHandler(AuditVerifier verifier) : IRunHandler
{
    public const string RunKind = "verifyAudit";

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var found = await verifier.VerifyAsync(run.ProjectId, null, cancellationToken);
        if (!found.Holds) throw new RunFailedException(string.Create(CultureInfo.InvariantCulture, $"The audit log was tampered with: {string.Join(", ", found.Faults.Take(10).Select(f => $"entry {f.Sequence} ({Names.Of(f.Kind)})"))}."));
        await run.CheckpointAsync(_ => Task.CompletedTask, null, message: $"{found.Entries} entries hold; entry {found.Sequence} has the hash {found.Hash}.", cancellationToken: cancellationToken);
    }
}
