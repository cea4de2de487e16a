using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Media.Tracking;
using Annotator.Core.Student;
using Annotator.Tests.Support;
using Annotator.Web.Streaming;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Media;

/// <summary>Frames of a camera as a stream: looked at in order, followed, answered, dropped where they are too many, and kept where they are doubtful.</summary>
[Collection(ApiCollection.Name)]
public sealed class FrameStreamTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Objects_are_followed_through_the_frames_of_a_source_in_their_order(bool messagePack)
    {
        var project = await NewAsync(new { doubt = 1, buffer = 32 });
        await using var connection = await ConnectAsync(AppHost.AdminToken, messagePack);
        var answers = await StreamAsync(connection, project, "cam-1", Enumerable.Range(0, 24).Select(i => new StreamFrame { Number = i, Image = Frame(4 * i) }));
        Assert.All(answers, a => Assert.Null(a.Error));
        var looked = answers.Where(a => !a.Dropped).ToList();
        Assert.Equal(looked.Select(a => a.Number).Order(), looked.Select(a => a.Number));
        Assert.Equal(24, answers.Count);
        Assert.Equal(answers.Count(a => a.Dropped), answers.Max(a => a.DroppedSoFar));

        // The bright spot goes to the right, and stays the same object.
        Assert.All(looked, a => Assert.Equal("1", Assert.Single(a.Boxes).Track));
        Assert.True(looked[^1].Boxes[0].X > looked[0].Boxes[0].X + 40);
        Assert.Equal(looked.Count, looked[^1].Boxes[0].Seen);
        Assert.Equal("thing", looked[0].Value!.Value.GetProperty("boxes")[0].GetProperty("label").GetString());
        Assert.All(looked, a => Assert.Null(a.ItemId));

        // Another source is followed by itself; and a source that begins anew has new objects.
        Assert.Equal("1", (await StreamAsync(connection, project, "cam-2", [new StreamFrame { Number = 7, Image = Frame(0) }]))[0].Boxes[0].Track);
        var wrong = await StreamAsync(connection, project, "cam-1", [new StreamFrame { Number = 3, Image = Frame(0) }, new StreamFrame { Image = "no image"u8.ToArray() }, new StreamFrame()]);
        Assert.Contains("go forward", wrong.Single(a => a.Number == 3).Error, StringComparison.Ordinal);
        Assert.All(wrong, a => Assert.NotNull(a.Error));
        var anew = await StreamAsync(connection, project, "cam-1", [new StreamFrame { Number = 0, Image = Frame(0) }]);
        Assert.Equal(1, anew[0].Boxes[0].Seen);
        Assert.Empty((await _host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray());
    }

    [Fact]
    public async Task Doubtful_frames_are_kept_as_items_no_more_than_the_policy_says()
    {
        var project = await NewAsync(new { doubt = 0.1, perMinute = 3, gapSeconds = 0, buffer = 32 });
        await using var connection = await ConnectAsync(AppHost.AdminToken, messagePack: true);
        var told = Channel.CreateUnbounded<JsonElement>();
        connection.On<JsonElement>("ItemsPreLabelled", m => told.Writer.TryWrite(m));
        await connection.InvokeAsync("Subscribe", project, TestContext.Current.CancellationToken);
        var answers = await StreamAsync(connection, project, "gate", Enumerable.Range(0, 8).Select(i => new StreamFrame { Image = Frame(8 * i) }));
        var kept = answers.Where(a => a.ItemId is not null).ToList();
        Assert.Equal(3, kept.Count);
        var items = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(kept.Select(a => a.ItemId).Order(), items.Select(i => i!["id"]!.GetValue<string>()).Order());
        var item = items.Single(i => string.Equals(i!["id"]!.GetValue<string>(), kept[0].ItemId, StringComparison.Ordinal))!;
        Assert.Equal(kept[0].Value!.Value.GetRawText(), item["prediction"]!["value"]!.ToJsonString());
        Assert.Equal("queued", item["state"]!.GetValue<string>());
        Assert.Equal("gate", item["metadata"]!["source"]!.GetValue<string>());
        Assert.Equal(1, item["metadata"]!["tracks"]![0]!.GetValue<int>());
        Assert.Equal(JsonValueKind.Array, (await told.Reader.ReadAsync(TestContext.Current.CancellationToken)).ValueKind);

        var state = Assert.Single((await _host.Admin.GetAsync($"/api/v1/projects/{project}/sources")).Expect(HttpStatusCode.OK)["items"]!.AsArray())!;
        Assert.Equal(("gate", 3L), (state["name"]!.GetValue<string>(), state["kept"]!.GetValue<long>()));
    }

    [Fact]
    public async Task Who_is_faster_than_the_model_is_told_which_frames_were_dropped()
    {
        var project = await NewAsync(new { doubt = 1, buffer = 1 });
        var large = Frame(0, 1_600);
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => PostAsync(project, "fast", large)));
        var all = answers.Select(a => a.Expect(HttpStatusCode.OK)).ToList();
        Assert.Equal(30, all.Select(a => a["number"]!.GetValue<long>()).Distinct().Count());
        var dropped = all.Count(a => a["dropped"]!.GetValue<bool>());
        Assert.InRange(dropped, 1, 29);
        Assert.Equal(dropped, all.Max(a => a["droppedSoFar"]!.GetValue<long>()));
        Assert.All(all.Where(a => !a["dropped"]!.GetValue<bool>()), a => Assert.Single(a["boxes"]!.AsArray()));

        // The newest was looked at.
        Assert.False(all.MaxBy(a => a["number"]!.GetValue<long>())!["dropped"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Only_leads_send_frames_and_only_into_projects_that_take_them()
    {
        var project = await NewAsync(new { });
        var texts = await _host.Admin.CreateProjectAsync("Texts");
        (await PostAsync(texts, "a", Frame(0))).ExpectProblem(HttpStatusCode.UnprocessableEntity);
        (await PostAsync(project, "a%20b", Frame(0))).ExpectProblem(HttpStatusCode.BadRequest, "source");
        (await PostAsync(project, "a", [])).ExpectProblem(HttpStatusCode.BadRequest, "file");
        (await PostAsync(project, "a", "GIF89a"u8.ToArray())).ExpectProblem(HttpStatusCode.UnprocessableEntity);
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { vision = new { frames = new { buffer = 0 } } } })).ExpectProblem(HttpStatusCode.BadRequest, "settings.vision.frames.buffer");
        var annotator = await _host.AddPersonAsync(Role.Annotator, project);
        await using var connection = await ConnectAsync(annotator.Token, messagePack: true);
        await Assert.ThrowsAsync<HubException>(() => StreamAsync(connection, project, "a", [new StreamFrame { Image = Frame(0) }]));
        await using var lead = await ConnectAsync(AppHost.AdminToken, messagePack: true);
        await Assert.ThrowsAsync<HubException>(() => StreamAsync(lead, texts, "a", [new StreamFrame { Image = Frame(0) }]));
        await Assert.ThrowsAsync<HubException>(() => StreamAsync(lead, project, "a/b", [new StreamFrame { Image = Frame(0) }]));
    }

    [Fact]
    public void A_tracker_without_history_follows_for_ever_in_the_same_memory()
    {
        var tracker = new BoxTracker(new TrackerOptions { History = false });
        for (var frame = 0; frame < 5_000; frame++) tracker.Add(frame, [new Sighting(new Box("a", 10 + (frame % 50), 10, 20, 20), 0.9), new Sighting(new Box("b", 200, 100, 30, 30), 0.8)]);
        Assert.Contains(tracker.Current, t => t is { Label: "b", Number: 2, Seen: 5_000 });
        Assert.Empty(tracker.Finish());
    }

    // A dark frame with a bright square of an eighth of its side.
    private static byte[] Frame(int x, int side = 256)
    {
        var pixels = new byte[side * side * 3];
        var spot = side / 8;
        for (var row = spot; row < 2 * spot; row++)
        {
            for (var column = x; column < Math.Min(side, x + spot); column++) pixels.AsSpan(((row * side) + column) * 3, 3).Fill(255);
        }

        return Pictures.Png(pixels, side, side);
    }

    // Says where the brightest column of 32 is: one box of the layout of YOLOv8, [1, 4 + 1, 1].
    private static byte[] SpotDetector()
    {
        var graph = new OnnxGraph("spot");
        var image = graph.Input("images", OnnxType.Float, "1", "3", "64", "64");
        var columns = graph.Node("ReduceMean", [image, graph.Constant([1L, 2L], 2)], ("keepdims", 0));
        var total = graph.Node("Add", [graph.Node("ReduceSum", [columns, graph.Constant(1)], ("keepdims", 1)), graph.Constant([1e-6f], 1)]);
        var places = graph.Constant([.. Enumerable.Range(0, 64).Select(i => i + 0.5f)], 1, 64);
        var x = graph.Node("Div", [graph.Node("ReduceSum", [graph.Node("Mul", [columns, places]), graph.Constant(1)], ("keepdims", 1)), total]);
        var rest = graph.Constant([12f, 8f, 8f, 0.8f], 1, 4);
        var row = graph.Node("Concat", [x, rest], ("axis", 1));
        graph.Output("output0", graph.Node("Unsqueeze", [row, graph.Constant(2)]), OnnxType.Float, "1", "5", "1");
        return graph.Build("test", "1");
    }

    private async Task<string> NewAsync(object frames)
    {
        using var body = new ByteArrayContent(SpotDetector());
        var spec = """{"kind":"detector","labels":["thing"],"layout":"yolov8","letterbox":false,"threshold":0.3}""";
        var model = (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Spot&spec={Uri.EscapeDataString(spec)}", body)).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        return (await _host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Camera", modality = "image", task = new { type = "boxes", labels = new[] { new { name = "thing" } } }, settings = new { autoAccept = false, vision = new { model, frames } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
    }

    private async Task<ApiAnswer> PostAsync(string project, string source, byte[] image)
    {
        using var body = new ByteArrayContent(image);
        return await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/sources/{source}/frames", body);
    }

    private static async Task<List<FrameMessage>> StreamAsync(HubConnection connection, string project, string source, IEnumerable<StreamFrame> frames)
    {
        var sending = Channel.CreateUnbounded<StreamFrame>();
        foreach (var frame in frames) sending.Writer.TryWrite(frame);
        sending.Writer.Complete();
        var answers = new List<FrameMessage>();
        await foreach (var answer in connection.StreamAsync<FrameMessage>("AnnotateFrames", project, source, sending.Reader, TestContext.Current.CancellationToken)) answers.Add(answer);
        return answers;
    }

    private async Task<HubConnection> ConnectAsync(string token, bool messagePack)
    {
        var builder = new HubConnectionBuilder().WithUrl(new Uri(_host.BaseAddress, "/hubs/live"), o => o.AccessTokenProvider = () => Task.FromResult<string?>(token));
        if (messagePack) builder.AddMessagePackProtocol(o => o.SerializerOptions = JsonElementFormatter.Options);
        var connection = builder.Build();
        await connection.StartAsync(TestContext.Current.CancellationToken);
        return connection;
    }
}
