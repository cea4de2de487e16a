using System.Globalization;
using System.Text;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Reads MOT (motchallenge.net): <c>gt/gt.txt</c> with a line for each box, <c>frame, id, left, top, width, height, not ignored, class, visibility</c>, and <c>gt/labels.txt</c> with the names of classes. Frames
/// are counted from 1 there and from 0 here; pixels stand as they are. Boxes of following frames become keyframes where that loses nothing.
/// </summary>
internal sealed class MotReader : IMediaFormatReader
{
    /// <inheritdoc/>
    public MediaAnnotations Read(MediaSource source, LabelSchema schema)
    {
        if (schema.Type != TaskType.Tracks) throw new FormatException($"MOT holds tracks, which are no labels of a task of type {Names.Of(schema.Type)}.");
        var annotations = new MediaAnnotations();
        var files = source.Names.Where(n => MediaFormats.Is(n, "gt.txt") || (source.Names.Count == 1 && n.EndsWith(".txt", StringComparison.OrdinalIgnoreCase))).ToList();
        if (files.Count == 0) throw new FormatException("There is no gt.txt.");
        var videos = source.Names.Where(MediaArchiveNames.IsVideo).ToList();
        foreach (var name in files)
        {
            // NAME/gt/gt.txt is of the video NAME; a single one of the only video.
            var parts = name.Split('/');
            var folder = parts.Length > 2 ? string.Join('/', parts[..^2]) : null;
            var file = videos.Count == 1 && files.Count == 1 ? videos[0] : folder ?? Path.GetFileNameWithoutExtension(name);
            var names = LabelsOf(source, name, schema);
            using var reader = new StreamReader(source.Open(name));
            var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            annotations.Items.Add(new MediaAnnotation(file, _ => TracksOf(lines, names, annotations.Losses), 1));
        }

        return annotations;
    }

    private static List<string> LabelsOf(MediaSource source, string gt, LabelSchema schema)
    {
        var beside = gt[..(gt.LastIndexOf('/') + 1)] + "labels.txt";
        if (!source.Names.Contains(beside, StringComparer.Ordinal)) return [.. schema.Labels.Select(l => l.Name)];
        using var reader = new StreamReader(source.Open(beside));
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
    }

    private static TracksValue TracksOf(string[] lines, List<string> names, FormatLosses losses)
    {
        var boxes = new Dictionary<(string Id, string Label), List<Keyframe>>();
        for (var i = 0; i < lines.Length; i++)
        {
            var cells = lines[i].Split(',', StringSplitOptions.TrimEntries);
            var numbers = new double[cells.Length];
            for (var c = 0; c < cells.Length; c++)
            {
                if (!double.TryParse(cells[c], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[c])) throw new FormatException($"line {i + 1}: \"{(cells[c].Length > 20 ? cells[c][..20] : cells[c])}\" is no number");
            }

            if (numbers.Length < 6 || numbers[0] < 1) throw new FormatException($"line {i + 1}: a frame from 1, an id and four numbers of a box are needed");
            if (numbers.Length > 6 && numbers[6] == 0)
            {
                losses.Count("boxes are marked to be ignored, and were left out");
                continue;
            }

            if (numbers.Length > 8 && numbers[8] is not (1 or -1)) losses.Count("boxes have a visibility, which is not kept");
            var index = numbers.Length > 7 && numbers[7] >= 1 ? (int)numbers[7] - 1 : 0;
            if (index >= names.Count) throw new FormatException($"line {i + 1}: there is no class {index + 1}");
            var key = (Id: cells[1], names[index]);
            if (!boxes.TryGetValue(key, out var of)) boxes[key] = of = [];
            of.Add(new Keyframe((int)numbers[0] - 1, numbers[2], numbers[3], numbers[4], numbers[5], false));
        }

        return new TracksValue(boxes.Select(b => TrackFrames.Compress(b.Key.Id, b.Key.Label, [.. b.Value.OrderBy(k => k.Frame).DistinctBy(k => k.Frame)])));
    }
}

/// <summary>Writes MOT: for each video a folder with <c>gt/gt.txt</c> and <c>gt/labels.txt</c>, a line for every frame in which an object is seen.</summary>
internal sealed class MotWriter(LabelSchema schema, Stream output, MediaOpener? open) : ZipExportWriter(output, open)
{
    private readonly StringBuilder _text = new();

    /// <inheritdoc/>
    protected override string ImagePath(string fileName) => fileName;

    /// <inheritdoc/>
    protected override void Add(ExportRow row, string fileName)
    {
        if (row.Label is null || LabelJson.Read(row.Label) is not TracksValue tracks)
        {
            Losses.Count("videos have no tracks, and no file");
            return;
        }

        var numbered = tracks.Tracks.All(t => int.TryParse(t.Id, CultureInfo.InvariantCulture, out _)) && tracks.Tracks.Select(t => t.Id).Distinct(StringComparer.Ordinal).Count() == tracks.Tracks.Count;
        Losses.Count("tracks have names in place of numbers, and were numbered", numbered ? 0 : tracks.Tracks.Count);
        // Of a job of a long film the frames after it are another job's.
        var frames = FilmRange.Of(row.Metadata).End ?? MediaMetadata.Number(row.Metadata, "frames");
        var lines = new List<(int Frame, int Track, string Text)>();
        for (var t = 0; t < tracks.Tracks.Count; t++)
        {
            var track = tracks.Tracks[t];
            var id = numbered ? track.Id : (t + 1).ToString(CultureInfo.InvariantCulture);
            var last = track.Keyframes[^1];
            if (frames is null && !last.Outside) Losses.Count("tracks are seen after their last keyframe; how long the video is, is not known");
            var end = !last.Outside && frames is { } known ? Math.Max(last.Frame, (int)known - 1) : last.Frame;
            for (var frame = track.Keyframes[0].Frame; frame <= end; frame++)
            {
                if (TrackFrames.At(track, frame) is not { } box) continue;
                lines.Add((frame, t, string.Create(CultureInfo.InvariantCulture, $"{frame + 1},{id},{Text(box.X)},{Text(box.Y)},{Text(box.Width)},{Text(box.Height)},1,{schema.IndexOf(track.Label) + 1},1\n")));
            }
        }

        _text.Clear();
        foreach (var (_, _, line) in lines.OrderBy(l => l.Frame).ThenBy(l => l.Track)) _text.Append(line);
        Entry($"{Stem(fileName)}/gt/gt.txt", _text.ToString());
        Entry($"{Stem(fileName)}/gt/labels.txt", string.Concat(schema.Labels.Select(l => l.Name + "\n")));
    }

    private static string Text(double value) => Math.Round(value, 6).ToString("0.######", CultureInfo.InvariantCulture);
}
