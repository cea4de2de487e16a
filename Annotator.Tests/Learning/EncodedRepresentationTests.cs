using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Models.Encoders;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Tests.Models;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Learning;

/// <summary>Representations by an uploaded encoder: carried on after an end that nobody wanted, taken over where nothing changed, and replaced where it fails.</summary>
public class EncodedRepresentationTests
{
    private static readonly ToyEncoder s_toy = new(6, ["car", "automobile"], ["loan", "credit"], ["hotel", "inn"], ["the"], ["a"], ["red"], ["blue"], ["old"]);

    [Fact]
    public async Task Words_of_one_meaning_are_neighbours_and_what_is_new_is_placed_by_the_encoder()
    {
        await using var host = await LearningHost.StartAsync("yes", "no");
        await ChooseAsync(host, s_toy.Graph(), s_toy.Vocabulary);
        var ids = await host.SendAsync(Texts(60));
        await host.RunAllAsync();
        var representations = host.Get<Representations>();
        var latest = (await representations.LatestAsync(host.Project.Id))!;
        Assert.Equal(("Toy v1", 60L, 6), (latest.EncoderName, latest.Items, latest.Dimensions));
        Assert.Null(latest.Fallback);

        // "car" and "automobile" share nothing that is written, and are one.
        var similar = (await representations.SimilarAsync(host.Project.Id, ids[0], 1))!;
        Assert.Equal((ids[1], 1.0), (similar[0].Id, Math.Round(similar[0].Similarity, 2)));
        var added = await host.SendAsync(["an automobile, red and the"]);
        Assert.Equal(0, Array.IndexOf(ids, (await representations.SimilarAsync(host.Project.Id, added[0], 1))![0].Id) / 2 % 3);

        // What is there of the same encoder is taken over; only what came since is encoded.
        await host.SendAsync(Texts(60).Select(t => t + " again"));
        await host.RunAsync("represent");
        var grown = (await representations.LatestAsync(host.Project.Id))!;
        Assert.Equal((121L, 60), (grown.Items, latest.Sampled));
        Assert.True(grown.Version > latest.Version);
        await host.RestartAsync();
        Assert.Equal(ids[1], (await host.Get<Representations>().SimilarAsync(host.Project.Id, ids[0], 1))![0].Id);
    }

    [Fact]
    public async Task Items_that_come_one_by_one_are_encoded_and_have_a_voice_when_the_student_learns()
    {
        await using var host = await LearningHost.StartAsync("yes", "no");
        await ChooseAsync(host, s_toy.Graph(), s_toy.Vocabulary);
        await host.RunAllAsync();
        var stored = await host.Get<ItemIntake>().StoreAsync(host.Project, [.. Texts(60).Select((t, i) => new NewItem($"k{i}", t))], TestContext.Current.CancellationToken);
        await host.DecideAsync(stored.Value.Take(12).Select((s, i) => (s.Item.Id, i % 2 == 0 ? "yes" : "no")));
        Assert.Null(await host.Get<Representations>().LatestAsync(host.Project.Id));
        await host.RunAsync("train");
        await host.Get<RepresentTrigger>().LookAsync(TestContext.Current.CancellationToken);
        await host.RunAllAsync();
        var latest = (await host.Get<Representations>().LatestAsync(host.Project.Id))!;
        Assert.Equal(60, latest.Items);

        // From then on what has a voice in what is believed of an item is what means the same.
        await host.RunAsync("train");
        var workspace = host.Get<TrainingWorkspaces>().Of(host.Project.Id);
        Assert.Equal(latest.Version, workspace.NeighboursOf);
        Assert.Equal(1, workspace.Neighbours!.Similarities[0], 0.01);
        Assert.Equal(stored.Value[1].Item.Id, workspace.IdOf(workspace.Neighbours.Indices[0]));
    }

    [Fact]
    public void Rows_without_a_vector_are_nobody_s_neighbours()
    {
        var found = RowNeighbours.Of(5, () => ([0, 2, 3], [1, 0, 0.8f, 0.6f, 0, 1]), 2, 2, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal([2, 3, -1, -1, 0, 3, 2, 0, -1, -1], found.Indices);
        Assert.Equal(0.8, found.Similarities[0], 1e-3);
        Assert.Same(found, RowNeighbours.Of(5, () => throw new InvalidOperationException("They are known."), 2, 2, found, TestContext.Current.CancellationToken));
        var grown = RowNeighbours.Of(6, () => throw new InvalidOperationException("A fifth more is not much."), 2, 2, found, TestContext.Current.CancellationToken);
        Assert.Equal([.. found.Indices, -1, -1], grown.Indices);
    }

    [Fact]
    public async Task A_run_that_was_ended_goes_on_where_it_was()
    {
        await using var host = await LearningHost.StartAsync("yes", "no");
        await ChooseAsync(host, s_toy.Graph(), s_toy.Vocabulary);
        await host.SendAsync(Texts(2_100));
        await host.RunAllAsync();
        var whole = await VectorsAsync(host);

        // As a run looks that was killed after its first page: its cursor names what is written, and nothing of it is written again.
        var run = await host.Get<RunService>().StartAsync(host.Project.Id, "represent");
        await host.RunAllAsync();
        var twice = JsonSerializer.Deserialize<RepresentResult>((await host.Get<RunService>().FindAsync(run.Id))!.Result!, ProjectJson.Options)!;
        var cursor = JsonSerializer.Deserialize<EncodedCursor>((await host.Get<RunService>().FindAsync(run.Id))!.Cursor!, ProjectJson.Options)!;
        Assert.Equal((2, 2_100L), (cursor.Parts.Count, cursor.Rows));
        var blobs = host.Get<IBlobStore>();
        var part = new byte[24 + (2_000 * (12 + 6))];
        await using (var stored = await blobs.OpenAsync(twice.Vectors!, TestContext.Current.CancellationToken)) await stored.ReadExactlyAsync(part, TestContext.Current.CancellationToken);
        part[24 + 12] = 99;
        var (name, _) = await blobs.PutAsync("representations", new MemoryStream(part), TestContext.Current.CancellationToken);
        var ids = await host.Database.ReadAsync(db => db.Items.OrderBy(i => i.Id).Select(i => i.Id).ToListAsync());
        var resumed = await host.Get<RunService>().StartAsync(host.Project.Id, "represent");
        await host.Database.WriteAsync(scope => scope.Db.Runs.Where(r => r.Id == resumed.Id).ExecuteUpdateAsync(x => x
            .SetProperty(r => r.Cursor, JsonSerializer.Serialize(cursor with { Parts = [name], Rows = 2_000, After = ids[1_999] }, ProjectJson.Options)).SetProperty(r => r.Done, 2_000)));
        await host.RestartAsync();
        await host.RunAllAsync();
        var carried = await VectorsAsync(host);
        Assert.Equal(whole.Length, carried.Length);
        Assert.Equal(99, carried[24 + 12]);
        carried[24 + 12] = whole[24 + 12];
        Assert.Equal(whole, carried);
        Assert.Equal(2_100, (await host.Get<RunService>().FindAsync(resumed.Id))!.Done);
        await Assert.ThrowsAsync<FileNotFoundException>(() => blobs.OpenAsync(name, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Components_are_found_from_each_nth_item()
    {
        await using var host = await LearningHost.StartAsync("yes", "no");
        var ids = (await host.SendAsync(Texts(23))).Order().ToList();
        await host.Database.WriteAsync(scope => scope.Db.Items.Where(i => i.Id == ids[3]).ExecuteDeleteAsync());
        ids.RemoveAt(3);
        foreach (var (most, step) in ((int, int)[])[(5, 5), (22, 1), (11, 2), (1, 22)])
        {
            var sampled = host.Database.ReadAsync(db => EncodedRepresentation.SampledIdsAsync(db, host.Project.Id, ids.Count, most, TestContext.Current.CancellationToken));
            Assert.Equal(ids.Where((_, i) => i % step == 0), await sampled);
        }

        // What came since they were counted makes the sample no larger.
        Assert.Equal(ids.Take(10), await host.Database.ReadAsync(db => EncodedRepresentation.SampledIdsAsync(db, host.Project.Id, 10, 10, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task An_encoder_that_fails_is_told_of_and_the_project_goes_on()
    {
        await using var host = await LearningHost.StartAsync("yes", "no");
        var id = await ChooseAsync(host, s_toy.Graph(), s_toy.Vocabulary);
        await host.SendAsync(Texts(60));
        await host.RunAllAsync();

        // Its file was damaged since.
        var row = await host.Database.ReadAsync(db => db.TextEncoders.SingleAsync(e => e.Id == id));
        await host.Get<IBlobStore>().DeleteAsync(row.Blob, TestContext.Current.CancellationToken);
        await host.RestartAsync();
        var result = await host.RunAsync("represent");
        Assert.True(result["represented"]!.GetValue<bool>());
        var latest = (await host.Get<Representations>().LatestAsync(host.Project.Id))!;
        Assert.Null(latest.Encoder);
        Assert.Contains("Toy v1", latest.Fallback, StringComparison.Ordinal);
        var run = (await host.Get<RunService>().ListOfKindAsync(host.Project.Id, "represent", 1))[0];
        Assert.Equal(latest.Fallback, run.Message);
        Assert.Equal(run.Total, run.Done);
    }

    private static async Task<long> ChooseAsync(LearningHost host, byte[] graph, byte[] vocabulary)
    {
        var owner = await host.Database.ReadAsync(db => db.Users.Select(u => u.Id).FirstAsync());
        var caller = new Caller(owner, Role.Admin);
        var added = await host.Get<TextEncoders>().AddAsync(caller, new EncoderUpload("Toy", new TextEncoderSpec { MaxTokens = 32 }, graph, [vocabulary]), TestContext.Current.CancellationToken);
        Assert.True(added.Succeeded, string.Join(' ', added.Errors));
        var settings = new System.Text.Json.Nodes.JsonObject { ["representation"] = new System.Text.Json.Nodes.JsonObject { ["encoder"] = added.Value.Id } };
        Assert.True((await host.Get<ProjectService>().UpdateAsync(caller, host.Project.Id, new ProjectChange(Settings: settings))).Succeeded);
        return long.Parse(added.Value.Id, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static async Task<byte[]> VectorsAsync(LearningHost host)
    {
        var latest = (await host.Get<Representations>().LatestAsync(host.Project.Id))!;
        await using var stored = await host.Get<IBlobStore>().OpenAsync(latest.Vectors, TestContext.Current.CancellationToken);
        return await Representations.ReadAllAsync(stored, TestContext.Current.CancellationToken);
    }

    // Pairs of texts that differ in words of one meaning only, each pair of other words.
    private static IEnumerable<string> Texts(int count)
    {
        string[][] things = [["car", "automobile"], ["loan", "credit"], ["hotel", "inn"]];
        string[] words = ["the", "a", "red", "blue", "old"];
        for (var i = 0; i < count; i++)
        {
            var pair = i / 2;
            var said = words.SelectMany((w, k) => Enumerable.Repeat(w, (pair / 3 * (k + 3) / (k + 1) + (pair * k)) % 4));
            yield return $"{things[pair % 3][i % 2]} {string.Join(' ', said)}";
        }
    }
}
