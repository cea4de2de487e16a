using Annotator.Core.Accounts;
using Annotator.Core.Projects;
using Annotator.Tests.Support;

namespace Annotator.Tests.Accounts;

/// <summary>Projects are remembered between requests where that is exact; nobody ever sees an old one.</summary>
public sealed class ProjectAccessTests
{
    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task ChangesAreSeenAtOnce_WhileOthersRead(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        var (access, service) = (host.Get<ProjectAccess>(), host.Get<ProjectService>());
        var admin = new Caller(project.CreatedBy!.Value, Role.Admin);
        using var over = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!over.IsCancellationRequested) Assert.NotNull(await access.FindAsync(admin, project.Id));
        })).ToList();
        for (var n = 0; n < 100; n++)
        {
            Assert.True((await service.UpdateAsync(admin, project.Id, new ProjectChange(Name: $"Name {n}"))).Succeeded);
            Assert.Equal($"Name {n}", (await access.FindAsync(admin, project.Id))!.Project.Name);
        }

        await over.CancelAsync();
        await Task.WhenAll(readers);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task WhoIsNoMember_SeesNothing_OfAProjectThatIsRemembered(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        var access = host.Get<ProjectAccess>();
        var stranger = new Caller((await host.NewUsersAsync(1))[0], Role.Annotator);
        Assert.NotNull(await access.FindAsync(new Caller(project.CreatedBy!.Value, Role.Admin), project.Id));
        Assert.Null(await access.FindAsync(stranger, project.Id));
        await host.Database.WriteAsync(scope =>
        {
            scope.Db.Memberships.Add(new Membership { ProjectId = project.Id, UserId = stranger.UserId, Role = Role.Annotator });
            return Task.CompletedTask;
        });
        Assert.Equal(Role.Annotator, (await access.FindAsync(stranger, project.Id))!.Role);
    }
}
