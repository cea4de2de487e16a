using System.ComponentModel;
using System.Text;
using System.Text.Json;
using Annotator.Core.Media;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Models;

/// <summary>A box that a model found, with its score.</summary>
public sealed record DetectionView(string Label, double X, double Y, double Width, double Height, double Score);

/// <summary>What a model says of an image: boxes of a detector, classes of a classifier with their probabilities.</summary>
public sealed record ModelAnswerView(IReadOnlyList<DetectionView> Boxes, IReadOnlyDictionary<string, double> Classes);

/// <summary>What a project's people taught about a detector: from which score boxes of each label are worth showing.</summary>
public sealed record TuningView(string ProjectId, string Project, int Images, DateTimeOffset UpdatedAt, IReadOnlyList<Annotator.Core.Quality.Detection.TunedLabel> Labels);

internal static class ModelsApi
{
    private const int MostImageBytes = 50_000_000;

    // 10,000 names of 200 characters, and what else is said.
    private const int MostSpecCharacters = 4_000_000;

    public static void MapModelsApi(this IEndpointRouteBuilder endpoints)
    {
        var models = endpoints.MapGroup("/api/v1/models").RequireAuthorization(Policies.Admin).WithTags("Models");
        models.MapGet("", async (ModelRegistry registry, HttpContext context) => new Listing<VisionModelInfo>(await registry.ListAsync(context.RequestAborted), null)).WithSummary("Uploaded models for images");
        models.MapPost("", AddAsync).WithMetadata(new StreamedBody()).WithSummary("Uploads an ONNX model: the raw body, or the file of a form. It is tried in a process of its own before it is taken").Produces<VisionModelInfo>(StatusCodes.Status201Created);
        var single = models.MapGroup("/{modelId:long}");
        single.MapGet("", async ([Description("The model.")] long modelId, ModelRegistry registry, HttpContext context) =>
            await registry.FindAsync(modelId, context.RequestAborted) is { } found ? TypedResults.Ok(found) : (IResult)Problems.NotFound()).WithSummary("An uploaded model").Produces<VisionModelInfo>();
        single.MapDelete("", async ([Description("The model.")] long modelId, ModelRegistry registry, HttpContext context) =>
            await registry.DeleteAsync(modelId, context.RequestAborted) ? TypedResults.NoContent() : (IResult)Problems.NotFound()).WithSummary("Removes a model; projects that use it go on without").Produces(StatusCodes.Status204NoContent);
        single.MapGet("/tuning", async ([Description("The model.")] long modelId, DetectorTunings tunings, HttpContext context) => new Listing<TuningView>(
            [.. (await tunings.ListAsync(context.RequestAborted)).Where(t => t.Tuning.ModelId == modelId).Select(t => new TuningView(Ids.Text(t.Tuning.ProjectId), t.Project, t.Tuning.Images, t.Tuning.UpdatedAt, t.Tuning.Figures()))], null))
            .WithSummary("What people's corrections taught about a detector, project by project");
        single.MapPost("/predict", PredictAsync).WithMetadata(new StreamedBody()).WithSummary("Runs a model on an image: the raw body").Produces<ModelAnswerView>();
    }

    private static async Task<IResult> AddAsync(
        [Description("Its name; here or as a field of a form.")] string? name,
        [Description("What is said of it, as JSON: kind, labels, layout, bgr, divisor, mean, deviation, letterbox, suppression, threshold. A long one goes better as the field spec of a form, before its file.")] string? spec,
        ModelRegistry registry,
        HttpContext context)
    {
        Uploads.Unbind(context);
        var file = context.Request.Body;
        if (MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
        {
            if (HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 200 } boundary) return Problems.Validation("file", "The form has no boundary.");
            try
            {
                (name, spec, var part) = await ReadFormAsync(new MultipartReader(boundary.ToString(), context.Request.Body), name, spec, context.RequestAborted);
                if (part is null) return Problems.Validation("file", "The form has no file, or other fields come after it.");
                file = part;
            }
            catch (Exception e) when (e is InvalidDataException or IOException && !context.RequestAborted.IsCancellationRequested)
            {
                return Problems.Validation("file", "The multipart body is broken, or a field is too long.");
            }
        }

        ModelSpec? read;
        try
        {
            read = string.IsNullOrWhiteSpace(spec) ? null : JsonSerializer.Deserialize<ModelSpec>(spec, ProjectJson.Options);
        }
        catch (JsonException e)
        {
            return Problems.Validation(e.Path is { Length: > 2 } path ? $"spec{path[1..]}" : "spec", "Is not valid.");
        }

        if (read is null) return Problems.Validation("spec", "What is said of the model is needed, as JSON, with its labels at least.");
        var added = await registry.AddAsync(context.Caller(), name, read, file, context.RequestAborted);
        return added.Succeeded ? TypedResults.Created($"/api/v1/models/{added.Value.Id}", added.Value) : Problems.Validation(added.Errors);
    }

    // Fields first, then the file, which is not read here.
    private static async Task<(string? Name, string? Spec, Stream? File)> ReadFormAsync(MultipartReader reader, string? name, string? spec, CancellationToken cancellationToken)
    {
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)) continue;
            if (disposition.IsFileDisposition()) return (name, spec, section.Body);
            var text = new StringBuilder();
            var buffer = new char[4_096];
            using var field = new StreamReader(section.Body, leaveOpen: true);
            int count;
            while ((count = await field.ReadAsync(buffer, cancellationToken)) > 0)
            {
                text.Append(buffer, 0, count);
                if (text.Length > MostSpecCharacters) throw new InvalidDataException("A field is too long.");
            }

            switch (HeaderUtilities.RemoveQuotes(disposition.Name).ToString())
            {
                case "name":
                    name = text.ToString();
                    break;
                case "spec":
                    spec = text.ToString();
                    break;
            }
        }

        return (name, spec, null);
    }

    private static async Task<IResult> PredictAsync([Description("The model.")] long modelId, [Description("Least score of a box, 0 to 1; as the model says where none is given.")] double? threshold, ModelRegistry registry, HttpContext context)
    {
        if (await registry.OpenAsync(modelId, context.RequestAborted) is not { } session) return Problems.NotFound();
        if (session.Spec.Kind == ModelKind.Encoder) return Problems.Unprocessable("An encoder says what images are like, and nothing about one: it is used by the students of projects.");
        if (threshold is < 0 or > 1) return Problems.Validation("threshold", "Must be 0 to 1.");
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        int count;
        while ((count = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            memory.Write(buffer, 0, count);
            if (memory.Length > MostImageBytes) return Problems.Validation("file", $"At most {MostImageBytes / 1_000_000} MB.");
        }

        try
        {
            var file = memory.ToArray();
            if (session.Spec.Kind == ModelKind.Detector)
            {
                var found = await Task.Run(() => session.Detect(file, threshold), context.RequestAborted);
                return TypedResults.Ok(new ModelAnswerView([.. found.Select(d => new DetectionView(d.Box.Label, d.Box.X, d.Box.Y, d.Box.Width, d.Box.Height, Math.Round(d.Score, 4)))], new Dictionary<string, double>(StringComparer.Ordinal)));
            }

            var scores = await Task.Run(() => session.Classify(file), context.RequestAborted);
            return TypedResults.Ok(new ModelAnswerView([], session.Spec.Labels.Select((l, i) => (l, scores[i])).OrderByDescending(p => p.Item2).Take(20).DistinctBy(p => p.l, StringComparer.Ordinal).ToDictionary(p => p.l, p => Math.Round((double)p.Item2, 4), StringComparer.Ordinal)));
        }
        catch (ImageRefusedException e)
        {
            return Problems.Validation("file", e.Message);
        }
    }
}
