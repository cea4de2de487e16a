using System.Globalization;
using Annotator.Core.Cascade;
using Annotator.Core.Projects;
using Annotator.Core.Streaming;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Streaming;

/// <summary>Lanes on a real database.</summary>
public class IntakeLanesTests
{
    [Fact]
    public async Task What_the_database_refuses_fails_alone_and_the_others_of_its_batch_are_stored()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var core = await CoreHost.StartAsync(database);
        var project = await core.NewProjectAsync(["a", "b"]);
        await core.Database.WriteAsync(scope => scope.Db.Database.ExecuteSqlRawAsync(
            "CREATE TRIGGER refuse BEFORE INSERT ON items WHEN NEW.text = 'poison' BEGIN SELECT RAISE(ABORT, 'this text is refused'); END"));
        var lanes = core.Get<IntakeLanes>();

        // The first keeps the lanes busy, so that the others are taken together.
        var answers = new List<Task<LaneAnswer>>();
        for (var i = 0; i < 40; i++)
            answers.Add(await lanes.EnqueueAsync(project, new NewItem(Key(i), i is 7 or 23 ? "poison" : $"text {i}"), waitsForRoom: true, TestContext.Current.CancellationToken));
        await Task.WhenAll(answers).ContinueWith(_ => { }, TaskScheduler.Default);
        for (var i = 0; i < answers.Count; i++)
        {
            if (i is 7 or 23) Assert.Contains("this text is refused", (await Assert.ThrowsAnyAsync<Exception>(() => answers[i])).ToString(), StringComparison.Ordinal);
            else Assert.Equal(Key(i), (await answers[i]).Stored.Item.Key);
        }

        Assert.Equal(38, await core.Database.ReadAsync(db => db.Items.CountAsync(i => i.ProjectId == project.Id)));
    }

    [Fact]
    public async Task A_project_in_which_nothing_waits_has_no_lanes_and_no_item_is_lost_between()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var core = await CoreHost.StartAsync(database);
        var lanes = core.Get<IntakeLanes>();
        var projects = new List<Project>();
        for (var p = 0; p < 4; p++) projects.Add(await core.NewProjectAsync(["a", "b"]));

        // One item after the other: between two of them the lanes are closed, or are just about to be.
        await Parallel.ForEachAsync(projects, TestContext.Current.CancellationToken, async (project, cancel) =>
        {
            for (var i = 0; i < 60; i++)
            {
                var answer = await await lanes.EnqueueAsync(project, new NewItem(Key(i), $"text {i}"), waitsForRoom: false, cancel);
                Assert.True(answer.Stored.Created);
            }
        });
        await Until.TrueAsync(() => Task.FromResult(lanes.BusyProjects == 0), "all lanes are closed");
        Assert.All(projects, p => Assert.Equal(0, lanes.Waiting(p.Id)));
        Assert.Equal(240, await core.Database.ReadAsync(db => db.Items.CountAsync()));
    }

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"k{number}");
}
