using System.IO.Compression;
using Annotator.Core.Formats;
using Annotator.Core.Formats.Media;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using CsCheck;

namespace Annotator.Tests.Formats;

/// <summary>What goes out in a format comes back the same: pixels, frames, checked images without objects.</summary>
public class MediaFormatTests
{
    private static readonly string[] s_labels = ["car", "person, or rider", "<b>가나 & \"x\"</b>"];
    private static readonly Gen<string> s_label = Gen.OneOfConst(s_labels);

    // Pixels with up to two decimals, as people and models draw them.
    private static readonly Gen<double> s_pixel = Gen.Int[0, 40_000].Select(i => i / 100.0);
    private static readonly Gen<double> s_length = Gen.Int[1, 40_000].Select(i => i / 100.0);

    private static readonly Gen<LabelValue> s_boxes = Gen.Select(s_label, s_pixel, s_pixel, s_length, s_length, (l, x, y, w, h) => new Box(l, x, y, w, h)).Array[0, 6].Select(b => (LabelValue)new BoxesValue(b));

    private static readonly Gen<LabelValue> s_polygons = Gen.Select(s_label, Gen.Select(s_pixel, s_pixel).Array[3, 8], (l, p) => new Polygon(l, p)).Array[0, 4].Select(p => (LabelValue)new PolygonsValue(p));

    private static readonly Gen<LabelValue> s_classes = s_label.Select(l => (LabelValue)new ChoiceValue(l));

    private static readonly Gen<LabelValue> s_tracks = Gen.Select(
            s_label, Gen.Int[0, 60].ArrayUnique[1, 6], Gen.Select(s_pixel, s_pixel, s_length, s_length, Gen.Bool).Array[6],
            (label, frames, boxes) => (label, keyframes: frames.Order().Select((f, i) => new Keyframe(f, boxes[i].Item1, boxes[i].Item2, boxes[i].Item3, boxes[i].Item4, i > 0 && boxes[i].Item5, i % 3 == 1)).ToArray()))
        .Array[0, 4].Select(tracks => (LabelValue)new TracksValue(tracks.Select((t, i) => new Track($"{i + 1}", t.label, t.keyframes))));

    [Theory]
    [InlineData("coco", TaskType.Boxes)]
    [InlineData("coco", TaskType.Polygons)]
    [InlineData("yolo", TaskType.Boxes)]
    [InlineData("yolo", TaskType.Polygons)]
    [InlineData("voc", TaskType.Boxes)]
    [InlineData("cvat", TaskType.Boxes)]
    [InlineData("cvat", TaskType.Polygons)]
    [InlineData("cvat", TaskType.Tracks)]
    [InlineData("label-studio", TaskType.Boxes)]
    [InlineData("label-studio", TaskType.Polygons)]
    [InlineData("coco", TaskType.Classification)]
    [InlineData("cvat", TaskType.Classification)]
    [InlineData("label-studio", TaskType.Classification)]
    [InlineData("image-folder", TaskType.Classification)]
    public void A_round_trip_loses_nothing(string format, TaskType type)
    {
        var values = type switch { TaskType.Boxes => s_boxes, TaskType.Polygons => s_polygons, TaskType.Classification => s_classes, _ => s_tracks };
        values.Array[1, 4].Sample(labels =>
        {
            var (read, losses) = RoundTrip(format, type, labels);
            Assert.Empty(losses);
            for (var i = 0; i < labels.Length; i++) AssertNear(labels[i], read[i]!);
        }, iter: 60);
    }

    [Theory]
    [InlineData("mot")]
    [InlineData("label-studio")]
    public void Frames_are_those_of_the_tracks(string format)
    {
        s_tracks.Sample(value =>
        {
            var (read, _) = RoundTrip(format, TaskType.Tracks, [value]);
            foreach (var track in ((TracksValue)value).Tracks)
            {
                var back = ((TracksValue?)read[0])?.Tracks.FirstOrDefault(t => t.Id == track.Id);
                for (var frame = 0; frame <= track.Keyframes[^1].Frame; frame++)
                {
                    var (before, after) = (TrackFrames.At(track, frame), back is null ? null : TrackFrames.At(back, frame));
                    Assert.Equal(before is null, after is null);
                    if (before is not null) Assert.True(Math.Abs(before.X - after!.X) + Math.Abs(before.Height - after.Height) < 0.01, $"{frame}: {before} {after}");
                }
            }
        }, iter: 100);
    }

    [Fact]
    public void What_a_format_cannot_hold_is_said()
    {
        var polygon = new PolygonsValue([new Polygon("car", [(0, 0), (10, 0), (10, 10)])]);
        var (_, losses) = RoundTrip("voc", TaskType.Polygons, [polygon]);
        Assert.Contains(losses, l => l.Contains("rectangles around them", StringComparison.Ordinal));
    }

    [Fact]
    public void Yolo_is_read_as_its_tools_write_it()
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["set/data.yaml"] = "path: ../set\ntrain: images/train\nnames: [cat, 'dog']\n",
            ["set/images/train/a.jpg"] = "",
            ["set/images/train/b.jpg"] = "",
            ["set/images/train/c.jpg"] = "",
            ["set/labels/train/a.txt"] = "1 0.5 0.5 0.25 0.5\r\n",
            ["set/labels/train/b.txt"] = "",
            ["set/README.txt"] = "hello",
        };
        var read = Read("yolo", files, TaskType.Boxes);
        var lookup = new AnnotationLookup(read.Items);
        Assert.Equal(new BoxesValue([new Box("dog", 75, 50, 50, 100)]), lookup.Find("set/images/train/a.jpg")!.Value(new ImageSize(200, 200)));
        Assert.Equal(new BoxesValue([]), lookup.Find("set/images/train/b.jpg")!.Value(new ImageSize(200, 200)));
        Assert.Null(lookup.Find("set/images/train/c.jpg"));
        Assert.Throws<FormatException>(() => lookup.Find("set/images/train/a.jpg")!.Value(null));
    }

    [Fact]
    public void Voc_is_read_without_a_shift()
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Annotations/a.xml"] = "<annotation><filename>a.jpg</filename><size><width>50</width><height>40</height></size><object><name>cat</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11.5</xmax><ymax>22</ymax></bndbox></object></annotation>",
            ["Annotations/evil.xml"] = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><annotation>&x;</annotation>",
        };
        var read = Read("voc", files, TaskType.Boxes);
        Assert.Equal(new BoxesValue([new Box("cat", 1, 2, 10.5, 20)]), read.Items.Single().Value(null));
        Assert.Single(read.Rejected);
        Assert.Single(read.Losses.Lines);
    }

    [Fact]
    public void A_rotated_box_of_cvat_turns_about_its_centre()
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["annotations.xml"] = "<annotations><image id=\"0\" name=\"a.jpg\" width=\"100\" height=\"100\"><box label=\"cat\" xtl=\"40\" ytl=\"45\" xbr=\"60\" ybr=\"55\" rotation=\"90\"/></image></annotations>",
        };
        var box = ((BoxesValue)Read("cvat", files, TaskType.Boxes).Items.Single().Value(null)!).Boxes.Single();
        Assert.Equal((45, 40, 10, 20), ((int)Math.Round(box.X), (int)Math.Round(box.Y), (int)Math.Round(box.Width), (int)Math.Round(box.Height)));
    }

    [Fact]
    public void Interpolated_rows_of_cvat_are_no_keyframes()
    {
        const string Row = "<box frame=\"{0}\" outside=\"{1}\" keyframe=\"{2}\" xtl=\"{0}\" ytl=\"0\" xbr=\"20\" ybr=\"10\"/>";
        var rows = string.Concat(new[] { (0, 0, 1), (1, 0, 0), (2, 0, 0), (3, 1, 1) }.Select(r => string.Format(System.Globalization.CultureInfo.InvariantCulture, Row, r.Item1, r.Item2, r.Item3)));
        var files = new Dictionary<string, string>(StringComparer.Ordinal) { ["annotations.xml"] = $"<annotations><meta><source>film.mp4</source></meta><track id=\"4\" label=\"cat\">{rows}</track></annotations>" };
        var item = Read("cvat", files, TaskType.Tracks).Items.Single();
        Assert.Equal("film.mp4", item.FileName);
        var track = ((TracksValue)item.Value(null)!).Tracks.Single();
        Assert.Equal([0, 3], track.Keyframes.Select(k => k.Frame));
        Assert.True(track.Keyframes[1].Outside);
    }

    private static (LabelValue?[] Values, IReadOnlyList<string> Losses) RoundTrip(string format, TaskType type, IReadOnlyList<LabelValue> labels)
    {
        var schema = Schema(type);
        using var memory = new MemoryStream();
        var video = type == TaskType.Tracks;
        IExportWriter writer = format switch
        {
            "label-studio" => new LabelStudioMediaWriter(memory, video),
            "coco" => new CocoWriter(schema, memory, null),
            "yolo" => new YoloWriter(schema, memory, null),
            "voc" => new VocWriter(schema, memory, null),
            "mot" => new MotWriter(schema, memory, null),
            "image-folder" => new FolderWriter(memory, (_, _) => Task.FromResult<Stream?>(new MemoryStream([1]))),
            _ => new CvatWriter(schema, "p", video, memory, null),
        };
        for (var i = 0; i < labels.Count; i++)
        {
            var row = new ExportRow
            {
                Id = $"{i}", Key = video ? $"dir/v{i}.mp4" : $"dir/i{i}.png", Url = "https://example.org/x.png", Label = LabelJson.Write(labels[i]), Annotators = [], Metadata = "{\"width\":417,\"height\":301}",
            };
            writer.WriteAsync(row, TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult();
        }

        writer.DisposeAsync().AsTask().GetAwaiter().GetResult();
        memory.Position = 0;
        if (format is "label-studio")
        {
            var tasks = new MediaSource(["tasks.json"], _ => new MemoryStream(memory.ToArray()));
            var all = MediaFormats.Reader("zip", tasks).Read(tasks, schema);
            Assert.Empty(all.Rejected);
            return ([.. all.Items.Select(a => a.Value(null))], all.Losses.Lines);
        }

        using var zip = new ZipArchive(memory);
        var source = new MediaSource([.. zip.Entries.Select(e => e.FullName)], name => new MemoryStream(Bytes(zip.GetEntry(name)!)));
        var read = MediaFormats.Reader("zip", source).Read(source, schema);
        Assert.Empty(read.Rejected);
        var lookup = new AnnotationLookup(read.Items);
        var values = labels.Select((_, i) => lookup.Find(video ? $"dir/v{i}.mp4" : $"dir/i{i}.png")?.Value(new ImageSize(417, 301))).ToArray();
        var report = zip.GetEntry(ZipExportWriter.ReportName);
        return (values, [.. read.Losses.Lines, .. report is null ? [] : System.Text.Encoding.UTF8.GetString(Bytes(report)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)]);
    }

    private static MediaAnnotations Read(string format, Dictionary<string, string> files, TaskType type)
    {
        var source = new MediaSource([.. files.Keys], name => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(files[name])));
        Assert.Equal(MediaFormats.Reader(format, source).GetType(), MediaFormats.Reader("zip", source).GetType());
        return MediaFormats.Reader(format, source).Read(source, Schema(type));
    }

    private static LabelSchema Schema(TaskType type) => new(type, false, [.. s_labels.Select(l => new LabelDefinition(l, Color: "#2563eb")), new LabelDefinition("cat"), new LabelDefinition("dog")]);

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using var memory = new MemoryStream();
        using var stream = entry.Open();
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    private static void AssertNear(LabelValue expected, LabelValue actual)
    {
        static double[] Numbers(LabelValue value) => value switch
        {
            BoxesValue boxes => [.. boxes.Boxes.SelectMany(b => new[] { b.X, b.Y, b.Width, b.Height })],
            PolygonsValue polygons => [.. polygons.Polygons.SelectMany(p => p.Points.SelectMany(c => new[] { c.X, c.Y }))],
            TracksValue tracks => [.. tracks.Tracks.SelectMany(t => t.Keyframes.SelectMany(k => new[] { k.Frame, k.X, k.Y, k.Width, k.Height, k.Outside ? 1 : 0, k.Occluded ? 1 : 0 }))],
            _ => [],
        };
        Assert.Equal(expected.GetType(), actual.GetType());
        Assert.Equal(expected.LabelNames, actual.LabelNames);
        var (a, b) = (Numbers(expected), Numbers(actual));
        Assert.Equal(a.Length, b.Length);
        for (var i = 0; i < a.Length; i++) Assert.True(Math.Abs(a[i] - b[i]) < 1e-4, $"{a[i]} came back as {b[i]}");
    }
}
