using System.Data.Common;
using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Core.Storage.Sqlite;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Annotator.Tests.Api;

/// <summary><c>Idempotency-Key</c> on any POST: the same answer, and nothing twice.</summary>
public class IdempotencyTests
{
    private const string Header = "Idempotency-Key";

    [Theory]
    [InlineData("Sqlite")]
    [InlineData("PostgreSql")]
    public async Task A_repeat_answers_what_the_first_answered_and_does_nothing_twice(string provider)
    {
        await using var host = await StartAsync(provider);
        var key = (Header, Guid.NewGuid().ToString());
        var body = new { name = "Once", modality = "text", task = new { type = "classification", labels = new[] { new { name = "a" } } } };
        var first = await host.Admin.PostAsync("/api/v1/projects", body, key);
        var second = await host.Admin.PostAsync("/api/v1/projects", body, key);
        first.Expect(HttpStatusCode.Created);
        Assert.Equal((first.Status, first.Text, first.Location, first.ContentType), (second.Status, second.Text, second.Location, second.ContentType));
        Assert.Single((await host.Admin.GetAsync("/api/v1/projects")).Expect(HttpStatusCode.OK)["items"]!.AsArray());

        (await host.Admin.PostAsync("/api/v1/projects", body with { name = "Other" }, key)).ExpectProblem(HttpStatusCode.UnprocessableEntity);
        (await host.Admin.PostAsync("/api/v1/users", body, key)).ExpectProblem(HttpStatusCode.UnprocessableEntity);
        (await host.Admin.PostAsync("/api/v1/projects", body, (Header, new string('x', 256)))).ExpectProblem(HttpStatusCode.BadRequest, Header);

        // An answer without a body too.
        var project = first.Json["id"]!.GetValue<string>();
        for (var i = 0; i < 2; i++) Assert.Equal(HttpStatusCode.NoContent, (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/release", new { leases = new[] { "x" } }, (Header, "release"))).Status);

        // A key is a person's own.
        var lead = await host.AddPersonAsync(Role.Lead);
        Assert.NotEqual(first.Text, (await lead.Api.PostAsync("/api/v1/projects", body, key)).Text);
    }

    [Fact]
    public async Task What_was_refused_as_input_may_be_sent_again_mended()
    {
        await using var host = await AppHost.StartAsync();
        var key = (Header, "mended");
        (await host.Admin.PostAsync("/api/v1/users", new { email = "nothing", role = "lead" }, key)).ExpectProblem(HttpStatusCode.BadRequest, "email");
        (await host.Admin.PostAsync("/api/v1/users", new { email = "good@example.org", role = "lead" }, key)).Expect(HttpStatusCode.Created);
    }

    [Theory]
    [InlineData("Sqlite")]
    [InlineData("PostgreSql")]
    public async Task Many_at_the_same_moment_do_it_once(string provider)
    {
        await using var host = await StartAsync(provider);
        var project = await host.Admin.CreateProjectAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "prelabel" }, (Header, "at once"))));
        var id = answers[0].Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        Assert.All(answers, a => Assert.Equal(id, a.Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>()));
        var runs = (await host.Admin.GetAsync($"/api/v1/projects/{project}/runs")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Single(runs);
    }

    [Fact]
    public async Task An_import_is_told_by_its_whole_body_as_it_streams_past()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync();
        var path = $"/api/v1/projects/{project}/imports?format=csv&text=text&key=id";
        var key = (Header, "import");
        var file = "id,text\n" + string.Concat(Enumerable.Range(0, 5_000).Select(i => $"{i},text {i}\n"));
        var first = await host.Admin.PostRawAsync(path, file, "text/csv", key);
        var run = first.Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        await host.Admin.WaitRunAsync(run);
        var second = await host.Admin.PostRawAsync(path, file, "text/csv", key);
        Assert.Equal(first.Text, second.Text);
        (await host.Admin.PostRawAsync(path, file + "5000,one more\n", "text/csv", key)).ExpectProblem(HttpStatusCode.UnprocessableEntity);
        Assert.Empty(Directory.EnumerateFiles(host.DataDirectory, "*.part", SearchOption.AllDirectories));
    }

    /// <summary>Each POST that writes dies between its work and its answer; the repeat must come to the answer of one that did not die.</summary>
    [Theory]
    [InlineData("project")]
    [InlineData("sample")]
    [InlineData("user")]
    [InlineData("token")]
    [InlineData("items")]
    [InlineData("run")]
    [InlineData("import")]
    [InlineData("decisions")]
    [InlineData("undo")]
    [InlineData("lease")]
    public async Task Work_that_lost_its_answer_is_not_done_again(string what)
    {
        var death = new Death();
        var data = Directory.CreateTempSubdirectory("annotator-").FullName;
        try
        {
            await using var host = await AppHost.StartAsync(new AppHostOptions
            {
                DataDirectory = data,
                Configure = b => b.Services.ConfigureDbContext<SqliteAnnotatorDbContext>(o => o.AddInterceptors(death)),

                // No run interferes with what the requests see.
                Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["Annotator:Node:Role"] = "Web" },
            });
            var project = await host.Admin.CreateProjectAsync();
            await host.Admin.AddTextsAsync(project, ["one", "two", "three"]);
            var path = $"/api/v1/projects/{project}";
            string Leased(JsonNode answer, int i) => answer["items"]![i]!["itemId"]!.GetValue<string>();
            object? body = null;
            switch (what)
            {
                case "decisions":
                    var lent = (await host.Admin.PostAsync($"{path}/queue/lease", new { count = 2 })).Expect(HttpStatusCode.OK);
                    body = new { decisions = new[] { new { itemId = Leased(lent, 0), lease = lent["items"]![0]!["lease"]!.GetValue<string>(), action = "correct", value = new { choice = "yes" } } } };
                    break;
                case "undo":
                    lent = (await host.Admin.PostAsync($"{path}/queue/lease", new { count = 2 })).Expect(HttpStatusCode.OK);
                    for (var i = 0; i < 2; i++)
                    {
                        var decision = new { itemId = Leased(lent, i), lease = lent["items"]![i]!["lease"]!.GetValue<string>(), action = "correct", value = new { choice = "yes" } };
                        (await host.Admin.PostAsync($"{path}/decisions", new { decisions = new[] { decision } })).Expect(HttpStatusCode.OK);
                    }

                    break;
            }

            var me = (await host.Admin.GetAsync("/api/v1/users/me")).Expect(HttpStatusCode.OK)["id"]!.GetValue<string>();
            Task<ApiAnswer> SendAsync() => what switch
            {
                "project" => host.Admin.PostAsync("/api/v1/projects", new { name = "P", modality = "text", task = new { type = "spans", labels = new[] { new { name = "PER" } } } }, (Header, what)),
                "sample" => host.Admin.PostAsync("/api/v1/projects/sample", null, (Header, what)),
                "user" => host.Admin.PostAsync("/api/v1/users", new { email = "u@example.org", name = "U", role = "lead" }, (Header, what)),
                "token" => host.Admin.PostAsync($"/api/v1/users/{me}/tokens", new { name = "T" }, (Header, what)),
                "items" => host.Admin.PostAsync($"{path}/items", new { items = new[] { new { key = "new", text = "four" } } }, (Header, what)),
                "run" => host.Admin.PostAsync($"{path}/runs", new { kind = "prelabel", options = new { stage = "student" } }, (Header, what)),
                "import" => host.Admin.PostRawAsync($"{path}/imports?format=csv", "text\nfive\n", "text/csv", (Header, what)),
                "decisions" => host.Admin.PostAsync($"{path}/decisions", body, (Header, what)),
                "undo" => host.Admin.PostAsync($"{path}/decisions/undo", null, (Header, what)),
                "lease" => host.Admin.PostAsync($"{path}/queue/lease", new { count = 2 }, (Header, what)),
                _ => throw new ArgumentOutOfRangeException(nameof(what)),
            };

            var before = await CountAsync(host);
            death.Comes = true;
            (await SendAsync()).ExpectProblem(HttpStatusCode.InternalServerError);
            Assert.True(death.Came);
            var after = await CountAsync(host);
            Assert.NotEqual(before, after);
            var second = await SendAsync();
            Assert.True((int)second.Status is >= 200 and < 300, second.Text);
            if (what is not "sample") Assert.Equal(after, await CountAsync(host));
            var third = await SendAsync();
            Assert.Equal((second.Status, second.Text, second.Location), (third.Status, third.Text, third.Location));
            if (what is not "sample") Assert.Equal(after, await CountAsync(host));
            if (what is "items") Assert.True(third.Json["items"]![0]!["created"]!.GetValue<bool>());
            if (what is "token" or "user") Assert.DoesNotContain(third.Json["token"]?.GetValue<string>() ?? third.Json["invitationLink"]!.GetValue<string>().Split('=')[1], await KeptAsync(host), StringComparison.Ordinal);
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public async Task A_key_is_forgotten_after_a_day()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await AppHost.StartAsync();
        var user = new { email = "day@example.org", role = "lead" };
        (await host.Admin.PostAsync("/api/v1/users", user, (Header, "day"))).Expect(HttpStatusCode.Created);
        time.Advance(Idempotency.Life - TimeSpan.FromMinutes(1));
        var keys = new Idempotency(host.Database, time);
        Assert.Equal(0, await keys.CleanAsync());
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(1, await keys.CleanAsync());
        (await host.Admin.PostAsync("/api/v1/users", user, (Header, "day"))).ExpectProblem(HttpStatusCode.BadRequest, "email");
    }

    private static async Task<AppHost> StartAsync(string provider) => provider is "Sqlite"
        ? await AppHost.StartAsync()
        : await AppHost.StartAsync(("Annotator:Database:Provider", provider), ("ConnectionStrings:Annotator", await PostgreSqlCluster.NewDatabaseAsync()));

    // All facts that a repeat could double.
    private static Task<string> CountAsync(AppHost host) => host.Database.ReadAsync(async db =>
        $"{await db.Projects.CountAsync()} {await db.Users.CountAsync()} {await db.ApiTokens.CountAsync()} {await db.Items.CountAsync()} {await db.Runs.CountAsync()} {await db.Decisions.CountAsync()} {await db.Leases.CountAsync()}");

    private static Task<string> KeptAsync(AppHost host) => host.Database.ReadAsync(async db =>
        string.Join('\n', (await db.Idempotency.ToListAsync()).Select(r => $"{r.Key} {r.Body} {r.Journal}")));

    /// <summary>Throws where the process would be gone: the work of a request is committed, and its answer is not kept yet.</summary>
    private sealed class Death : DbCommandInterceptor
    {
        public bool Comes { get; set; }

        public bool Came { get; set; }

        public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            if (Comes && command.CommandText.StartsWith("UPDATE \"idempotency\"", StringComparison.Ordinal) && command.CommandText.Contains("\"body\"", StringComparison.Ordinal))
            {
                (Comes, Came) = (false, true);
                throw new InvalidOperationException("The process ends here.");
            }

            return base.NonQueryExecutingAsync(command, eventData, result, cancellationToken);
        }
    }
}
