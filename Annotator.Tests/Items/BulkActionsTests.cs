using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Items;

/// <summary>Many items relabelled at once, and taken back as they were; the log of who did it stays.</summary>
public sealed class BulkActionsTests
{
    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Relabelling_TakenBack_LeavesEveryLabelAsItWas(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b", "c"], new ProjectSettings { AutoAccept = false, GroupDuplicates = false });
        var added = await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, 30).Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), string.Create(CultureInfo.InvariantCulture, $"text {i}")))]);
        long[] items = [.. added.Value.Select(a => a.Item.Id)];
        var people = await host.NewUsersAsync(2);
        var lead = new ProjectGrant(project, Role.Lead);

        // Some decided by a person, some accepted without one, some still open.
        await host.Get<DecisionRecorder>().RecordAsync(lead, people[0], [.. items[..10].Select(i => new NewDecision(i, DecisionAction.Correct, new ChoiceValue("a")))]);
        await host.Database.WriteAsync(async scope =>
        {
            var open = await scope.Db.Items.AsNoTracking().Where(i => items.Skip(10).Take(10).Contains(i.Id)).ToListAsync();
            await ItemTransitions.ApplyAsync(scope, [.. open.Select(i => new ItemChange(i, ItemState.Final, Route.Auto, Label: new LabelChange(LabelJson.Write(new ChoiceValue("b")), LabelSource.Auto, 0.97)))]);
        });
        var before = await StateAsync(host, items);
        var bulk = host.Get<BulkActions>();
        var done = await bulk.RelabelAsync(lead, people[1], items, new ChoiceValue("c"), TestContext.Current.CancellationToken);
        Assert.Equal(30, done.Items.Count);
        Assert.All((await StateAsync(host, items)).Values, s => Assert.Equal((ItemState.Final, LabelJson.Write(new ChoiceValue("c"))), (s.State, s.Label)));
        await Consistency.CheckAsync(host, project);

        Assert.Equal(30, await bulk.UndoAsync(lead, people[1], done, TestContext.Current.CancellationToken));
        var after = await StateAsync(host, items);
        Assert.All(items[..20], i => Assert.Equal(before[i], after[i]));
        Assert.All(items[20..], i => Assert.Equal(ItemState.Queued, after[i].State));
        await Consistency.CheckAsync(host, project);

        // Once is enough: nothing is left to take back; and an annotator may not begin.
        Assert.Equal(0, await bulk.UndoAsync(lead, people[1], done, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => bulk.RelabelAsync(new ProjectGrant(project, Role.Annotator), people[0], items, new ChoiceValue("c")));
        Assert.Empty((await bulk.AcceptAsync(lead, people[1], items[20..], TestContext.Current.CancellationToken)).Items);
        await host.Database.WriteAsync(async scope =>
        {
            var open = await scope.Db.Items.AsNoTracking().Where(i => items.Skip(20).Take(5).Contains(i.Id)).ToListAsync();
            await ItemTransitions.ApplyAsync(scope, [.. open.Select(i => new ItemChange(i, i.State, Prelabel: new PrelabelChange(LabelJson.Write(new ChoiceValue(i.Id % 2 == 0 ? "a" : "b")), 0.7, LabelSource.Student, 1)))]);
        });
        var accepted = await bulk.AcceptAsync(lead, people[1], items[15..], TestContext.Current.CancellationToken);
        Assert.Equal(items[20..25], accepted.Items.Order());
        Assert.All((await StateAsync(host, items[20..25])), s => Assert.Equal((ItemState.Final, LabelJson.Write(new ChoiceValue(s.Key % 2 == 0 ? "a" : "b"))), (s.Value.State, s.Value.Label)));
        Assert.Equal(5, await bulk.UndoAsync(lead, people[1], accepted, TestContext.Current.CancellationToken));
        await Consistency.CheckAsync(host, project);
        Assert.Equal(10, await bulk.SendToReviewAsync(lead, people[1], items[..10], TestContext.Current.CancellationToken));
        Assert.Equal(0, await host.Database.ReadAsync(db => db.Items.CountAsync(i => items.Take(10).Contains(i.Id) && i.State == ItemState.Final)));

        // The log says so, and the database keeps it.
        var log = await host.Get<AuditReader>().ReadAsync(project.Id, null, 50, TestContext.Current.CancellationToken);
        Assert.Contains(log, l => l.Entry.Action == "items.relabelled");
        await Assert.ThrowsAnyAsync<Exception>(() => host.Database.WriteAsync(scope => scope.Db.AuditLog.ExecuteDeleteAsync()));
        await Assert.ThrowsAnyAsync<Exception>(() => host.Database.WriteAsync(scope => scope.Db.AuditLog.ExecuteUpdateAsync(x => x.SetProperty(e => e.Action, "nothing"))));
        Assert.Equal(log.Count, (await host.Get<AuditReader>().ReadAsync(project.Id, null, 50, TestContext.Current.CancellationToken)).Count);
    }

    private static Task<Dictionary<long, (ItemState State, string? Label, LabelSource? Source, double? Confidence)>> StateAsync(CoreHost host, long[] items) => host.Database.ReadAsync(
        async db => (await db.Items.Where(i => items.Contains(i.Id)).ToListAsync()).ToDictionary(i => i.Id, i => (i.State, i.LabelValue, i.LabelSource, i.LabelConfidence)));
}
