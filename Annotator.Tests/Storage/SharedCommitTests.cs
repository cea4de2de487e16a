using Annotator.Core.Items;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Storage;

/// <summary>Units of work that share a transaction are still units: each is stored whole or not at all, and answered after its commit.</summary>
public sealed class SharedCommitTests
{
    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task UnitsThatFail_TakeNothingOfOthersAlong(string provider)
    {
        const int units = 300;
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        var stored = await Task.WhenAll(Enumerable.Range(0, units).Select(n => Task.Run(async () =>
        {
            try
            {
                await host.Database.WriteAsync(async scope =>
                {
                    await AddAsync(scope, project.Id, $"a{n}");
                    if (n % 3 == 1) throw new InvalidOperationException("No.");
                    await AddAsync(scope, project.Id, $"b{n}");

                    // Two at a time for the same key: the second of them fails in the database.
                    if (n % 3 == 2) await AddAsync(scope, project.Id, $"same{n / 30}");
                });

                // What was answered can be read by others.
                await using var db = await host.Database.OpenAsync();
                Assert.True(await db.Items.AnyAsync(i => i.Key == $"b{n}"));
                return true;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
            catch (System.Data.Common.DbException)
            {
                return false;
            }
        })));

        Assert.Equal((units / 3) + (units / 30), stored.Count(s => s));
        await using var db = await host.Database.OpenAsync();
        var keys = (await db.Items.Select(i => i.Key).ToListAsync()).ToHashSet(StringComparer.Ordinal);
        for (var n = 0; n < units; n++) Assert.Equal((stored[n], stored[n]), (keys.Contains($"a{n}"), keys.Contains($"b{n}")));
        await Consistency.CheckAsync(db, project);
    }

    [Fact]
    public async Task UnitsThatAreCancelledWhileTheyWait_LeaveTheOthersToTheirCommit()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        for (var round = 0; round < 20; round++)
        {
            using var cancelled = new CancellationTokenSource();
            var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var key = $"round{round}";
            var first = Task.Run(() => host.Database.WriteAsync(async scope =>
            {
                entered.SetResult();
                await goOn.Task;
                await AddAsync(scope, project.Id, key);
            }));
            await entered.Task;
            var waiting = Enumerable.Range(0, 5).Select(n => Task.Run(() => host.Database.WriteAsync(scope => AddAsync(scope, project.Id, $"{key}-{n}"), n == 2 ? CancellationToken.None : cancelled.Token))).ToList();
            await Task.Delay(1);
            await cancelled.CancelAsync();
            goOn.SetResult();
            await first.WaitAsync(TimeSpan.FromSeconds(30));
            await waiting[2].WaitAsync(TimeSpan.FromSeconds(30));
            foreach (var other in waiting.Where((_, n) => n != 2)) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        await using var db = await host.Database.OpenAsync();
        Assert.Equal(40, await db.Items.CountAsync());
        await Consistency.CheckAsync(db, project);
    }

    private static async Task AddAsync(WriteScope scope, long project, string key)
    {
        var item = new Item { ProjectId = project, Id = scope.NextId("item"), Key = key, Text = key, State = ItemState.New, CreatedAt = scope.Now };
        await scope.Dialect.InsertAsync(scope.Db, [item], ignoreConflicts: false, CancellationToken.None);
        ItemTransitions.CountNew(scope, project, [item]);
    }
}
