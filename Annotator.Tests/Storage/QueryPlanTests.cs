using System.Data.Common;
using System.Diagnostics;
using System.Text;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Annotator.Tests.Storage;

/// <summary>The plans of the queries that must cost the same at any size: an index that is left aside shows here, not in a year.</summary>
public sealed class QueryPlanTests
{
    private const int Items = 20_000;

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Lease_TakesTheQueueInTheOrderOfItsIndex(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var (project, user) = await FilledAsync(host);
        var plans = await PlansAsync(host, db => db.Database.GetDbConnection(), host.Database.Dialect.ClaimStatements, project.Id, user);
        Assert.NotEmpty(plans);
        Assert.All(plans, plan =>
        {
            Assert.Contains("ix_queue_entries_open", plan, StringComparison.Ordinal);
            Assert.DoesNotContain("Seq Scan on queue_entries", plan, StringComparison.Ordinal);
            Assert.DoesNotContain("SCAN queue_entries", plan, StringComparison.Ordinal);
            Assert.DoesNotContain("SCAN c ", plan + " ", StringComparison.Ordinal);
            Assert.DoesNotContain("USE TEMP B-TREE FOR ORDER BY", plan, StringComparison.Ordinal);
        });
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task EverythingThatALeaseAndADecisionRead_GoesThroughIndexes(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var (project, user) = await FilledAsync(host);
        var plans = await PlansOfAsync(host, async () =>
        {
            var lent = await host.Get<ReviewQueue>().LeaseAsync(project, user, 5);
            await host.Get<DecisionRecorder>().RecordAsync(
                new Core.Accounts.ProjectGrant(project, Core.Accounts.Role.Annotator), user, [.. lent.Select(l => new NewDecision(l.Item.Id, DecisionAction.Correct, new Core.Labels.ChoiceValue("World"), l.Lease.Id))]);
            await host.Get<DecisionRecorder>().UndoAsync(project, user, null);
        });
        NoScans(plans);

        // "Decided by anybody" is nearly every decision of a project: no way to find those of one item.
        Assert.All(plans, p => Assert.DoesNotContain("user_id>?", p.Plan, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Lists_PageByKey_WithoutSortingOrReadingWhatIsBefore(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var (project, _) = await FilledAsync(host);
        var middle = (await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(), null, 1_000))[^1].Item.Id;
        var plans = await PlansOfAsync(host, async () =>
        {
            await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(), middle, 100);
            await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(State: ItemState.Final), middle, 100);
            await host.Get<ItemQueries>().FindAsync(project.Id, middle);
            await host.Get<RunService>().ListAsync(project.Id, null, 50);
        });
        NoScans(plans);
        foreach (var (sql, plan) in plans.Where(p => p.Sql.Contains("FROM \"items\"", StringComparison.Ordinal) || p.Sql.Contains("FROM items", StringComparison.Ordinal)))
            Assert.False(plan.Contains("USE TEMP B-TREE FOR ORDER BY", StringComparison.Ordinal) || plan.Contains("Sort  (", StringComparison.Ordinal), $"{sql}\n{plan}");
        Assert.All(plans, p => Assert.DoesNotContain("OFFSET", p.Sql, StringComparison.Ordinal));
    }

    private static void NoScans(IReadOnlyCollection<(string Sql, string Plan)> plans)
    {
        // Tables that grow with the data; the others are small, and reading them whole is right.
        string[] large = ["items", "queue_entries", "leases", "decisions", "predictions", "item_events"];
        Assert.NotEmpty(plans);
        foreach (var (sql, plan) in plans)
        {
            foreach (var line in plan.Split('\n'))
            {
                Assert.False(large.Any(t => line.Contains($"Seq Scan on {t}", StringComparison.Ordinal)), $"{sql}\n{plan}");
                Assert.False(line.TrimStart().StartsWith("SCAN ", StringComparison.Ordinal) && Uses(sql, line, large), $"{sql}\n{plan}");
            }
        }
    }

    // SQLite names the alias: find its table in the statement.
    private static bool Uses(string sql, string line, string[] tables)
    {
        var alias = line.Trim().Split(' ')[1];
        return tables.Any(t => string.Equals(alias, t, StringComparison.Ordinal) || sql.Contains($"\"{t}\" AS \"{alias}\"", StringComparison.Ordinal));
    }

    private static async Task<(Project Project, long User)> FilledAsync(CoreHost host)
    {
        var project = await host.NewProjectAsync(Rows.Labels);
        var other = await host.NewProjectAsync(Rows.Labels);
        foreach (var wanted in (Project[])[other, project])
        {
            foreach (var part in Rows.Take(Items).Chunk(1_000))
                await host.Get<ItemIntake>().StoreAsync(wanted, [.. part.Select(r => new NewItem($"k{r.Id}", r.Text))]);
        }

        var users = await host.NewUsersAsync(2);
        var lent = await host.Get<ReviewQueue>().LeaseAsync(project, users[1], 100);
        await host.Get<DecisionRecorder>().RecordAsync(
            new Core.Accounts.ProjectGrant(project, Core.Accounts.Role.Annotator), users[1], [.. lent.Select((l, i) => new NewDecision(l.Item.Id, i % 2 == 0 ? DecisionAction.Skip : DecisionAction.Correct, i % 2 == 0 ? null : new Core.Labels.ChoiceValue("World"), l.Lease.Id))]);
        await using var db = await host.Database.OpenAsync();
        if (db.Database.IsNpgsql()) await db.Database.ExecuteSqlRawAsync("VACUUM ANALYZE");
        return (project, users[0]);
    }

    // The plans of statements that are written by hand.
    private static async Task<List<string>> PlansAsync(CoreHost host, Func<AnnotatorDbContext, DbConnection> connect, IEnumerable<string> statements, long project, long user)
    {
        var plans = new List<string>();
        await using var db = await host.Database.OpenAsync();
        await db.Database.OpenConnectionAsync();
        foreach (var sql in statements)
        {
            using var command = connect(db).CreateCommand();
            command.CommandText = sql;
            var prefix = db.Database.IsSqlite() ? "$" : "";
            foreach (var (name, value) in new (string, object)[] { ("project", project), ("user", user), ("part", 0L), ("count", 10L), ("lanes", db.Database.IsSqlite() ? "[]" : Array.Empty<long>()) })
            {
                if (!sql.Contains((db.Database.IsSqlite() ? "$" : "@") + name, StringComparison.Ordinal)) continue;
                var parameter = command.CreateParameter();
                (parameter.ParameterName, parameter.Value) = (prefix + name, value);
                command.Parameters.Add(parameter);
            }

            plans.Add(await ExplainAsync(db, command));
        }

        return plans;
    }

    // The plans of all that a piece of work asked through EF Core.
    private static async Task<List<(string Sql, string Plan)>> PlansOfAsync(CoreHost host, Func<Task> work)
    {
        var heard = new List<(string Sql, List<(string Name, object? Value)> Parameters)>();
        using (DiagnosticListener.AllListeners.Subscribe(new Listeners(heard))) await work();
        var plans = new List<(string, string)>();
        await using var db = await host.Database.OpenAsync();
        await db.Database.OpenConnectionAsync();

        // Of a table that is small now PostgreSQL reads all, rightly; what is asked is whether there is an index for when it is large.
        if (db.Database.IsNpgsql()) await db.Database.ExecuteSqlRawAsync("SET enable_seqscan = off");
        foreach (var (sql, parameters) in heard)
        {
            using var command = db.Database.GetDbConnection().CreateCommand();
            command.CommandText = sql;
            foreach (var (name, value) in parameters)
            {
                var parameter = command.CreateParameter();
                (parameter.ParameterName, parameter.Value) = (name, value ?? DBNull.Value);
                command.Parameters.Add(parameter);
            }

            plans.Add((sql, await ExplainAsync(db, command)));
        }

        return plans;
    }

    private static async Task<string> ExplainAsync(AnnotatorDbContext db, DbCommand command)
    {
        command.CommandText = (db.Database.IsSqlite() ? "EXPLAIN QUERY PLAN " : "EXPLAIN ") + command.CommandText;
        var plan = new StringBuilder();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync()) plan.AppendLine(reader.GetString(db.Database.IsSqlite() ? 3 : 0));
        return plan.ToString();
    }

    private sealed class Listeners(List<(string Sql, List<(string Name, object? Value)> Parameters)> heard) : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        private readonly AsyncLocal<bool> _mine = new() { Value = true };

        public void OnNext(DiagnosticListener value)
        {
            if (string.Equals(value.Name, DbLoggerCategory.Name, StringComparison.Ordinal)) value.Subscribe(this);
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            // Other tests run at the same time, and are heard too.
            if (!_mine.Value || value.Value is not CommandEventData { Command: var command } || !string.Equals(value.Key, RelationalEventId.CommandExecuting.Name, StringComparison.Ordinal)) return;
            var text = command.CommandText.TrimStart();
            if (text.StartsWith("SELECT", StringComparison.Ordinal) || text.StartsWith("UPDATE", StringComparison.Ordinal) || text.StartsWith("DELETE", StringComparison.Ordinal))
                heard.Add((text, [.. command.Parameters.Cast<DbParameter>().Select(p => (p.ParameterName, p.Value))]));
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
