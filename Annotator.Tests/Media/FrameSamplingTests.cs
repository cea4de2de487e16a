using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Core.Media.Sampling;
using Annotator.Tests.Support;
using CsCheck;

namespace Annotator.Tests.Media;

/// <summary>Frames of films that become images, and long films that become jobs.</summary>
[Collection(ApiCollection.Name)]
public class FrameSamplingTests(SharedHost shared)
{
    // Two seconds of red, one of green, one of blue, at 25 frames a second.
    private const string Scenes = "color=red:s=64x48:r=25:d=2[a];color=green:s=64x48:r=25:d=1[b];color=blue:s=64x48:r=25:d=1[c];[a][b][c]concat=n=3";
    private readonly AppHost _host = shared.Host;

    [Fact]
    public void Intervals_follow_the_times_of_the_frames()
    {
        Assert.Equal([0, 25, 50, 75], FramePlan.ByInterval(new VideoFrames(100, 0, 25, null), 1));
        Assert.Equal([0, 1, 4], FramePlan.ByInterval(new VideoFrames(5, 0.5, null, [0.5, 2.5, 2.6, 2.7, 3.6]), 1));
        Assert.Equal([0, 33, 66], FramePlan.AtMost([.. Enumerable.Range(0, 100)], 3));
    }

    [Fact]
    public void The_least_sure_are_taken_and_keep_their_distance() => Gen.Select(Gen.Int[0, 1_000_000], Gen.Int[1, 20], Gen.Int[1, 9]).Sample((seed, most, gap) =>
    {
        var random = new Random(seed);
        var rated = Enumerable.Range(0, 60).Select(f => new RatedFrame(f, random.NextDouble())).ToList();
        var chosen = FramePlan.ByWorth(rated, most, gap);
        Assert.True(chosen.Count <= most);
        Assert.Contains(rated.MaxBy(r => r.Worth).Frame, chosen);
        Assert.All(chosen.Zip(chosen.Skip(1)), p => Assert.True(p.Second - p.First >= gap));
    });

    [Fact]
    public void A_cut_is_told_from_movement()
    {
        var change = new SceneChange();
        byte[] Frame(int at, byte ground)
        {
            var pixels = new byte[64 * 36 * 3];
            Array.Fill(pixels, ground);
            for (var y = 10; y < 20; y++)
            {
                for (var x = at; x < at + 10; x++) pixels.AsSpan(((y * 64) + x) * 3, 3).Fill(250);
            }

            return pixels;
        }

        Assert.Equal(0, change.Add(Frame(0, 20)));
        for (var x = 2; x < 40; x += 2) Assert.InRange(change.Add(Frame(x, 20)), 0, 0.001);
        Assert.InRange(change.Add(Frame(40, 90)), 0.9, 1);
    }

    [Theory]
    [InlineData("scene", "&every=0.5", new[] { 0, 51, 75 })]
    [InlineData("interval", "&every=1.5", new[] { 0, 38, 75 })]
    [InlineData("interval", "&every=0.5&most=2", new[] { 0, 50 })]
    public async Task Frames_become_images_that_say_where_they_are_from(string mode, string more, int[] frames)
    {
        var project = await ProjectAsync("image", "classification");
        using var body = new ByteArrayContent(await TestFilm.MadeAsync(Scenes));
        var run = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/frames?mode={mode}{more}&name=belt.mp4", body)).Expect(HttpStatusCode.Accepted);
        var ended = await _host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.True(ended["state"]!.GetValue<string>() is "succeeded", ended.ToJsonString());
        var items = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=50")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(frames.Select(f => $"belt-{f:000000}.jpg"), items.Select(i => i!["key"]!.GetValue<string>()).Order(StringComparer.Ordinal));
        foreach (var item in items)
        {
            var frame = item!["metadata"]!["frame"]!.GetValue<int>();
            using var response = await _host.Admin.Http.GetAsync(item["url"]!.GetValue<string>(), TestContext.Current.CancellationToken);
            var pixels = ImageFiles.Pixels(await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), 1, 1);
            Assert.Equal(frame < 50 ? 0 : frame < 75 ? 1 : 2, Array.IndexOf(pixels, pixels.Max()));
        }
    }

    [Fact]
    public async Task What_cannot_be_sampled_is_refused_with_the_reason()
    {
        var images = await ProjectAsync("image", "classification");
        async Task RefusedAsync(string project, string query, byte[] file, string field)
        {
            using var body = new ByteArrayContent(file);
            (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/frames?{query}", body)).ExpectProblem(HttpStatusCode.BadRequest, field);
        }

        await RefusedAsync(images, "mode=often", [1], "mode");
        await RefusedAsync(images, "every=0", [1], "every");
        await RefusedAsync(images, "mode=uncertain", [1], "mode");
        await RefusedAsync(images, "", Pictures.Plain(4, 4), "file");
        await RefusedAsync(images, "", [], "file");
        await RefusedAsync(await ProjectAsync("video", "tracks"), "", [1], "file");
    }

    [Fact]
    public async Task A_long_film_is_cut_into_jobs_that_share_its_file()
    {
        var project = await ProjectAsync("video", "tracks", new JsonObject { ["vision"] = new JsonObject { ["jobSeconds"] = 5 } });
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { vision = new { jobSeconds = 4 } } })).ExpectProblem(HttpStatusCode.BadRequest, "settings.vision.jobSeconds");
        var film = await TestFilm.MadeAsync("color=red:s=64x48:r=10:d=12");
        for (var twice = 0; twice < 2; twice++)
        {
            using var body = new MultipartFormDataContent { { new ByteArrayContent(film), "file", "long.mp4" } };
            var stored = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", body)).Expect(HttpStatusCode.OK)["items"]!.AsArray();
            Assert.Equal(["long.mp4#0001", "long.mp4#0002", "long.mp4#0003"], stored.Select(i => i!["key"]!.GetValue<string>()));
            Assert.All(stored, i => Assert.Equal(twice == 0, i!["created"]!.GetValue<bool>()));
        }

        var items = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=50")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal([(0, 40), (40, 80), (80, 120)], items.Select(i => (i!["metadata"]!["firstFrame"]!.GetValue<int>(), i["metadata"]!["endFrame"]!.GetValue<int>())).Order());
        Assert.Single(items.Select(i => i!["url"]!.GetValue<string>()).Distinct());
        Assert.Single(Directory.GetFiles(Path.Combine(_host.DataDirectory, "blobs", $"media-{project}")));
    }

    private async Task<string> ProjectAsync(string modality, string type, JsonObject? settings = null) => (await _host.Admin.PostAsync("/api/v1/projects", new JsonObject
    {
        ["name"] = "Frames",
        ["modality"] = modality,
        ["task"] = new JsonObject { ["type"] = type, ["labels"] = new JsonArray(new JsonObject { ["name"] = "thing" }, new JsonObject { ["name"] = "other" }) },
        ["settings"] = settings ?? [],
    })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
}
