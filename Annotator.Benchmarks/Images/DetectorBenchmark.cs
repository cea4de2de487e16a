using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Benchmarks.Student;
using Annotator.Core.Labels;
using Annotator.Core.Models;
using Annotator.Core.Quality.Detection;

namespace Annotator.Benchmarks.Images;

/// <summary>mAP at overlap 0.5 of YOLOX-nano on coco128, through the product's own preparation, decoding and suppression: <c>detector [model=yolox_nano.onnx]</c>.</summary>
internal static class DetectorBenchmark
{
    public static Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var folder = Path.Combine(LabelledTexts.Folder, "coco128");
        var models = Path.Combine(LabelledTexts.Folder, "onnx-models");
        var labels = File.ReadAllLines(Path.Combine(models, "coco80.txt"));
        using var session = VisionSession.Open(File.ReadAllBytes(Path.Combine(models, "yolox_nano.onnx")), new ModelSpec { Labels = labels, Bgr = true, Divisor = 1 });
        var truth = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "boxes.json")))!;
        var images = truth["images"]!.AsArray();
        var byImage = truth["annotations"]!.AsArray().ToLookup(a => a!["image_id"]!.GetValue<long>(), a => new Box(
            labels[a!["category_id"]!.GetValue<int>()], a["bbox"]![0]!.GetValue<double>(), a["bbox"]![1]!.GetValue<double>(), a["bbox"]![2]!.GetValue<double>(), a["bbox"]![3]!.GetValue<double>()));
        var boxes = images.Select(i => (IReadOnlyList<Box>)[.. byImage[i!["id"]!.GetValue<long>()]]).ToList();
        var clock = Stopwatch.StartNew();
        var found = images.SelectMany((image, i) => session.Detect(File.ReadAllBytes(Path.Combine(folder, image!["file_name"]!.GetValue<string>())), 0.001).Select(d => new ScoredBox(i, d.Box, d.Score))).ToList();
        var time = clock.Elapsed.TotalMilliseconds / images.Count;
        var figures = AveragePrecision.Compute(boxes, found);
        var sure = found.Where(f => f.Score >= 0.3).ToList();
        var hits = images.Select((_, i) => ShapeMatching.Match(new BoxesValue(sure.Where(f => f.Image == i).OrderByDescending(f => f.Score).Select(f => f.Box)), new BoxesValue(boxes[i]))!.Pairs.Count).Sum();
        Console.WriteLine("| images | boxes | mAP50 | precision at 0.3 | recall at 0.3 | ms an image |");
        Console.WriteLine("|---|---|---|---|---|---|");
        Console.WriteLine($"| {images.Count} | {boxes.Sum(b => b.Count)} | {figures.MeanAveragePrecision:F3} | {(double)hits / sure.Count:F3} | {(double)hits / boxes.Sum(b => b.Count):F3} | {time:F0} |");
        return Task.FromResult(0);
    }
}
