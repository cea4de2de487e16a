using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Core.Review.Checks;
using Annotator.Core.Review.Discussion;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Browser;

/// <summary>A project that twelve people worked on for three weeks: eight with care, two carelessly, one who answers wrong on purpose, and one who confuses two labels.</summary>
internal sealed record TeamScene(long Project, IReadOnlyDictionary<string, long> People, IReadOnlyList<long> Items, IReadOnlyList<long> Waiting, IReadOnlyDictionary<long, string> Truth)
{
    /// <summary>Their names; the last four do not work as the others do.</summary>
    public static IReadOnlyList<string> Names { get; } = ["Ada", "Boram", "Carla", "Dohyun", "Emre", "Freya", "Gyuri", "Hana", "Ivo", "Jun", "Karl", "Lena"];

    private const double Careful = 0.95;

    /// <summary>Makes it on a running program.</summary>
    /// <param name="services">Its services, for what takes weeks through its pages.</param>
    /// <param name="api">Its API.</param>
    /// <param name="name">Name of the project.</param>
    /// <param name="count">How many items the team decided.</param>
    public static async Task<TeamScene> MakeAsync(IServiceProvider services, TestApi api, string name, int count = 240)
    {
        var project = long.Parse(
            await api.CreateProjectAsync(name, PageScenes.Labels, settings: new JsonObject { ["autoAccept"] = false, ["overlap"] = 3, ["groupDuplicates"] = false, ["auditShare"] = 0, ["slices"] = Slices() }), CultureInfo.InvariantCulture);
        var messages = PageScenes.Messages.Take(count + 60).ToList();
        var stored = await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items", new JsonObject { ["items"] = new JsonArray([.. messages.Select((m, i) => ItemOf(m.Text, i))]) });
        var items = stored!["items"]!.AsArray().Select(i => long.Parse((string)i!["id"]!, CultureInfo.InvariantCulture)).ToList();
        var truth = items.Zip(messages).ToDictionary(m => m.First, m => m.Second.Intent);
        var database = services.GetRequiredService<AnnotatorDatabase>();
        var people = await PeopleAsync(database, project);
        var scene = new TeamScene(project, people, items[..count], items[count..], truth);
        await scene.WorkAsync(services);
        await scene.SpreadAsync(database);
        await services.GetRequiredService<TallyRecount>().RepairAsync(project);
        await scene.CheckAsync(services);
        return scene;
    }

    /// <summary>Gives the team an order: experts, rules, a day to be done by, and work that is for somebody.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="api">Its API.</param>
    public async Task OrganiseAsync(IServiceProvider services, TestApi api)
    {
        JsonArray Of(params IEnumerable<string> names) => new([.. names.Select(n => (JsonNode?)People[n].ToString(CultureInfo.InvariantCulture))]);
        var today = TimeProvider.System.GetUtcNow();
        await api.SendAsync(HttpMethod.Patch, $"/api/v1/projects/{Project}", new JsonObject
        {
            ["settings"] = new JsonObject
            {
                ["work"] = new JsonObject
                {
                    ["deadline"] = today.AddDays(12).ToString("o", CultureInfo.InvariantCulture),
                    ["groups"] = new JsonArray(
                        new JsonObject { ["name"] = "Payments", ["people"] = Of("Ada", "Emre") },
                        new JsonObject { ["name"] = "Korean", ["people"] = Of("Boram", "Dohyun", "Gyuri") },
                        new JsonObject { ["name"] = "Seniors", ["people"] = Of("Ada", "Carla", "Hana") }),
                    ["rules"] = new JsonArray(
                        new JsonObject { ["group"] = "Payments", ["labels"] = new JsonArray("payment_issue"), ["belowConfidence"] = 0.8 },
                        new JsonObject { ["group"] = "Korean", ["field"] = "lang", ["value"] = "ko" }),
                },
            },
        });
        JsonArray Part(int from, int count) => new([.. Waiting.Skip(from).Take(count).Select(i => (JsonNode?)i.ToString(CultureInfo.InvariantCulture))]);
        foreach (var (items, to, days, note) in ((JsonArray, JsonObject, int, string)[])
            [
                (Part(0, 14), new JsonObject { ["user"] = People["Freya"].ToString(CultureInfo.InvariantCulture) }, 3, "Refunds first"),
                (Part(14, 18), new JsonObject { ["group"] = "Korean" }, 5, "Messages of the spring sale"),
                (Part(32, 10), new JsonObject { ["group"] = "Seniors" }, -2, ""),
            ])
        {
            await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{Project}/assignments", new JsonObject { ["items"] = items, ["to"] = to, ["dueAt"] = today.AddDays(days).ToString("o", CultureInfo.InvariantCulture), ["note"] = note });
        }

        // Some of it is done.
        var lead = (await services.GetRequiredService<ProjectAccess>().FindAsync(new Caller(People["Ada"], Role.Admin), Project))!;
        var done = Waiting.Take(9).Concat(Waiting.Skip(14).Take(5)).Concat(Waiting.Skip(32).Take(7));
        await services.GetRequiredService<DecisionRecorder>().RecordAsync(lead, People["Ada"], [.. done.Select(i => new NewDecision(i, DecisionAction.Correct, new ChoiceValue(Truth[i]), Seconds: 4, Settles: true))]);
    }

    private static JsonArray Slices() => new(
        new JsonObject { ["field"] = "lang", ["value"] = "ko" }, new JsonObject { ["field"] = "lang", ["value"] = "en" }, new JsonObject { ["field"] = "channel", ["value"] = "app" }, new JsonObject { ["field"] = "channel", ["value"] = "mail" });

    private static JsonObject ItemOf(string text, int place) => new()
    {
        ["key"] = $"t{place + 1}",
        ["text"] = text,
        ["metadata"] = new JsonObject { ["lang"] = text.Any(c => c is >= '가' and <= '힣') ? "ko" : "en", ["channel"] = (place % 5) switch { 0 or 1 => "app", 2 or 3 => "mail", _ => "phone" } },
    };

    private static async Task<Dictionary<string, long>> PeopleAsync(AnnotatorDatabase database, long project) => await database.WriteAsync(async scope =>
    {
        var users = Names.Select(n => (Name: n, Login: $"{n}-{Guid.NewGuid():n}@example.org")).Select(n => new AppUser
        {
            UserName = n.Login,
            NormalizedUserName = n.Login.ToUpperInvariant(),
            Email = n.Login,
            NormalizedEmail = n.Login.ToUpperInvariant(),
            DisplayName = n.Name,
            Role = Role.Annotator,
            CreatedAt = scope.Now,
            SecurityStamp = n.Login,
        }).ToList();
        scope.Db.Users.AddRange(users);
        await scope.Db.SaveChangesAsync();
        scope.Db.Memberships.AddRange(users.Select(u => new Membership { ProjectId = project, UserId = u.Id, Role = Role.Annotator }));
        return users.ToDictionary(u => u.DisplayName, u => u.Id, StringComparer.Ordinal);
    });

    // Known items with answers, and some talk.
    private async Task CheckAsync(IServiceProvider services)
    {
        var database = services.GetRequiredService<AnnotatorDatabase>();
        var project = (await services.GetRequiredService<ProjectAccess>().FindAsync(new Caller(People["Ada"], Role.Admin), Project))!;
        var random = new Random(4);
        var gold = services.GetRequiredService<GoldCatalog>();
        var known = Items.Take(14).ToList();
        foreach (var item in known) await gold.SetAsync(project.Project, People["Ada"], item, new ChoiceValue(Truth[item]), "As the guidelines say.");
        await database.WriteAsync(async scope =>
        {
            var checks = Names.SelectMany(name => known.Select(item =>
            {
                var right = random.NextDouble() < (name is "Karl" ? 0 : name is "Ivo" or "Jun" ? 0.6 : 0.94);
                var expected = LabelJson.Write(new ChoiceValue(Truth[item]));
                return new QualityCheck
                {
                    Id = Guid.NewGuid().ToString("n"), ProjectId = Project, ItemId = item, UserId = People[name], Kind = CheckKind.Gold, Expected = expected, Given = right ? expected : LabelJson.Write(new ChoiceValue("other")), Correct = right,
                    CreatedAt = scope.Now.AddDays(-3), ExpiresAt = scope.Now.AddDays(-3), AnsweredAt = scope.Now.AddDays(-3),
                };
            })).ToList();
            await scope.Dialect.InsertAsync(scope.Db, checks, ignoreConflicts: false, scope.CancellationToken);
            scope.Db.Set<AnnotatorPause>().Add(new AnnotatorPause { ProjectId = Project, UserId = People["Karl"], Correct = 0, Answered = 14, CreatedAt = scope.Now.AddDays(-2) });
        });
        var talk = services.GetRequiredService<Discussions>();
        await talk.AddAsync(project, People["Boram"], known[0], "Is this a refund or a payment issue? The guidelines leave both open. @Ada");
        await talk.AddAsync(project, People["Ada"], known[0], "@Boram a refund was asked for, so refund_request. I will add it to the guidelines.");
    }

    // Three people an item, more where they disagree; the models are right on most of what they say, and know how sure they are.
    private async Task WorkAsync(IServiceProvider services)
    {
        var random = new Random(12);
        var access = services.GetRequiredService<ProjectAccess>();
        var grant = (await access.FindAsync(new Caller(People["Ada"], Role.Annotator), Project))!;
        var recorder = services.GetRequiredService<DecisionRecorder>();
        var labels = grant.Project.Schema.Leaves();
        foreach (var part in Items.Chunk(20))
        {
            var shown = part.ToDictionary(i => i, i =>
            {
                var confidence = 0.45 + (0.54 * random.NextDouble());
                var right = random.NextDouble() < confidence - 0.03;
                return new ShownPrelabel(new ChoiceValue(right ? Truth[i] : Neighbour(labels, Truth[i], random)), confidence, random.Next(3) == 0 ? LabelSource.Llm : LabelSource.Student, 1);
            });
            var turns = part.ToDictionary(i => i, _ =>
            {
                var order = Names.ToArray();
                random.Shuffle(order);
                return order;
            });
            for (var vote = 0; vote < 5; vote++)
            {
                foreach (var byPerson in part.Select(item => (Item: item, Who: turns[item][vote])).GroupBy(x => x.Who, x => x.Item))
                {
                    var open = vote < 3 ? [.. byPerson] : await OpenAsync(services, [.. byPerson]);
                    var decisions = open.Select(item => Decide(byPerson.Key, item, shown[item], labels, random)).ToList();
                    if (decisions.Count > 0) await recorder.RecordAsync(grant, People[byPerson.Key], decisions);
                }
            }
        }
    }

    private async Task<List<long>> OpenAsync(IServiceProvider services, IReadOnlyList<long> items) =>
        await services.GetRequiredService<AnnotatorDatabase>().ReadAsync(db => db.Items.Where(i => i.ProjectId == Project && items.Contains(i.Id) && i.State != ItemState.Final && !i.Flagged).Select(i => i.Id).ToListAsync());

    private NewDecision Decide(string who, long item, ShownPrelabel shown, IReadOnlyList<string> labels, Random random)
    {
        var truth = Truth[item];
        if (random.Next(40) == 0) return new NewDecision(item, DecisionAction.Skip, Comment: "unclear", Seconds: 4, Shown: shown);
        var said = who switch
        {
            "Ivo" or "Jun" => random.NextDouble() < 0.55 ? truth : labels[random.Next(labels.Count)],
            "Karl" => Neighbour(labels, truth, random),
            "Lena" when string.Equals(truth, labels[0], StringComparison.Ordinal) => labels[1],
            "Lena" when string.Equals(truth, labels[1], StringComparison.Ordinal) => labels[0],
            _ => random.NextDouble() < Careful ? truth : Neighbour(labels, truth, random),
        };
        var seconds = who is "Ivo" or "Jun" ? 1 + random.NextDouble() : 2.5 + (6 * random.NextDouble());
        return new NewDecision(item, DecisionAction.Correct, new ChoiceValue(said), Seconds: seconds, Shown: shown);
    }

    // The nearer labels are confused more often.
    private static string Neighbour(IReadOnlyList<string> labels, string label, Random random)
    {
        var at = labels.ToList().IndexOf(label);
        return labels[(at + (random.NextDouble() < 0.7 ? 1 : 1 + random.Next(labels.Count - 1))) % labels.Count];
    }

    // What was done in a moment is spread over three weeks of working days.
    private async Task SpreadAsync(AnnotatorDatabase database)
    {
        var decisions = await database.ReadAsync(db => db.Decisions.Where(d => d.ProjectId == Project).OrderBy(d => d.Id).Select(d => new { d.Id, d.ItemId }).ToListAsync());
        var start = TimeProvider.System.GetUtcNow().AddDays(-21);
        var random = new Random(3);
        var times = decisions.Select((d, i) => (d.Id, d.ItemId, At: At(start, 21.0 * Math.Pow((double)i / decisions.Count, 0.9), random))).ToList();
        await database.WriteAsync(async scope =>
        {
            await scope.Dialect.UpdateAsync(
                scope.Db, new BulkUpdate("decisions", [new("id", BulkType.Long)], [new("created_at", BulkType.Long)], [.. times.Select(t => new object?[] { t.Id, t.At.ToUnixTimeMilliseconds() })]), scope.CancellationToken);
            await scope.Dialect.UpdateAsync(
                scope.Db,
                new BulkUpdate(
                    "items", [new("project_id", BulkType.Long), new("id", BulkType.Long)], [new("decided_at", BulkType.Long)],
                    [.. times.GroupBy(t => t.ItemId).Select(g => new object?[] { Project, g.Key, g.Max(t => t.At).ToUnixTimeMilliseconds() })], "items.label_value IS NOT NULL"),
                scope.CancellationToken);
            var id = scope.NextId("certificate", 12);
            scope.Db.Certificates.AddRange(Enumerable.Range(0, 12).Select(i => new CertificateSnapshot
            {
                Id = id + i,
                ProjectId = Project,
                Target = 0.97,
                Estimate = 0.968 + (0.012 * i / 11),
                LowerBound = 0.90 + (0.065 * Math.Sqrt(i / 11.0)),
                Confidence = 0.95,
                Audited = 40 + (i * 45),
                Items = 200 + (i * 10),
                Detail = "{\"audit\":1,\"decided\":150,\"accepted\":50,\"errorBound\":8,\"fewestErrors\":1,\"expectedErrors\":3.5,\"found\":4}",
                CreatedAt = start.AddDays(4 + (1.4 * i)),
            }));
        });
    }

    private static DateTimeOffset At(DateTimeOffset start, double days, Random random)
    {
        var at = start.AddDays(days);
        if (at.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday) at = at.AddDays(-2);
        return new DateTimeOffset(at.UtcDateTime.Date, TimeSpan.Zero).AddHours(8 + (9 * random.NextDouble())) is var moment && moment < TimeProvider.System.GetUtcNow() ? moment : TimeProvider.System.GetUtcNow().AddMinutes(-random.Next(1, 60));
    }
}
