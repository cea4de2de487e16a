using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Annotator.Tests.Support;

/// <summary>The files and batches of the OpenAI protocol. A batch is worked on while it is looked at: so many looks later it has ended.</summary>
/// <param name="answer">Answers the body of one request.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "A semaphore whose wait handle nobody asks for holds nothing.")]
public sealed class FakeLlmBatches(Func<string, Task<(int Status, string Body)>> answer)
{
    private readonly ConcurrentDictionary<string, string> _files = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, JsonObject> _batches = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _looks = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private int _number;

    /// <summary>Whether the server has them; else it answers 404.</summary>
    public bool Enabled { get; set; }

    /// <summary>Looks after which a batch has ended.</summary>
    public int Looks { get; set; } = 2;

    /// <summary>What becomes of a line: <c>answer</c>, <c>error</c> (it stands in the file of errors) or <c>lose</c> (it stands nowhere: the batch has expired before).</summary>
    public Func<int, string> FateOf { get; set; } = _ => "answer";

    /// <summary>The batches that were made.</summary>
    public int Made => _batches.Count;

    /// <summary>Batches that were cancelled.</summary>
    public int Cancelled => _batches.Values.Count(b => (string?)b["status"] == "cancelled");

    /// <summary>Files that were not deleted.</summary>
    public int FilesLeft => _files.Count;

    internal void Map(WebApplication app)
    {
        app.MapPost("/v1/files", async (HttpContext context) =>
        {
            if (!Enabled) return Results.NotFound();
            var form = await context.Request.ReadFormAsync();
            if (form["purpose"] != "batch" || form.Files.Count != 1) return Results.BadRequest();
            using var reader = new StreamReader(form.Files[0].OpenReadStream());
            return File(Store(await reader.ReadToEndAsync()));
        });
        app.MapGet("/v1/files/{id}/content", (string id) => Enabled && _files.TryGetValue(id, out var text) ? Results.Text(text, "application/jsonl") : Results.NotFound());
        app.MapDelete("/v1/files/{id}", (string id) => Enabled && _files.TryRemove(id, out _) ? Json(new JsonObject { ["id"] = id, ["object"] = "file", ["deleted"] = true }) : Results.NotFound());
        app.MapPost("/v1/batches", async (HttpContext context) =>
        {
            if (!Enabled) return Results.NotFound();
            var body = (await JsonNode.ParseAsync(context.Request.Body))!;
            if ((string?)body["endpoint"] != "/v1/chat/completions" || (string?)body["completion_window"] != "24h" || !_files.ContainsKey((string)body["input_file_id"]!)) return Results.BadRequest();
            var id = Name("batch");
            _batches[id] = new JsonObject
            {
                ["id"] = id, ["object"] = "batch", ["endpoint"] = "/v1/chat/completions", ["errors"] = null, ["input_file_id"] = (string)body["input_file_id"]!, ["completion_window"] = "24h",
                ["status"] = "validating", ["output_file_id"] = null, ["error_file_id"] = null, ["metadata"] = body["metadata"]?.DeepClone(),
            };
            return Json(_batches[id]);
        });
        app.MapGet("/v1/batches", () => Enabled ? Json(new JsonObject { ["object"] = "list", ["data"] = new JsonArray([.. _batches.Values.Select(b => b.DeepClone())]), ["has_more"] = false }) : Results.NotFound());
        app.MapGet("/v1/batches/{id}", async (string id) => Enabled && _batches.ContainsKey(id) ? Json(await LookAsync(id)) : Results.NotFound());
        app.MapPost("/v1/batches/{id}/cancel", (string id) =>
        {
            if (!Enabled || !_batches.TryGetValue(id, out var batch)) return Results.NotFound();
            batch["status"] = "cancelled";
            return Json(batch);
        });
    }

    private async Task<JsonObject> LookAsync(string id)
    {
        await _gate.WaitAsync();
        try
        {
            var batch = _batches[id];
            if ((string?)batch["status"] is "completed" or "expired" or "cancelled") return batch;
            batch["status"] = "in_progress";
            if (_looks.AddOrUpdate(id, 1, (_, n) => n + 1) < Looks) return batch;
            var (output, errors, lost) = (new List<string>(), new List<string>(), false);
            foreach (var line in _files[(string)batch["input_file_id"]!].Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                var request = JsonNode.Parse(line)!;
                var fate = FateOf(Interlocked.Increment(ref _number));
                if (fate == "lose")
                {
                    lost = true;
                    continue;
                }

                var (status, body) = fate == "answer" ? await answer(request["body"]!.ToJsonString()) : (500, """{"error":{"message":"no","code":"server_error"}}""");
                (fate == "answer" ? output : errors).Add(new JsonObject
                {
                    ["id"] = Name("line"), ["custom_id"] = (string)request["custom_id"]!, ["error"] = null,
                    ["response"] = new JsonObject { ["status_code"] = status, ["request_id"] = Name("request"), ["body"] = JsonNode.Parse(body) },
                }.ToJsonString());
            }

            batch["status"] = lost ? "expired" : "completed";
            if (output.Count > 0) batch["output_file_id"] = Store(string.Join('\n', output));
            if (errors.Count > 0) batch["error_file_id"] = Store(string.Join('\n', errors));
            return batch;
        }
        finally
        {
            _gate.Release();
        }
    }

    private string Store(string text)
    {
        var id = Name("file");
        _files[id] = text;
        return id;
    }

    private static IResult File(string id) => Json(new JsonObject { ["id"] = id, ["object"] = "file", ["purpose"] = "batch" });

    private static IResult Json(JsonNode node) => Results.Text(node.ToJsonString(), "application/json");

    private string Name(string kind) => string.Create(CultureInfo.InvariantCulture, $"{kind}-{Interlocked.Increment(ref _number)}");
}
