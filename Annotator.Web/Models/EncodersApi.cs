using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text;
using System.Text.Json;
using Annotator.Core.Models.Encoders;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Models;

/// <summary>Texts that an encoder is tried on.</summary>
/// <param name="Texts">1 to 64 texts of at most 20,000 characters.</param>
public sealed record EncodeRequest([property: Required] IReadOnlyList<string>? Texts);

/// <summary>An encoder's vectors, in the order of the texts.</summary>
/// <param name="Vectors">One for each text.</param>
public sealed record EncodeAnswer(IReadOnlyList<IReadOnlyList<float>> Vectors);

internal static class EncodersApi
{
    private const int MostTexts = 64;
    private const int LongestText = 20_000;
    private const int LongestField = 20_000;

    // Two files of a tokenizer, and one that is too many, to say so.
    private const int MostTokenizerFiles = 3;

    public static void MapEncodersApi(this IEndpointRouteBuilder endpoints)
    {
        var encoders = endpoints.MapGroup("/api/v1/encoders").RequireAuthorization(Policies.Admin).WithTags("Models");
        encoders.MapGet("", async (TextEncoders all, HttpContext context) => new Listing<TextEncoderInfo>(await all.ListAsync(context.RequestAborted), null)).WithSummary("Uploaded encoders of texts");
        encoders.MapPost("", AddAsync).WithMetadata(new StreamedBody())
            .WithSummary("Uploads an encoder of texts as a form: the field name, the field spec (JSON: pooling, maxTokens, lowercase, xlmRoberta, normalize, prefix, output), the file model (ONNX) and one or two files tokenizer. It is tried in a process of its own before it is taken")
            .Produces<TextEncoderInfo>(StatusCodes.Status201Created);
        var single = encoders.MapGroup("/{encoderId:long}");
        single.MapGet("", async ([Description("The encoder.")] long encoderId, TextEncoders all, HttpContext context) =>
            await all.FindAsync(encoderId, context.RequestAborted) is { } found ? TypedResults.Ok(found) : (IResult)Problems.NotFound()).WithSummary("An uploaded encoder of texts").Produces<TextEncoderInfo>();
        single.MapDelete("", async ([Description("The encoder.")] long encoderId, TextEncoders all, HttpContext context) =>
            await all.DeleteAsync(encoderId, context.RequestAborted) ? TypedResults.NoContent() : (IResult)Problems.NotFound())
            .WithSummary("Removes an encoder of texts; projects that use it go on with the built-in representation").Produces(StatusCodes.Status204NoContent);
        single.MapPost("/encode", EncodeAsync).WithSummary("The vectors of texts, to try an encoder").Produces<EncodeAnswer>();
    }

    private static async Task<IResult> EncodeAsync([Description("The encoder.")] long encoderId, EncodeRequest request, TextEncoders all, HttpContext context)
    {
        if (request.Texts is not { Count: >= 1 and <= MostTexts } texts || texts.Any(t => t is null || t.Length > LongestText)) return Problems.Validation("texts", $"1 to {MostTexts} texts of at most {LongestText} characters are needed.");
        try
        {
            if (await all.OpenAsync(encoderId, context.RequestAborted) is not { } lent) return Problems.NotFound();
            using (lent)
            {
                var rows = await Task.Run(() => lent.Session.Encode(texts, context.RequestAborted), context.RequestAborted);
                return TypedResults.Ok(new EncodeAnswer([.. rows.Chunk(lent.Session.Dimensions)]));
            }
        }
        catch (EncoderRefusedException e)
        {
            return Problems.Unprocessable(e.Message);
        }
    }

    private static async Task<IResult> AddAsync(TextEncoders all, HttpContext context)
    {
        Uploads.Unbind(context);
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            return Problems.Validation("model", "An encoder comes as a form (multipart/form-data) with the fields name and spec, the file model and one or two files tokenizer.");
        if (HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 200 } boundary) return Problems.Validation("model", "The form has no boundary.");
        string? name = null, spec = null;
        byte[] model = [];
        var tokenizer = new List<byte[]>();
        try
        {
            var reader = new MultipartReader(boundary.ToString(), context.Request.Body);
            while (await reader.ReadNextSectionAsync(context.RequestAborted) is { } section)
            {
                // Names of files are the sender's own business; what a file is, is told by its field and by what is in it.
                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)) continue;
                switch (HeaderUtilities.RemoveQuotes(disposition.Name).ToString())
                {
                    case "name":
                        name = await FieldAsync(section.Body, context.RequestAborted);
                        break;
                    case "spec":
                        spec = await FieldAsync(section.Body, context.RequestAborted);
                        break;
                    case "model":
                        if (await ReadAsync(section.Body, all.MostModelBytes, context.RequestAborted) is not { } file) return Problems.Validation("model", $"The model is larger than {all.MostModelBytes / 1_000_000} MB.");
                        model = file;
                        break;
                    case "tokenizer" when tokenizer.Count < MostTokenizerFiles:
                        if (await ReadAsync(section.Body, all.MostTokenizerBytes, context.RequestAborted) is not { } part) return Problems.Validation("tokenizer", $"A file of the tokenizer is larger than {all.MostTokenizerBytes / 1_000_000} MB.");
                        tokenizer.Add(part);
                        break;
                    case var other:
                        return Problems.Validation(other is "tokenizer" ? other : "model", $"The form has the field \"{(other.Length <= 40 ? other : other[..40])}\" {(other is "tokenizer" ? "too often" : "")}; known are name, spec, model and one or two of tokenizer.");
                }
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException && !context.RequestAborted.IsCancellationRequested)
        {
            return Problems.Validation("model", "The multipart body is broken, or a field is too long.");
        }

        TextEncoderSpec? read;
        try
        {
            read = string.IsNullOrWhiteSpace(spec) ? new TextEncoderSpec() : JsonSerializer.Deserialize<TextEncoderSpec>(spec, ProjectJson.Options);
        }
        catch (JsonException e)
        {
            return Problems.Validation(e.Path is { Length: > 2 } path ? $"spec{path[1..]}" : "spec", "Is not valid.");
        }

        try
        {
            var added = await all.AddAsync(context.Caller(), new EncoderUpload(name, read ?? new TextEncoderSpec(), model, tokenizer), context.RequestAborted);
            return added.Succeeded ? TypedResults.Created($"/api/v1/encoders/{added.Value.Id}", added.Value) : Problems.Validation(added.Errors);
        }
        catch (ConcurrentChangeException e)
        {
            return Problems.Conflict(e.Message);
        }
    }

    private static async Task<string> FieldAsync(Stream body, CancellationToken cancellationToken) =>
        await ReadAsync(body, LongestField, cancellationToken) is { } bytes ? Encoding.UTF8.GetString(bytes) : throw new InvalidDataException("A field is too long.");

    // Null where there is more than is taken.
    private static async Task<byte[]?> ReadAsync(Stream body, long most, CancellationToken cancellationToken)
    {
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        int count;
        while ((count = await body.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (memory.Length + count > most) return null;
            memory.Write(buffer, 0, count);
        }

        return memory.ToArray();
    }
}
