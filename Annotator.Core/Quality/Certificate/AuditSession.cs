namespace Annotator.Core.Quality.Certificate;

/// <summary>A running audit in memory, made anew from its facts: the frozen proposals and the records so far.</summary>
internal sealed class AuditSession
{
    private readonly Dictionary<long, int> _indexOf;
    private readonly Dictionary<long, AuditRecord> _recordOf = [];
    private readonly List<AuditRecord> _records = [];

    private AuditSession(Audit audit, FrozenProposals frozen)
    {
        (Audit, Frozen) = (audit, frozen);
        _indexOf = new Dictionary<long, int>(frozen.Items.Length);
        for (var i = 0; i < frozen.Items.Length; i++) _indexOf[frozen.Items[i]] = i;
        Test = new WeightedAudit(frozen.RiskNumbers(), audit.Allowed, audit.Alpha, (ulong)audit.Seed);
    }

    public Audit Audit { get; }

    public FrozenProposals Frozen { get; }

    public WeightedAudit Test { get; }

    public IReadOnlyList<AuditRecord> Records => _records;

    /// <summary>Draws that wait for an answer.</summary>
    public int OpenDraws => _records.Count(r => r is { Kind: AuditEntry.Draw, Wrong: null });

    /// <summary>Replays an audit.</summary>
    /// <exception cref="InvalidDataException">The records do not belong to these proposals and this seed.</exception>
    public static AuditSession Replay(Audit audit, FrozenProposals frozen, IEnumerable<AuditRecord> records)
    {
        var session = new AuditSession(audit, frozen);
        foreach (var record in records.OrderBy(r => r.Ordinal))
        {
            if (record.Kind == AuditEntry.Draw)
            {
                var drawn = session.Test.Draw();
                if (drawn < 0 || frozen.Items[drawn] != record.ItemId) throw new InvalidDataException($"Draw {record.Ordinal} of audit {audit.Number} does not follow from its seed.");
            }
            else
            {
                session.Test.Review(session._indexOf[record.ItemId]);
            }

            session._records.Add(record);
            session._recordOf[record.ItemId] = record;
        }

        // Answers after all draws: the test takes them in the order of the draws anyhow.
        foreach (var record in session._records.Where(r => r.Wrong is not null)) session.Test.Record(session._indexOf[record.ItemId], record.Wrong!.Value);
        return session;
    }

    /// <summary>The proposed class of an item; -1 where the audit does not cover it.</summary>
    public int ProposalOf(long itemId) => _indexOf.TryGetValue(itemId, out var i) ? Frozen.Classes[i] : -1;

    /// <summary>The record of an item, or null.</summary>
    public AuditRecord? RecordOf(long itemId) => _recordOf.GetValueOrDefault(itemId);

    /// <summary>Takes in that a person has decided an item of the population.</summary>
    public AuditRecord Answer(long itemId, bool wrong, DateTimeOffset now)
    {
        var record = RecordOf(itemId);
        if (record is null)
        {
            Test.Review(_indexOf[itemId]);
            record = Add(itemId, AuditEntry.Review, now);
        }

        record.Wrong = wrong;
        Test.Record(_indexOf[itemId], wrong);
        return record;
    }

    /// <summary>Draws the next item; null when none is left.</summary>
    public AuditRecord? Draw(DateTimeOffset now)
    {
        var index = Test.Draw();
        return index < 0 ? null : Add(Frozen.Items[index], AuditEntry.Draw, now);
    }

    private AuditRecord Add(long itemId, AuditEntry kind, DateTimeOffset now)
    {
        var record = new AuditRecord { ProjectId = Audit.ProjectId, Number = Audit.Number, Ordinal = _records.Count, ItemId = itemId, Kind = kind, CreatedAt = now };
        _records.Add(record);
        _recordOf[itemId] = record;
        return record;
    }
}
