using Annotator.Core.Edge;
using Annotator.Edge.Annotating;
using Annotator.Edge.Models;

namespace Annotator.Edge.Sources;

/// <summary>
/// Files of a folder: each <c>.txt</c> is an item, each line of a <c>.jsonl</c> too, and each picture where the model takes pictures. What is done is
/// moved to <c>done/</c>, with its labels beside it; what cannot be read to <c>failed/</c>, with the reason. A file is moved after its labels are on the disk, so that a kill between
/// has it looked at again, and counted once.
/// </summary>
internal sealed class FolderSource(AnnotationLoop loop, ModelShelf models, string folder, TimeProvider time)
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(500);
    private static readonly string[] s_pictures = [".jpg", ".jpeg", ".png", ".webp", ".bmp"];

    private readonly Dictionary<string, (long Length, DateTime Written)> _before = new(StringComparer.Ordinal);

    /// <summary>Watches the folder until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        while (!cancellationToken.IsCancellationRequested)
        {
            foreach (var file in Settled())
            {
                cancellationToken.ThrowIfCancellationRequested();
                await TakeAsync(file, cancellationToken);
            }

            await Task.Delay(s_look, time, cancellationToken);
        }
    }

    // A file that is still being written grows, or was written a moment ago: it is taken once two looks see the same.
    private List<FileInfo> Settled()
    {
        var settled = new List<FileInfo>();
        var now = new Dictionary<string, (long, DateTime)>(StringComparer.Ordinal);
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles().Where(f => f.Name[0] != '.' && IsTaken(f)).OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            var look = (file.Length, file.LastWriteTimeUtc);
            now[file.Name] = look;
            if (_before.TryGetValue(file.Name, out var before) && before == look) settled.Add(file);
        }

        _before.Clear();
        foreach (var (name, look) in now) _before[name] = look;
        return settled;
    }

    private static bool IsTaken(FileInfo file) => file.Extension.ToLowerInvariant() is ".txt" or ".jsonl" || IsPicture(file);

    private static bool IsPicture(FileInfo file) => s_pictures.Contains(file.Extension.ToLowerInvariant());

    private async Task TakeAsync(FileInfo file, CancellationToken cancellationToken)
    {
        var labels = Path.Combine(folder, "." + file.Name + ".labels.part");
        try
        {
            await using (var output = new StreamWriter(labels))
            {
                if (IsPicture(file)) await output.WriteLineAsync(await PictureAsync(file, cancellationToken));
                else if (string.Equals(file.Extension, ".jsonl", StringComparison.OrdinalIgnoreCase)) await LinesAsync(file, output, cancellationToken);
                else await output.WriteLineAsync(await TextAsync(file, cancellationToken));
            }

            Move(file, "done", labels);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ItemFailedException or InvalidDataException)
        {
            EdgeLog.Warn($"{file.Name} could not be labelled: {e.Message}");
            await File.WriteAllTextAsync(labels, e.Message + Environment.NewLine, cancellationToken);
            Move(file, "failed", labels);
        }
    }

    private async Task LinesAsync(FileInfo file, StreamWriter output, CancellationToken cancellationToken)
    {
        using var input = new StreamReader(file.FullName);
        await new JsonlSource(loop).RunAsync(input, output, cancellationToken);
    }

    private async Task<string> TextAsync(FileInfo file, CancellationToken cancellationToken)
    {
        if (file.Length > 4L * EdgeLimits.MostTextLength) throw new InvalidDataException($"The file is longer than {EdgeLimits.MostTextLength} characters.");
        var text = await File.ReadAllTextAsync(file.FullName, cancellationToken);
        if (string.IsNullOrWhiteSpace(text)) throw new InvalidDataException("The file is empty.");
        if (text.Length > EdgeLimits.MostTextLength) throw new InvalidDataException($"The file is longer than {EdgeLimits.MostTextLength} characters.");
        return JsonlSource.Line(await loop.AnnotateAsync(new EdgeItem(KeyOf(file), text), cancellationToken));
    }

    private async Task<string> PictureAsync(FileInfo file, CancellationToken cancellationToken)
    {
        await models.WaitAsync(cancellationToken);
        var (width, height) = models.FrameSize ?? throw new InvalidDataException("The model in service does not take pictures.");
        await foreach (var frame in FfmpegFrames.ReadAsync(file.FullName, null, width, height, cancellationToken))
            return JsonlSource.Line(await loop.AnnotateAsync(new EdgeItem(KeyOf(file), null, frame, (pixels, cancel) => FfmpegFrames.PictureAsync(file.FullName, pixels, cancel)), cancellationToken));
        throw new InvalidDataException("There is no picture in the file.");
    }

    // Another file of the same name is another item.
    private static string KeyOf(FileInfo file)
    {
        var name = $"{file.Name}:{EdgeText.Of(file.Length)}:{EdgeText.Of(file.LastWriteTimeUtc.Ticks)}";
        return name.Length <= EdgeLimits.MostKeyLength ? name : JsonlSource.KeyOf(name);
    }

    private void Move(FileInfo file, string to, string labels)
    {
        var target = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, to)).FullName, file.Name);
        File.Move(labels, target + (to is "done" ? ".labels.jsonl" : ".reason.txt"), overwrite: true);
        File.Move(file.FullName, target, overwrite: true);
    }
}
