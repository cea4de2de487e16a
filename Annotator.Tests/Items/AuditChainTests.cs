using Annotator.Core.Accounts;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Items;

/// <summary>Whoever changes, removes or moves an entry of the audit log, by whatever way, is found out.</summary>
public sealed class AuditChainTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task EntriesOfManyAtOnce_FollowFromEachOther_AndEveryFaultIsNamed(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(w => Task.Run(
            async () =>
            {
                for (var n = 0; n < 4; n++)
                {
                    await host.Database.WriteRepeatedlyAsync(scope =>
                    {
                        scope.Audit(null, "settings.change", new { w, n }, 7);
                        if (n == 1) scope.Audit(null, "token.make", new { w }, null);
                        if (n == 2) scope.Audit(null, "member.set", new { w }, 7);
                        return Task.CompletedTask;
                    });
                }

                // What is not committed leaves no gap.
                await Assert.ThrowsAsync<InvalidOperationException>(() => host.Database.WriteAsync(async scope =>
                {
                    scope.Audit(null, "lost", null, 7);
                    await scope.Db.SaveChangesAsync(Token);
                    throw new InvalidOperationException();
                }));
            },
            Token)));
        var verifier = host.Get<AuditVerifier>();
        var found = await verifier.VerifyAsync(7, null, Token);
        Assert.Equal((true, 60L, 60L), (found.Holds, found.Entries, found.Sequence));
        Assert.Equal((true, 12L), (await verifier.VerifyAsync(null, null, Token)) is var own ? (own.Holds, own.Entries) : default);

        // What somebody noted down is found again, and another hash is not.
        Assert.True((await verifier.VerifyAsync(7, (60, found.Hash), Token)).Holds);
        Assert.Equal(AuditFaultKind.End, Assert.Single((await verifier.VerifyAsync(7, (59, found.Hash), Token)).Faults).Kind);

        // Past the guards, as who has the file can.
        await RunAsync(host, provider == "Sqlite"
            ? ["DROP TRIGGER audit_log_keeps", "DROP TRIGGER audit_log_stays", "DROP TRIGGER audit_heads_keep", "DROP TRIGGER audit_heads_stay"]
            : ["ALTER TABLE audit_log DISABLE TRIGGER ALL", "ALTER TABLE audit_heads DISABLE TRIGGER ALL"]);
        await FaultAsync(host, "UPDATE audit_log SET detail = '{}' WHERE project_id = 7 AND sequence = 20", "UPDATE audit_log SET detail = {0} WHERE project_id = 7 AND sequence = 20", "detail", 20, (AuditFaultKind.Changed, 20));
        await FaultAsync(host, "UPDATE audit_log SET created_at = created_at + 1 WHERE project_id = 7 AND sequence = 31", "UPDATE audit_log SET created_at = created_at - 1 WHERE project_id = 7 AND sequence = 31", null, 31, (AuditFaultKind.Changed, 31));

        // An entry at another place.
        await RunAsync(host, ["UPDATE audit_log SET id = -1 WHERE project_id = 7 AND sequence = 40"]);
        Assert.Equal((AuditFaultKind.Moved, 40L), Assert.Single((await verifier.VerifyAsync(7, null, Token)).Faults) is var moved ? (moved.Kind, moved.Sequence) : default);
        await RunAsync(host, ["DELETE FROM audit_log WHERE project_id = 7 AND sequence = 40"]);
        Assert.Equal((AuditFaultKind.Missing, 40L), Assert.Single((await verifier.VerifyAsync(7, null, Token)).Faults) is var missing ? (missing.Kind, missing.Sequence) : default);

        // Cut off at the end, with and without the end itself.
        await RunAsync(host, ["DELETE FROM audit_log WHERE project_id = 7 AND sequence = 60"]);
        Assert.Equal([40, 60], (await verifier.VerifyAsync(7, null, Token)).Faults.Select(f => f.Sequence));
        Assert.Equal([40, 60], (await verifier.VerifyAsync(7, (60, found.Hash), Token)).Faults.Select(f => f.Sequence).Distinct());

        // Put in from outside.
        await RunAsync(host, ["INSERT INTO audit_log (project_id, action, created_at, sequence, hash) VALUES (7, 'forged', 1, 61, 'abc')"]);
        Assert.Contains((await verifier.VerifyAsync(7, null, Token)).Faults, f => f.Kind is AuditFaultKind.Foreign or AuditFaultKind.Changed && f.Sequence == 61);
        Assert.False((await verifier.VerifyAllAsync(Token)).All(v => v.Holds));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task EntriesFromBeforeThereWasAChain_AreLinkedAtTheStart(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using (var before = await CoreHost.StartAsync(database))
        {
            for (var n = 0; n < 3; n++) await before.Database.WriteAsync(scope => { scope.Audit(null, "settings.change", new { n }, 7); return Task.CompletedTask; });
            await RunAsync(before, provider == "Sqlite" ? ["DROP TRIGGER audit_log_keeps", "DROP TRIGGER audit_heads_keep", "DROP TRIGGER audit_heads_stay"] : ["ALTER TABLE audit_log DISABLE TRIGGER ALL", "ALTER TABLE audit_heads DISABLE TRIGGER ALL"]);
            await RunAsync(before, ["UPDATE audit_log SET hash = '', sequence = 0", "DELETE FROM audit_heads"]);
            Assert.False((await before.Get<AuditVerifier>().VerifyAsync(7, null, Token)).Holds);
            await using var db = await before.Database.OpenAsync(Token);
            await db.MigrateAsync(Token);
            Assert.Equal((true, 3L), (await before.Get<AuditVerifier>().VerifyAsync(7, null, Token)) is var found ? (found.Holds, found.Sequence) : default);
            await Assert.ThrowsAnyAsync<Exception>(() => before.Database.WriteAsync(scope => scope.Db.AuditLog.ExecuteUpdateAsync(x => x.SetProperty(e => e.Action, "nothing"))));
        }
    }

    // Something is changed, found, and put back.
    private static async Task FaultAsync(CoreHost host, string change, string back, string? column, long sequence, (AuditFaultKind, long) expected)
    {
        var kept = column is null ? null : await host.Database.ReadAsync(db => db.AuditLog.Where(e => e.ProjectId == 7 && e.Sequence == sequence).Select(e => e.Detail).SingleAsync(Token));
        await RunAsync(host, [change]);
        var fault = Assert.Single((await host.Get<AuditVerifier>().VerifyAsync(7, null, Token)).Faults);
        Assert.Equal(expected, (fault.Kind, fault.Sequence));
        await using var db = await host.Database.OpenAsync(Token);
        await db.Database.ExecuteSqlRawAsync(back, column is null ? [] : [kept!]);
        Assert.True((await host.Get<AuditVerifier>().VerifyAsync(7, null, Token)).Holds);
    }

    private static async Task RunAsync(CoreHost host, string[] statements)
    {
        await using var db = await host.Database.OpenAsync(Token);
        foreach (var statement in statements) await db.Database.ExecuteSqlRawAsync(statement.Replace("{}", "{{}}", StringComparison.Ordinal), Token);
    }
}
