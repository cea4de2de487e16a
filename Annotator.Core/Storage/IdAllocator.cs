using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Storage;

/// <summary>
/// Hands out running numbers from blocks reserved in the database. Blocks are reserved outside of the transaction that uses
/// them, so that a roll-back cannot hand a number out twice and writers do not wait for each other; gaps are harmless.
/// </summary>
public sealed class IdAllocator(IDbContextFactory<AnnotatorDbContext> contexts, ISqlDialect dialect) : IDisposable
{
    /// <summary>The most numbers that one transaction may take of one kind.</summary>
    public const int MostInOneTransaction = 20_000;

    /// <summary>Numbers in a block.</summary>
    internal const int BlockSize = 100_000;

    private static readonly string[] Kinds = ["item", "decision", "event", "llmCall", "certificate"];

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _reserving = new(1, 1);
    private readonly Dictionary<string, (long Next, long End)> _blocks = [];

    /// <inheritdoc />
    public void Dispose() => _reserving.Dispose();

    internal async ValueTask EnsureAsync(CancellationToken cancellationToken)
    {
        if (!Kinds.Any(NeedsBlock)) return;
        await _reserving.WaitAsync(cancellationToken);
        try
        {
            foreach (var kind in Kinds)
            {
                if (!NeedsBlock(kind)) continue;
                await using var db = await contexts.CreateDbContextAsync(cancellationToken);
                using var gate = await dialect.EnterWriteAsync(cancellationToken);
                var next = (await db.Database.SqlQuery<long>(
                    $"UPDATE id_blocks SET next = next + {BlockSize} WHERE name = {kind} RETURNING next AS \"Value\"").ToListAsync(cancellationToken)).Single();
                lock (_lock) _blocks[kind] = (next - BlockSize, next);
            }
        }
        finally
        {
            _reserving.Release();
        }
    }

    internal long Take(string kind, int count)
    {
        lock (_lock)
        {
            var (next, end) = _blocks[kind];
            if (next + count > end) throw new InvalidOperationException($"More than {MostInOneTransaction} numbers of kind '{kind}' in one transaction.");
            _blocks[kind] = (next + count, end);
            return next;
        }
    }

    private bool NeedsBlock(string kind)
    {
        // Several transactions may run at a time on PostgreSQL: keep room for a few of the largest.
        lock (_lock) return !_blocks.TryGetValue(kind, out var block) || block.End - block.Next < 3L * MostInOneTransaction;
    }
}
