using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Benchmarks.Student;
using Annotator.Core.Labels;
using Annotator.Core.Models;
using Annotator.Core.Quality.Detection;

namespace Annotator.Benchmarks.Images;

/// <summary>mAP at overlap 0.5 of the detectors of shared data on coco128, through the product's own preparation, decoding and suppression; of those that find faces only how many: <c>detector</c>.</summary>
internal static class DetectorBenchmark
{
    public static Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var folder = Path.Combine(LabelledTexts.Folder, "coco128");
        var models = Path.Combine(LabelledTexts.Folder, "onnx-models");
        var labels = File.ReadAllLines(Path.Combine(models, "coco80.txt"));
        var truth = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "boxes.json")))!;
        var images = truth["images"]!.AsArray();
        var byImage = truth["annotations"]!.AsArray().ToLookup(a => a!["image_id"]!.GetValue<long>(), a => new Box(
            labels[a!["category_id"]!.GetValue<int>()], a["bbox"]![0]!.GetValue<double>(), a["bbox"]![1]!.GetValue<double>(), a["bbox"]![2]!.GetValue<double>(), a["bbox"]![3]!.GetValue<double>()));
        var boxes = images.Select(i => (IReadOnlyList<Box>)[.. byImage[i!["id"]!.GetValue<long>()]]).ToList();
        var files = images.Select(i => File.ReadAllBytes(Path.Combine(folder, i!["file_name"]!.GetValue<string>()))).ToList();
        Console.WriteLine("| model | layout | images | boxes | mAP50 | found at 0.3 | precision at 0.3 | recall at 0.3 | ms an image |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var (name, spec) in ((string, ModelSpec)[])
        [
            ("yolox_nano", new ModelSpec { Labels = labels, Bgr = true, Divisor = 1 }),
            ("fastestdet", new ModelSpec { Labels = labels, Bgr = true, Letterbox = false }),
            ("ultraface_rfb_320", new ModelSpec { Labels = ["face"], Divisor = 128, Mean = [0.9921875], Letterbox = false, Threshold = 0.7 }),
            ("yunet_n_320", new ModelSpec { Labels = ["face"], Bgr = true, Divisor = 1, Threshold = 0.6 }),
        ]) Measure(name, spec, Path.Combine(models, name + ".onnx"), files, boxes);
        return Task.FromResult(0);
    }

    private static void Measure(string name, ModelSpec spec, string file, List<byte[]> images, List<IReadOnlyList<Box>> boxes)
    {
        using var session = VisionSession.Open(File.ReadAllBytes(file), spec);
        var clock = Stopwatch.StartNew();
        var found = images.SelectMany((image, i) => session.Detect(image, 0.001).Select(d => new ScoredBox(i, d.Box, d.Score))).ToList();
        var time = clock.Elapsed.TotalMilliseconds / images.Count;
        var sure = found.Where(f => f.Score >= 0.3).ToList();
        if (spec.Labels.Count == 1)
        {
            Console.WriteLine($"| {name} | {session.Spec.Layout} | {images.Count} | - | - | {found.Count(f => f.Score >= spec.Threshold)} (at {spec.Threshold}) | - | - | {time:F0} |");
            return;
        }

        var figures = AveragePrecision.Compute(boxes, found);
        var hits = images.Select((_, i) => ShapeMatching.Match(new BoxesValue(sure.Where(f => f.Image == i).OrderByDescending(f => f.Score).Select(f => f.Box)), new BoxesValue(boxes[i]))!.Pairs.Count).Sum();
        Console.WriteLine($"| {name} | {session.Spec.Layout} | {images.Count} | {boxes.Sum(b => b.Count)} | {figures.MeanAveragePrecision:F3} | {sure.Count} | {(double)hits / Math.Max(1, sure.Count):F3} | {(double)hits / boxes.Sum(b => b.Count):F3} | {time:F0} |");
    }
}
