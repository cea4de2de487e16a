using System.Net;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"Starting without a person": what an installation is told by settings, and what it answers to probes.</summary>
public class HostTests
{
    [Fact]
    public async Task Starts_by_settings_alone_and_answers_to_its_bootstrap_token()
    {
        await using var host = await AppHost.StartAsync();
        using var nobody = host.Client(null);
        Assert.Equal(HttpStatusCode.OK, (await nobody.GetAsync("/health/live")).Status);
        Assert.Equal(HttpStatusCode.OK, (await nobody.GetAsync("/health/ready")).Status);
        (await host.Admin.GetAsync("/api/v1/projects")).Expect(HttpStatusCode.OK);
        Assert.True(File.Exists(Path.Combine(host.DataDirectory, "annotator.db")));
    }

    [Fact]
    public async Task Data_and_tokens_outlive_the_process()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync("Kept");
        await host.StopAsync();
        await host.StartAgainAsync();
        Assert.Equal("Kept", (await host.Admin.GetAsync($"/api/v1/projects/{project}")).Expect(HttpStatusCode.OK)["name"]!.GetValue<string>());
    }
}
