using Annotator.Core.Formats;
using Annotator.Core.Formats.Media;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;

namespace Annotator.Core.Export;

/// <summary>A format that exports are written in.</summary>
/// <param name="Name">Its name in the API, and the ending of its files.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Open">Opens a writer over a stream, which stays open.</param>
/// <param name="Fits">Whether the format can say what a project's labels say; null: it says all.</param>
public sealed record ExportFormat(string Name, string ContentType, Func<Project, ExportRequest, Stream, IExportWriter> Open, Func<Project, bool>? Fits = null)
{
    /// <summary>The ending of its files.</summary>
    public string Extension { get; init; } = Name;

    /// <summary>Whether the images or videos themselves may stand beside the annotations.</summary>
    public bool HoldsMedia { get; init; }
}

/// <summary>The formats that exports are written in. A new one is a line here.</summary>
public static class ExportFormats
{
    private static readonly List<ExportFormat> s_all =
    [
        new("jsonl", "application/x-ndjson", (_, _, output) => new JsonlExportWriter(output, leaveOpen: true)),
        new("csv", "text/csv; charset=utf-8", (project, request, output) =>
            new CsvExportWriter(output, urls: project.Modality != Modality.Text, spreadsheetSafe: request.SpreadsheetSafe, leaveOpen: true)),
        new("parquet", "application/vnd.apache.parquet", (project, _, output) => new ParquetExportWriter(output, urls: project.Modality != Modality.Text, leaveOpen: true)),
        new(
            "label-studio", "application/json",
            (project, _, output) => project.Modality == Modality.Text ? new LabelStudioWriter(output, leaveOpen: true) : new LabelStudioMediaWriter(output, project.Modality == Modality.Video),
            project => project.Schema.Type != TaskType.Segments) { Extension = "json" },
        Archive("coco", (project, request, output) => new CocoWriter(project.Schema, output, request.OpenMedia), project => project.Modality == Modality.Image),
        Archive("yolo", (project, request, output) => new YoloWriter(project.Schema, output, request.OpenMedia), project => project.Modality == Modality.Image),
        Archive("voc", (project, request, output) => new VocWriter(project.Schema, output, request.OpenMedia), project => project is { Modality: Modality.Image, Schema.Type: TaskType.Boxes or TaskType.Polygons }),
        Archive("cvat", (project, request, output) => new CvatWriter(project.Schema, project.Name, project.Modality == Modality.Video, output, request.OpenMedia), project => project.Modality == Modality.Image || project is { Modality: Modality.Video, Schema.Type: TaskType.Tracks }),
        Archive("mot", (project, request, output) => new MotWriter(project.Schema, output, request.OpenMedia), project => project is { Modality: Modality.Video, Schema.Type: TaskType.Tracks }),
        Archive(MediaFormats.Folders, (project, request, output) => new FolderWriter(output, request.OpenMedia), project => project is { Modality: Modality.Image, Schema.Type: TaskType.Classification }),
    ];

    private static ExportFormat Archive(string name, Func<Project, ExportRequest, Stream, IExportWriter> open, Func<Project, bool> fits) => new(name, "application/zip", open, fits) { Extension = "zip", HoldsMedia = true };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ExportFormat> All => s_all;

    /// <summary>Their names.</summary>
    public static string Names => string.Join(", ", s_all.Select(f => f.Name));

    /// <summary>The format of a name; null where there is none.</summary>
    public static ExportFormat? Find(string name) => s_all.Find(f => string.Equals(f.Name, name, StringComparison.OrdinalIgnoreCase));
}

/// <summary>What an export holds.</summary>
/// <param name="Format">One of <see cref="ExportFormats"/>.</param>
/// <param name="All">All items, not only those with their label.</param>
/// <param name="SpreadsheetSafe">For CSV: cells that a spreadsheet would run as a formula are made harmless.</param>
public sealed record ExportRequest(ExportFormat Format, bool All, bool SpreadsheetSafe)
{
    /// <summary>Whether the images or videos themselves are wanted.</summary>
    public bool Media { get; init; }

    /// <summary>Says labels in the words of an older version of the schema; null: as they are now.</summary>
    public Projects.Evolution.LabelHistory? History { get; init; }

    /// <summary>Opens them; set by the export where they are wanted.</summary>
    public MediaOpener? OpenMedia { get; init; }

    /// <summary>Makes addresses of kept images and videos that work without a session; null: items keep their own.</summary>
    public Func<string?, string?>? SignUrl { get; init; }

    /// <summary>Reads a request as the API and runs write it.</summary>
    /// <param name="project">The project.</param>
    /// <param name="format">Name of the format; null: <c>jsonl</c>.</param>
    /// <param name="state"><c>final</c> (also for null) or <c>all</c>.</param>
    /// <param name="spreadsheetSafe">Whether cells are made harmless.</param>
    /// <param name="media">Whether the images or videos themselves are wanted.</param>
    public static Outcome<ExportRequest> Read(Project project, string? format, string? state, bool spreadsheetSafe, bool media = false)
    {
        var found = ExportFormats.Find(string.IsNullOrEmpty(format) ? "jsonl" : format);
        if (found is null) return Outcome<ExportRequest>.Fail("format", $"Must be one of: {ExportFormats.Names}.");
        if (found.Fits is { } fits && !fits(project)) return Outcome<ExportRequest>.Fail("format", $"{found.Name} cannot say what the labels of this project say.");
        if (state is not (null or "" or "final" or "all")) return Outcome<ExportRequest>.Fail("state", "Must be final or all.");
        if (media && !found.HoldsMedia) return Outcome<ExportRequest>.Fail("media", $"{found.Name} holds no images or videos.");
        return new ExportRequest(found, string.Equals(state, "all", StringComparison.Ordinal), spreadsheetSafe) { Media = media };
    }
}
