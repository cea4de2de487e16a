using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Benchmarks.Edge;
using Annotator.Benchmarks.Load;
using Annotator.Core.Media;
using Annotator.Core.Models;
using Annotator.Tests.Learning;
using Annotator.Tests.Support;
using Microsoft.ML.OnnxRuntime;

namespace Annotator.Benchmarks.Images;

/// <summary>
/// A network of the shape of ResNet-18 (random weights), one frame of 3 x 224 x 224 at a time: by ONNX Runtime called bare and through the product, in turn; then frames of a film sent to the real server as a
/// source of so many a second, each kept as an item, until it is answered and until its pre-label stands on a person's open page. <c>frames [FRAMES] [PER SECOND]</c>.
/// </summary>
internal static class FramesBenchmark
{
    private const int Side = 224;

    public static async Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var (count, rate) = (LoadHost.Number(args, 0, 200), LoadHost.Number(args, 1, 10));
        var file = EdgeFrames.ResNet18();
        var labels = Enumerable.Range(0, 1_000).Select(i => $"c{i}").ToList();
        Bare(file, labels);
        await using var host = await LoadHost.StartAsync(args);
        await StreamAsync(host, file, labels, await FilmAsync(count), rate);
        return 0;
    }

    private static void Bare(byte[] file, List<string> labels)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
        using var bare = new InferenceSession(file, options);
        using var product = VisionSession.Open(file, new ModelSpec { Kind = ModelKind.Classifier, Labels = labels, Mean = [0.485, 0.456, 0.406], Deviation = [0.229, 0.224, 0.225] });
        var pixels = new byte[Side * Side * 3];
        new Random(1).NextBytes(pixels);
        var tensor = Array.ConvertAll(pixels, p => (p / 255f - 0.45f) / 0.225f);
        using var run = new RunOptions();
        var (plain, own) = (new List<double>(), new List<double>());
        for (var i = 0; i < 220; i++)
        {
            var clock = Stopwatch.StartNew();
            using (var input = OrtValue.CreateTensorValueFromMemory(tensor, [1, 3, Side, Side]))
            using (var outputs = bare.Run(run, ["image"], [input], ["logits"])) _ = outputs[0].GetTensorDataAsSpan<float>()[0];
            var first = clock.Elapsed.TotalMilliseconds;
            clock.Restart();
            _ = product.ClassifyPixels(pixels);
            if (i < 20) continue;
            plain.Add(first);
            own.Add(clock.Elapsed.TotalMilliseconds);
        }

        plain.Sort();
        own.Sort();
        Console.WriteLine($"ResNet-18, one frame, one thread, 200 frames: bare p50 {plain[100]:0.0} p95 {plain[190]:0.0} ms; through the product p50 {own[100]:0.0} p95 {own[190]:0.0} ms; ratio {own[100] / plain[100]:0.000}");
    }

    private static async Task StreamAsync(LoadHost host, byte[] file, List<string> labels, List<byte[]> frames, int rate)
    {
        using var http = new HttpClient { BaseAddress = host.Server.Address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ProcessHost.Token);
        var spec = JsonSerializer.Serialize(new { kind = "classifier", labels, mean = new[] { 0.485, 0.456, 0.406 }, deviation = new[] { 0.229, 0.224, 0.225 } });
        using var form = new MultipartFormDataContent { { new StringContent("ResNet-18"), "name" }, { new StringContent(spec), "spec" }, { new ByteArrayContent(file), "file", "resnet18.onnx" } };
        var model = await ReadAsync(await http.PostAsync("/api/v1/models", form));
        var settings = new { autoAccept = false, groupDuplicates = false, vision = new { model = (string)model["id"]!, frames = new { doubt = 0, perMinute = 6_000, gapSeconds = 0, buffer = 4 } } };
        var made = await host.Server.PostAsync("/api/v1/projects", new { name = "Frames", modality = "image", task = new { type = "classification", labels = labels.Select(l => new { name = l }) }, settings });
        var project = (string)made!["id"]!;
        await using var page = await OpenPage.OpenAsync(host.Server.Address, project);
        var answered = new Latencies();
        var (dropped, failed) = (0, 0);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / rate));
        var sent = new List<Task>();
        for (var n = 0; n < frames.Count; n++)
        {
            await timer.WaitForNextTickAsync();
            sent.Add(SendAsync(n));
        }

        await Task.WhenAll(sent);
        Console.WriteLine($"{frames.Count} frames of {frames.Average(f => f.Length) / 1e3:0} kB, {rate} a second, each kept as an item; {dropped} dropped, {failed} refused");
        Console.WriteLine($"  frame sent to its answer      {answered}");
        if (page is not null) Console.WriteLine($"  frame sent to the open page   {await page.SeenAsync()}");

        async Task SendAsync(int n)
        {
            var (at, clock) = (TimeProvider.System.GetUtcNow(), Stopwatch.StartNew());
            using var body = new ByteArrayContent(frames[n]);
            var answer = await ReadAsync(await http.PostAsync($"/api/v1/projects/{project}/sources/camera/frames?number={n}", body));
            lock (answered)
            {
                if (answer["dropped"]!.GetValue<bool>()) dropped++;
                else if (answer["key"] is not { } key) failed++;
                else if (n >= frames.Count / 10)
                {
                    // The first tenth warms up.
                    answered.Add(clock.Elapsed);
                    page?.Sent((string)key!, at);
                }
            }
        }
    }

    private static async Task<List<byte[]>> FilmAsync(int count)
    {
        var path = SharedData.Locate("video/bottle-detection.mp4");
        var frames = new List<byte[]>();
        if (File.Exists(path))
        {
            var size = await VideoDecoder.SizeAsync(path);
            var (width, height) = (640, 640 * size.Height / size.Width);
            await foreach (var frame in VideoDecoder.FramesAsync(path, width, height, 1))
            {
                frames.Add(ImageFiles.ToJpeg(frame.Pixels, width, height));
                if (frames.Count == count) break;
            }
        }

        var random = new Random(2);
        while (frames.Count < count)
        {
            var pixels = new byte[640 * 360 * 3];
            random.NextBytes(pixels);
            frames.Add(ImageFiles.ToJpeg(pixels, 640, 360));
        }

        return frames;
    }

    private static async Task<JsonNode> ReadAsync(HttpResponseMessage response)
    {
        using (response)
        {
            var text = await response.Content.ReadAsStringAsync();
            return response.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new InvalidOperationException($"{(int)response.StatusCode} {text}");
        }
    }
}
