using System.Net;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"People": accounts, tokens and places in projects.</summary>
[Collection(ApiCollection.Name)]
public class PeopleTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task An_account_without_a_password_answers_an_invitation_link_that_opens_a_page()
    {
        var email = $"{Guid.NewGuid():n}@example.org";
        var answer = await _host.Admin.PostAsync("/api/v1/users", """{"email":"EMAIL","name":"Ada","role":"annotator","password":null}""".Replace("EMAIL", email, StringComparison.Ordinal));
        var user = answer.Expect(HttpStatusCode.Created);
        Assert.Equal($"/api/v1/users/{user["id"]}", answer.Location);
        Assert.Equal("annotator", user["role"]!.GetValue<string>());
        var link = new Uri(user["invitationLink"]!.GetValue<string>());
        using var nobody = _host.Client(null);
        var page = await nobody.GetAsync(link.PathAndQuery);
        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Contains(email, page.Text, StringComparison.Ordinal);

        var again = (await _host.Admin.GetAsync(answer.Location!)).Expect(HttpStatusCode.OK);
        Assert.Equal(email, again["email"]!.GetValue<string>());
        Assert.DoesNotContain("invitation", again.ToJsonString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task An_account_with_a_password_has_no_invitation()
    {
        var user = (await _host.Admin.PostAsync("/api/v1/users", new { email = $"{Guid.NewGuid():n}@example.org", name = "Bo", role = "lead", password = "a long enough pass phrase 7" }))
            .Expect(HttpStatusCode.Created);
        Assert.Null(user["invitationLink"]);
    }

    [Theory]
    [InlineData("""{"email":"not an address","name":"x","role":"lead"}""", "email")]
    [InlineData("""{"name":"x","role":"lead"}""", "email")]
    [InlineData("""{"email":"a@example.org","name":"x"}""", "role")]
    [InlineData("""{"email":"a@example.org","name":"x","role":"emperor"}""", "role")]
    [InlineData("""{"email":"a@example.org","name":"x","role":"lead","password":"short"}""", "password")]
    [InlineData("""{"email":"admin@example.org","name":"x","role":"lead"}""", "email")]
    public async Task Wrong_input_names_its_field(string body, string field) => (await _host.Admin.PostAsync("/api/v1/users", body)).ExpectProblem(HttpStatusCode.BadRequest, field);

    [Fact]
    public async Task A_patch_changes_what_it_names_and_nothing_else()
    {
        var person = await _host.AddPersonAsync(Role.Annotator);
        var changed = (await _host.Admin.PatchAsync($"/api/v1/users/{person.Id}", new { name = "New name" })).Expect(HttpStatusCode.OK);
        Assert.Equal("New name", changed["name"]!.GetValue<string>());
        Assert.Equal(person.Email, changed["email"]!.GetValue<string>());
        Assert.Equal("annotator", changed["role"]!.GetValue<string>());

        Assert.Equal("lead", (await _host.Admin.PatchAsync($"/api/v1/users/{person.Id}", new { role = "lead" })).Expect(HttpStatusCode.OK)["role"]!.GetValue<string>());
        (await person.Api.PatchAsync($"/api/v1/users/{person.Id}", new { name = "Mine" })).Expect(HttpStatusCode.OK);
        (await person.Api.PatchAsync("/api/v1/users/me", new { role = "admin" })).ExpectProblem(HttpStatusCode.Forbidden);
        (await _host.Admin.PatchAsync("/api/v1/users/987654321", new { name = "Nobody" })).ExpectProblem(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_last_administrator_stays()
    {
        var me = (await _host.Admin.GetAsync("/api/v1/users/me")).Expect(HttpStatusCode.OK)["id"]!.GetValue<string>();
        (await _host.Admin.PatchAsync($"/api/v1/users/{me}", new { role = "annotator" })).ExpectProblem(HttpStatusCode.BadRequest, "role");
        (await _host.Admin.PatchAsync($"/api/v1/users/{me}", new { disabled = true })).ExpectProblem(HttpStatusCode.BadRequest, "disabled");
    }

    [Fact]
    public async Task Accounts_are_for_admins_and_for_oneself()
    {
        var (lead, annotator) = (await _host.AddPersonAsync(Role.Lead), await _host.AddPersonAsync(Role.Annotator));
        (await lead.Api.PostAsync("/api/v1/users", new { email = "x@example.org", name = "x", role = "annotator" })).ExpectProblem(HttpStatusCode.Forbidden);
        (await annotator.Api.GetAsync("/api/v1/users")).ExpectProblem(HttpStatusCode.Forbidden);
        (await annotator.Api.GetAsync($"/api/v1/users/{lead.Id}")).ExpectProblem(HttpStatusCode.Forbidden);
        Assert.Equal(annotator.Id, (await annotator.Api.GetAsync($"/api/v1/users/{annotator.Id}")).Expect(HttpStatusCode.OK)["id"]!.GetValue<string>());
        (await annotator.Api.PostAsync($"/api/v1/users/{lead.Id}/tokens", new { name = "theirs" })).ExpectProblem(HttpStatusCode.Forbidden);
        (await annotator.Api.GetAsync($"/api/v1/users/{lead.Id}/tokens")).ExpectProblem(HttpStatusCode.Forbidden);
        Assert.NotEmpty((await lead.Api.GetAsync("/api/v1/users?limit=1")).Expect(HttpStatusCode.OK)["items"]!.AsArray());
    }

    [Fact]
    public async Task A_token_is_shown_once_works_and_ends_when_it_is_revoked()
    {
        var person = await _host.AddPersonAsync(Role.Annotator);
        var answer = await person.Api.PostAsync($"/api/v1/users/{person.Id}/tokens", """{"name":"script","expiresAt":null}""");
        var made = answer.Expect(HttpStatusCode.Created);
        var (id, token) = (made["id"]!.GetValue<string>(), made["token"]!.GetValue<string>());
        using var client = _host.Client(token);
        (await client.GetAsync("/api/v1/projects")).Expect(HttpStatusCode.OK);
        Assert.DoesNotContain(token, (await person.Api.GetAsync($"/api/v1/users/{person.Id}/tokens")).Text, StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.NoContent, (await person.Api.DeleteAsync($"/api/v1/users/{person.Id}/tokens/{id}")).Status);
        (await client.GetAsync("/api/v1/projects")).ExpectProblem(HttpStatusCode.Unauthorized);
        (await person.Api.DeleteAsync($"/api/v1/users/{person.Id}/tokens/{id}")).ExpectProblem(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_token_ends_at_its_time()
    {
        var person = await _host.AddPersonAsync(Role.Annotator);
        var ends = TimeProvider.System.GetUtcNow().AddSeconds(2);
        var token = (await person.Api.PostAsync($"/api/v1/users/{person.Id}/tokens", new { name = "short", expiresAt = ends })).Expect(HttpStatusCode.Created);
        using var client = _host.Client(token["token"]!.GetValue<string>());
        var deadline = TimeProvider.System.GetUtcNow().AddSeconds(30);
        while ((await client.GetAsync("/api/v1/projects")).Status == HttpStatusCode.OK && TimeProvider.System.GetUtcNow() < deadline) await Task.Delay(100);
        (await client.GetAsync("/api/v1/projects")).ExpectProblem(HttpStatusCode.Unauthorized);
        Assert.True(TimeProvider.System.GetUtcNow() >= ends);
        (await person.Api.PostAsync($"/api/v1/users/{person.Id}/tokens", new { name = "past", expiresAt = "2001-01-01T00:00:00Z" })).ExpectProblem(HttpStatusCode.BadRequest, "expiresAt");
        (await person.Api.PostAsync($"/api/v1/users/{person.Id}/tokens", "{}")).ExpectProblem(HttpStatusCode.BadRequest, "name");
    }

    [Fact]
    public async Task A_token_with_less_than_its_user_cannot_make_a_stronger_one()
    {
        var lead = await _host.AddPersonAsync(Role.Lead);
        var made = (await lead.Api.PostAsync($"/api/v1/users/{lead.Id}/tokens", new { name = "weak", role = "annotator" })).Expect(HttpStatusCode.Created);
        using var weak = _host.Client(made["token"]!.GetValue<string>());
        (await weak.PostAsync("/api/v1/projects", new { name = "x", modality = "text", task = new { type = "classification", labels = Array.Empty<object>() } })).ExpectProblem(HttpStatusCode.Forbidden);
        (await weak.PostAsync($"/api/v1/users/{lead.Id}/tokens", new { name = "strong", role = "lead" })).ExpectProblem(HttpStatusCode.BadRequest, "role");
    }

    [Fact]
    public async Task A_closed_account_ends_its_tokens()
    {
        var person = await _host.AddPersonAsync(Role.Annotator);
        (await _host.Admin.PatchAsync($"/api/v1/users/{person.Id}", new { disabled = true })).Expect(HttpStatusCode.OK);
        (await person.Api.GetAsync("/api/v1/projects")).ExpectProblem(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Members_reach_a_project_and_others_do_not()
    {
        var project = await _host.Admin.CreateProjectAsync();
        var person = await _host.AddPersonAsync(Role.Annotator);
        (await person.Api.GetAsync($"/api/v1/projects/{project}")).ExpectProblem(HttpStatusCode.NotFound);

        var member = (await _host.Admin.PutAsync($"/api/v1/projects/{project}/members/{person.Id}", new { role = "annotator" })).Expect(HttpStatusCode.OK);
        Assert.Equal("annotator", member["role"]!.GetValue<string>());
        (await person.Api.GetAsync($"/api/v1/projects/{project}")).Expect(HttpStatusCode.OK);
        (await person.Api.PatchAsync($"/api/v1/projects/{project}", new { name = "Mine" })).ExpectProblem(HttpStatusCode.Forbidden);
        (await person.Api.PutAsync($"/api/v1/projects/{project}/members/{person.Id}", new { role = "lead" })).ExpectProblem(HttpStatusCode.Forbidden);
        Assert.Contains(
            (await person.Api.GetAsync($"/api/v1/projects/{project}/members")).Expect(HttpStatusCode.OK)["items"]!.AsArray(),
            m => string.Equals(m!["userId"]!.GetValue<string>(), person.Id, StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.NoContent, (await _host.Admin.DeleteAsync($"/api/v1/projects/{project}/members/{person.Id}")).Status);
        (await person.Api.GetAsync($"/api/v1/projects/{project}")).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.DeleteAsync($"/api/v1/projects/{project}/members/{person.Id}")).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.PutAsync($"/api/v1/projects/{project}/members/{person.Id}", new { role = "admin" })).ExpectProblem(HttpStatusCode.BadRequest, "role");
        (await _host.Admin.PutAsync($"/api/v1/projects/{project}/members/{person.Id}", "{}")).ExpectProblem(HttpStatusCode.BadRequest, "role");
        (await _host.Admin.PutAsync($"/api/v1/projects/{project}/members/987654321", new { role = "lead" })).ExpectProblem(HttpStatusCode.NotFound);
    }
}
