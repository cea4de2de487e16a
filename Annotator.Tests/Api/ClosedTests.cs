using System.Globalization;
using System.Net;
using System.Reflection;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;
using Annotator.Web.Live;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.AspNetCore.StaticAssets;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Api;

/// <summary>Everything is closed unless it was opened on purpose, and a project of others looks like none.</summary>
[Collection(ApiCollection.Name)]
public class ClosedTests(SharedHost shared)
{
    // Reviewed: what somebody who is not signed in may reach, and why. Assets of the pages are open besides.
    private static readonly HashSet<string> s_open = new(StringComparer.Ordinal)
    {
        // Probes know no token; they say ready or not, and reasons without names.
        "GET /health/live", "GET /health/ready",

        // Signing in, leaving, the first administrator, invitations and the language of these pages.
        "GET /account/login", "POST /account/login", "POST /account/logout", "GET /account/denied", "POST /account/denied",
        "GET /account/setup", "POST /account/setup", "GET /account/invitation", "POST /account/invitation", "GET /account/language",

        // A device that is not known yet shows a code that works once.
        "POST /api/v1/edge/enrol",
    };

    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task No_route_answers_to_somebody_who_is_not_signed_in()
    {
        using var nobody = _host.Client(null);
        var open = new List<string>();
        var tried = 0;
        foreach (var (method, pattern) in Routes())
        {
            if (s_open.Contains($"{method} {pattern}")) continue;
            tried++;
            var answer = await nobody.SendAsync(new HttpMethod(method), Fill(pattern, "1"));
            var closed = answer.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                || (answer.Status == HttpStatusCode.Redirect && answer.Location!.Contains("/account/login", StringComparison.Ordinal));
            if (!closed) open.Add($"{method} {pattern}: {(int)answer.Status}");
        }

        Assert.True(tried > 50, $"Only {tried} routes were found.");
        Assert.True(open.Count == 0, string.Join('\n', open));
    }

    [Fact]
    public void Every_hub_is_closed_and_every_hub_method_is_known()
    {
        var hubs = typeof(LiveHub).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Hub))).ToList();
        Assert.Equal([typeof(LiveHub)], hubs);
        Assert.All(hubs, h => Assert.NotNull(h.GetCustomAttribute<AuthorizeAttribute>()));
        var methods = typeof(LiveHub).GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Where(m => m.GetBaseDefinition() == m).Select(m => m.Name).Order(StringComparer.Ordinal);

        // All take the id of a project and are tried below, in StreamTests or in FrameStreamTests; a new one must be looked at here.
        Assert.Equal(["Annotate", "AnnotateFrames", "Subscribe", "Unsubscribe"], methods);
    }

    [Fact]
    public async Task The_hub_refuses_strangers_and_other_peoples_projects()
    {
        var (p, q) = (await _host.Admin.CreateProjectAsync("P"), await _host.Admin.CreateProjectAsync("Q"));
        var mallory = await _host.AddPersonAsync(Role.Annotator, p);
        await using var stranger = Connect(null);
        await Assert.ThrowsAsync<HttpRequestException>(() => stranger.StartAsync());
        await using var connection = Connect(mallory.Token);
        await connection.StartAsync();
        await connection.InvokeAsync("Subscribe", p);
        await Assert.ThrowsAsync<HubException>(() => connection.InvokeAsync("Subscribe", q));
        await Assert.ThrowsAsync<HubException>(() => connection.InvokeAsync("Subscribe", "987654321"));
        await Assert.ThrowsAsync<HubException>(() => connection.InvokeAsync("Subscribe", "project:" + q));
    }

    [Fact]
    public async Task The_hub_loses_who_loses_access()
    {
        var p = await _host.Admin.CreateProjectAsync("P");
        var person = await _host.AddPersonAsync(Role.Annotator, p);
        await using var connection = Connect(person.Token);
        var closed = new TaskCompletionSource();
        connection.Closed += _ =>
        {
            closed.TrySetResult();
            return Task.CompletedTask;
        };
        await connection.StartAsync();
        await connection.InvokeAsync("Subscribe", p);
        var token = (await person.Api.GetAsync($"/api/v1/users/{person.Id}/tokens")).Expect(HttpStatusCode.OK)["items"]![0]!["id"]!.GetValue<string>();
        Assert.Equal(HttpStatusCode.NoContent, (await _host.Admin.DeleteAsync($"/api/v1/users/{person.Id}/tokens/{token}")).Status);
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task The_hub_tells_nothing_more_to_who_is_no_member_any_more()
    {
        var p = await _host.Admin.CreateProjectAsync("P");
        var person = await _host.AddPersonAsync(Role.Annotator, p);
        await using var connection = Connect(person.Token);
        var heard = 0;
        connection.On<System.Text.Json.JsonElement>("RunChanged", _ => Interlocked.Increment(ref heard));
        await connection.StartAsync();
        await connection.InvokeAsync("Subscribe", p);
        Assert.Equal(HttpStatusCode.NoContent, (await _host.Admin.DeleteAsync($"/api/v1/projects/{p}/members/{person.Id}")).Status);

        // Within seconds a whole run goes by without a word.
        var end = TimeProvider.System.GetUtcNow().AddSeconds(60);
        int before;
        do
        {
            Assert.True(TimeProvider.System.GetUtcNow() < end, "It is still told.");
            before = Volatile.Read(ref heard);
            var run = (await _host.Admin.PostAsync($"/api/v1/projects/{p}/runs", new { kind = "prelabel" })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
            await _host.Admin.WaitRunAsync(run);
            await Task.Delay(500);
        }
        while (Volatile.Read(ref heard) != before);
        await Assert.ThrowsAsync<HubException>(() => connection.InvokeAsync("Subscribe", p));
    }

    [Fact]
    public async Task The_dashboard_of_jobs_is_for_admins()
    {
        var (lead, annotator) = (await _host.AddPersonAsync(Role.Lead), await _host.AddPersonAsync(Role.Annotator));
        foreach (var path in (string[])["/hangfire", "/hangfire/jobs/enqueued", "/hangfire/recurring", "/metrics"])
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await lead.Api.GetAsync(path)).Status);
            Assert.Equal(HttpStatusCode.Forbidden, (await annotator.Api.GetAsync(path)).Status);
            Assert.Equal(HttpStatusCode.OK, (await _host.Admin.GetAsync(path)).Status);
        }
    }

    [Fact]
    public async Task A_project_of_others_looks_like_one_that_does_not_exist_on_every_route()
    {
        var (p, q) = (await _host.Admin.CreateProjectAsync("P"), await _host.Admin.CreateProjectAsync("Q"));
        var item = (await _host.Admin.AddTextsAsync(q, ["of Q"]))[0];
        var run = (await _host.Admin.PostAsync($"/api/v1/projects/{q}/runs", new { kind = "prelabel" })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        Person[] callers = [await _host.AddPersonAsync(Role.Annotator, p), await _host.AddPersonAsync(Role.Lead, p)];
        var wrong = new List<string>();
        foreach (var (method, pattern) in Routes().Where(r => r.Pattern.Contains("{projectId", StringComparison.Ordinal) || r.Pattern.Contains("{runId", StringComparison.Ordinal)))
        {
            if (!pattern.StartsWith("/api/", StringComparison.Ordinal)) continue;
            foreach (var caller in callers)
            {
                var theirs = await SendAsync(caller, method, Fill(pattern, q, run, item));
                var none = await SendAsync(caller, method, Fill(pattern, "987654321", "987654321", item));
                if (theirs.Status != HttpStatusCode.NotFound || !string.Equals(theirs.Text, none.Text, StringComparison.Ordinal)) wrong.Add($"{method} {pattern}: {(int)theirs.Status} {theirs.Text}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task What_is_for_leads_is_refused_to_annotators_of_the_project()
    {
        var p = await _host.Admin.CreateProjectAsync("P");
        var annotator = await _host.AddPersonAsync(Role.Annotator, p);
        foreach (var (method, path) in ((string, string)[])[
            ("PATCH", ""), ("DELETE", ""), ("POST", "/items"), ("GET", "/items"), ("POST", "/imports"), ("POST", "/imports/preview"), ("GET", "/export"), ("POST", "/runs"), ("GET", "/runs"),
            ("PUT", "/members/1"), ("DELETE", "/members/1")])
            (await SendAsync(annotator, method, $"/api/v1/projects/{p}{path}")).ExpectProblem(HttpStatusCode.Forbidden);
        (await annotator.Api.PostAsync($"/api/v1/projects/{p}/queue/lease", new { count = 1 })).Expect(HttpStatusCode.OK);
    }

    private static Task<ApiAnswer> SendAsync(Person person, string method, string path) => person.Api.SendAsync(
        new HttpMethod(method), path, method is "GET" or "DELETE" ? null : new StringContent("{}", System.Text.Encoding.UTF8, "application/json"));

    private HubConnection Connect(string? token) => new HubConnectionBuilder().WithUrl(new Uri(_host.BaseAddress, "/hubs/live"), o => o.AccessTokenProvider = () => Task.FromResult(token)).Build();

    private List<(string Method, string Pattern)> Routes() =>
    [
        .. _host.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<StaticAssetDescriptor>() is null)
            .SelectMany(e => (e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is { Count: > 0 } methods ? methods : ["GET", "POST"]).Select(m => (m, "/" + e.RoutePattern.RawText!.TrimStart('/'))))
            .Distinct(),
    ];

    private static string Fill(string pattern, string project, string run = "1", string item = "1") => System.Text.RegularExpressions.Regex.Replace(
        pattern,
        @"\{\*{0,2}(?<name>\w+)[^}]*\}",
        m => m.Groups["name"].Value switch
        {
            "projectId" => project,
            "runId" => run,
            "itemId" => item,
            _ => 1.ToString(CultureInfo.InvariantCulture),
        },
        System.Text.RegularExpressions.RegexOptions.ExplicitCapture,
        TimeSpan.FromSeconds(1));
}
