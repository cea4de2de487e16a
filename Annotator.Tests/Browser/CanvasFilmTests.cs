using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Labels;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Films: frames one by one, tracks with keyframes, segments.</summary>
[Collection(BrowserCollection.Name)]
public class CanvasFilmTests(BrowserFixture browser)
{
    [Fact]
    public async Task EveryFrame_IsTheOneThatItsNumberSays()
    {
        var (_, _, visitor, canvas) = await OpenAsync("Frames", "tracks");
        await using var __ = visitor;
        var keys = canvas.Page.Keyboard;
        foreach (var (key, frame) in ((string, int)[])[("f", 1), ("f", 2), ("v", 12), ("d", 11), ("c", 1), ("End", 49), ("d", 48), ("Home", 0), ("v", 10)])
        {
            await keys.PressAsync(key);
            await canvas.FrameAsync(frame);
            var seen = await BrightnessAsync(canvas.Page);
            Assert.InRange(seen, TestFilm.Brightness(frame) - 2.2, TestFilm.Brightness(frame) + 2.2);
        }

        // Played and stopped somewhere: number and picture still agree.
        await canvas.Page.Locator(".fb-number").FillAsync("20");
        await canvas.Page.Keyboard.PressAsync("Enter");
        await canvas.FrameAsync(20);
        await canvas.Page.Locator(".rv-scroll").FocusAsync();
        await keys.PressAsync("Space");
        await Until.HoldsAsync(() => canvas.Page.EvaluateAsync<int>("() => window.annotatorReview.view.film.frame"), f => f > 23, "it plays");
        await keys.PressAsync("Space");
        await Until.HoldsAsync(() => canvas.Page.EvaluateAsync<bool>("() => window.annotatorReview.view.film.settled"), s => s, "it rests");
        var rested = await canvas.Page.EvaluateAsync<int>("() => window.annotatorReview.view.film.frame");
        Assert.InRange(await BrightnessAsync(canvas.Page), TestFilm.Brightness(rested) - 2.2, TestFilm.Brightness(rested) + 2.2);
        Assert.Empty(visitor.Troubles);
    }

    [Theory]
    [InlineData(".avi", "mpeg4", "-q:v", "1")]
    [InlineData(".mov", "prores_ks", "-pix_fmt", "yuv422p10le")]
    public async Task FilmThatNoBrowserPlays_IsMadeReady_FrameForFrame(string extension, string codec, string option, string value)
    {
        var film = await TestFilm.MadeAsync("nullsrc=s=64x48:r=25:d=2,format=yuv420p,geq=lum='16+4*N':cb=128:cr=128", extension, "-c:v", codec, option, value);
        var (project, _) = await CanvasScenes.ProjectAsync(browser, $"Film {codec}", "tracks", [($"odd{extension}", film, null)], modality: "video");
        await using var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        Assert.Equal(50, await canvas.Page.EvaluateAsync<int>("() => window.annotatorReview.view.film.count"));
        foreach (var (key, frame) in ((string, int)[])[("f", 1), ("v", 11), ("End", 49), ("d", 48)])
        {
            await canvas.Page.Keyboard.PressAsync(key);
            await canvas.FrameAsync(frame);
            Assert.InRange(await BrightnessAsync(canvas.Page), TestFilm.Brightness(frame) - 3, TestFilm.Brightness(frame) + 3);
        }

        await canvas.DragAsync(10, 10, 20, 20);
        await canvas.HoldsAsync("""{"tracks":[{"id":"t1","label":"car","keyframes":[{"frame":48,"x":10,"y":10,"width":10,"height":10,"outside":false}]}]}""");
    }

    [Fact]
    public async Task Propagate_KeepsTheObjectWhereItIsForTenFrames()
    {
        var (_, _, visitor, canvas) = await OpenAsync("Propagate", "tracks");
        await using var __ = visitor;
        var keys = canvas.Page.Keyboard;
        await canvas.DragAsync(10, 10, 20, 20);
        await keys.PressAsync("v");
        await canvas.FrameAsync(10);
        await canvas.DragAsync(15, 15, 35, 25);
        await keys.PressAsync("Home");
        await canvas.FrameAsync(0);
        await keys.PressAsync("f");
        await keys.PressAsync("f");
        await canvas.FrameAsync(2);

        // From frame 2 on it stands still up to 12, whatever stood between; and the film goes there.
        await keys.PressAsync("Control+b");
        await canvas.FrameAsync(12);
        await canvas.HoldsAsync(Tracks("car", (0, 10, 10, false), (2, 14, 12, false), (12, 14, 12, false)));
        await keys.PressAsync("Control+z");
        await canvas.HoldsAsync(Tracks("car", (0, 10, 10, false), (10, 30, 20, false)));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Track_IsCorrectedAtKeyframesOnly_SplitAndMergedAgain()
    {
        var (project, items, visitor, canvas) = await OpenAsync("Track", "tracks");
        await using var _ = visitor;
        var keys = canvas.Page.Keyboard;
        await canvas.DragAsync(10, 10, 20, 20);
        await keys.PressAsync("v");
        await keys.PressAsync("v");
        await canvas.FrameAsync(20);
        await canvas.DragAsync(15, 15, 35, 25);
        await canvas.HoldsAsync(Tracks("car", (0, 10, 10, false), (20, 30, 20, false)));

        // Half-way between two keyframes.
        await keys.PressAsync("c");
        await canvas.FrameAsync(10);
        Assert.Equal("20,15,10,10", await canvas.Page.EvaluateAsync<string>("() => { const [p] = window.annotatorReview.view.shapes.parts; return [p.x, p.y, p.width, p.height].join(); }"));
        await keys.PressAsync("2");

        // A keyframe on and off; out of sight from frame 40 on.
        await keys.PressAsync("k");
        await canvas.HoldsAsync(Tracks("person", (0, 10, 10, false), (10, 20, 15, false), (20, 30, 20, false)));
        await keys.PressAsync("k");
        await keys.PressAsync("r");
        await canvas.FrameAsync(20);
        await keys.PressAsync("v");
        await keys.PressAsync("v");
        await canvas.FrameAsync(40);
        await keys.PressAsync("o");
        await canvas.HoldsAsync(Tracks("person", (0, 10, 10, false), (20, 30, 20, false), (40, 30, 20, true)));
        Assert.Equal(0, await canvas.Page.EvaluateAsync<int>("() => window.annotatorReview.view.shapes.parts.length"));

        // Cut in two at frame 30, and made one again.
        await keys.PressAsync("c");
        await canvas.FrameAsync(30);
        await keys.PressAsync("Alt+m");
        Assert.Equal(2, (await canvas.ValueAsync())["tracks"]!.AsArray().Count);
        await keys.PressAsync("m");
        await canvas.Page.EvaluateAsync("() => { const s = window.annotatorReview.view.shapes; s.select(s.tracks[0].id); }");
        await keys.PressAsync("m");
        await canvas.HoldsAsync(Tracks("person", (0, 10, 10, false), (20, 30, 20, false), (30, 30, 20, false), (40, 30, 20, true)));
        await canvas.Page.Keyboard.PressAsync("Control+z");
        await canvas.Page.Keyboard.PressAsync("Control+z");
        await canvas.HoldsAsync(Tracks("person", (0, 10, 10, false), (20, 30, 20, false), (40, 30, 20, true)));

        await keys.PressAsync("Enter");
        await canvas.Review.ShowsOtherAsync(items[0], "decided");
        await canvas.Review.SavedAsync();
        Assert.Equal(Tracks("person", (0, 10, 10, false), (20, 30, 20, false), (40, 30, 20, true)), (await browser.Api.ItemAsync(project, items[0]))!["label"]!.ToJsonString());
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Interpolation_SaysInTheBrowserWhatItSaysOnTheServer()
    {
        await using var visitor = await browser.SignedInAsync();
        await visitor.Page.GotoAsync("/");
        var random = new Random(7);
        var tracks = Enumerable.Range(0, 40).Select(i => new Track(
            $"t{i}", "car", Enumerable.Range(0, random.Next(1, 8)).Select(_ => random.Next(0, 60)).Distinct().Select(f => new Keyframe(f, random.Next(500), random.NextDouble() * 300, 1 + random.Next(90), 1 + random.Next(90), random.Next(4) == 0, random.Next(3) == 0)).ToList())).ToList();
        var told = await visitor.Page.EvaluateAsync<JsonElement>(
            """
            async (json) => {
              const { boxAt, tracks } = await import("/js/canvas/tracks.js");
              return tracks.of(JSON.parse(json), true).map((t) => Array.from({ length: 70 }, (_, f) => { const b = boxAt(t, f); return b ? [b.x, b.y, b.width, b.height, b.occluded ? 1 : 0] : null; }));
            }
            """,
            LabelJson.Write(new TracksValue(tracks)));
        for (var i = 0; i < tracks.Count; i++)
        {
            for (var frame = 0; frame < 70; frame++)
            {
                var (box, seen) = (TrackFrames.At(tracks[i], frame), told[i][frame]);
                Assert.Equal(box is null, seen.ValueKind == JsonValueKind.Null);
                if (box is null) continue;
                double[] expected = [box.X, box.Y, box.Width, box.Height, box.Occluded ? 1 : 0];
                for (var k = 0; k < 5; k++) Assert.Equal(expected[k], seen[k].GetDouble(), 9);
            }
        }
    }

    [Fact]
    public async Task Segments_BeginAndEndWhereTheFilmStands()
    {
        var (project, items, visitor, canvas) = await OpenAsync("Segments", "segments");
        await using var _ = visitor;
        var keys = canvas.Page.Keyboard;
        await keys.PressAsync("v");
        await canvas.FrameAsync(10);
        await keys.PressAsync("n");
        await keys.PressAsync("v");
        await keys.PressAsync("d");
        await canvas.FrameAsync(19);
        await keys.PressAsync("n");
        await canvas.HoldsAsync("""{"segments":[{"label":"car","start":0.4,"end":0.8}]}""");
        await keys.PressAsync("3");
        await keys.PressAsync("Shift+ArrowRight");
        await keys.PressAsync("Control+ArrowLeft");
        await canvas.HoldsAsync("""{"segments":[{"label":"dog","start":0.36,"end":0.84}]}""");
        await keys.PressAsync("Enter");
        await canvas.Review.ShowsOtherAsync(items[0], "decided");
        await canvas.Review.SavedAsync();
        Assert.Equal("""{"segments":[{"label":"dog","start":0.36,"end":0.84}]}""", (await browser.Api.ItemAsync(project, items[0]))!["label"]!.ToJsonString());
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task TenThousandFramesAndFiftyTracks_StayUsable_TheFrameRateIsTold()
    {
        var value = new JsonObject
        {
            ["tracks"] = new JsonArray([.. Enumerable.Range(0, 50).Select(t => (JsonNode)new JsonObject
            {
                ["id"] = $"t{t}",
                ["label"] = t % 2 == 0 ? "car" : "person",
                ["keyframes"] = new JsonArray([.. Enumerable.Range(0, 100).Select(k => (JsonNode)new JsonObject { ["frame"] = k * 100, ["x"] = (t + k) % 50, ["y"] = t % 30, ["width"] = 8, ["height"] = 6, ["outside"] = false })]),
            })]),
        };
        var (_, _, visitor, canvas) = await OpenAsync("Long", "tracks", value.ToJsonString());
        await using var __ = visitor;
        var figures = await canvas.Page.EvaluateAsync<double[]>(
            """
            async () => {
              const { view } = window.annotatorReview;
              const { film, picture: stage, filmBar, shapes } = view;
              // The numbers of a long film; its pictures are the browser's business.
              film.count = 10000;
              film.dispatchEvent(new Event("open"));
              const frame = () => new Promise(requestAnimationFrame);
              stage.frames.reset();
              const began = performance.now();
              for (let i = 0; i < 90; i++) {
                film.frame = i * 111;
                film.dispatchEvent(new Event("frame"));
                stage.pan(i % 10 < 5 ? 4 : -4, 0);
                await frame();
              }
              return [stage.frames.rate, stage.frames.slowest, shapes.parts.length, filmBar.timeline.element.clientHeight];
            }
            """);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"10,000 frames, 50 tracks, {figures[2]} in sight: {figures[0]:0.0} frames/s (p95 {figures[1]:0.0} ms)"));
        Assert.Equal(50, figures[2]);
        Assert.True(figures[0] > 5, "The page moves.");
    }

    private static string Tracks(string label, params (int Frame, int X, int Y, bool Outside)[] keyframes) =>
        LabelJson.Write(new TracksValue([new Track("t1", label, keyframes.Select(k => new Keyframe(k.Frame, k.X, k.Y, 10, 10, k.Outside)))]));

    private static Task<double> BrightnessAsync(IPage page) => page.EvaluateAsync<double>(
        """
        () => {
          const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
          const context = canvas.getContext("2d");
          context.drawImage(document.querySelector(".cv-medium video"), 0, 0);
          const { data } = context.getImageData(16, 12, 32, 24);
          let sum = 0;
          for (let i = 0; i < data.length; i += 4) sum += data[i + 1];
          return sum / (data.length / 4);
        }
        """);

    private async Task<(string Project, IReadOnlyList<string> Items, Visitor Visitor, CanvasDriver Canvas)> OpenAsync(string name, string task, string? proposal = null)
    {
        var film = await TestFilm.BrighteningAsync();
        var (project, items) = await CanvasScenes.ProjectAsync(browser, $"Film {name}", task, [($"{name}.mp4", film, proposal)], modality: "video");
        var visitor = await browser.SignedInAsync();
        return (project, items, visitor, await CanvasDriver.OpenAsync(visitor.Page, project));
    }
}
