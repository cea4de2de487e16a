using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Batches;

/// <summary>Arguments of a run that asks in batches.</summary>
public sealed record LlmBatchOptions
{
    /// <summary>Requests of a batch, 1 to 5,000.</summary>
    [Range(1, 5_000, ErrorMessage = "Must be 1 to 5000.")]
    public int RequestsPerBatch { get; init; } = 1_000;

    /// <summary>Seconds between two looks at a batch, 1 to 3,600.</summary>
    [Range(1, 3_600, ErrorMessage = "Must be 1 to 3600.")]
    public int PollSeconds { get; init; } = 30;
}

/// <summary>
/// Asks about all that waits by the Batch API: at half the price, within a day. Every step is kept before and after it is taken, and a batch carries
/// a mark of the run: after a kill it is found again, and nothing is asked twice. What a batch leaves unanswered goes into another, in smaller
/// requests, up to three times; then a pre-label run sends all through the cascade.
/// </summary>
internal sealed class LlmBatchHandler(LlmStage stage, LlmProviders providers, PromptCatalog catalog, DecidedTexts decided, LlmAnswerCache cache, RunService runs, TimeProvider time) : IRunHandler
{
    public const string RunKind = "llmBatch";

    private const int UnderWay = 4;
    private const int MostRounds = 3;
    private const int LongestText = 32_000;
    private const int MostTroubles = 20;

    // Prompts are reserved at what they are likely to cost and a tenth more: a batch cannot be stopped in its middle for money.
    private const double Margin = 1.1;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<LlmBatchOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (await stage.UnavailableForTextsAsync(project, cancellationToken) is { } reason) throw new RunFailedException(reason);
        if (await providers.BatchesForAsync(project, cancellationToken) is not { } found) throw new RunFailedException("The LLM provider of the project cannot be used.");
        var cursor = run.Cursor<BatchCursor>();
        var version = cursor.PromptVersion > 0 ? await catalog.FindAsync(project.Id, cursor.PromptVersion, cancellationToken) : null;
        version ??= await catalog.CurrentAsync(project, cancellationToken);
        var work = new Work(this, run, project, options, found.Labeller, found.Client, version, cursor with { PromptVersion = version.Version }, cancellationToken);
        try
        {
            await work.RunAsync();
        }
        catch (OperationCanceledException)
        {
            // Told to stop, and not only moved to another process: then the batches stop too.
            if (await run.Database.ReadAsync(db => db.Runs.AnyAsync(r => r.Id == run.Run.Id && r.CancelRequested, CancellationToken.None), CancellationToken.None)) await work.CancelAsync();
            throw;
        }

        run.SetResult(new { batches = work.Cursor.Made, requests = work.Cursor.Requests, answered = work.Cursor.Answered, cost = work.Cursor.Cost, budgetSpent = work.Cursor.BudgetSpent });
        await run.CheckpointAsync(scope => runs.AddOnceAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions()), work.Cursor, cancellationToken: cancellationToken);
    }

    private sealed class Work(
        LlmBatchHandler owner, RunContext run, Project project, LlmBatchOptions options, LlmLabeller labeller, LlmBatchClient client, PromptInfo version, BatchCursor start, CancellationToken cancellationToken)
    {
        private readonly LabellingPrompt _prompt = (project.Settings.Llm.MaskPersonalData ? version.Content.Masked() : version.Content).ToPrompt();
        private readonly Func<string, string>? _mask = project.Settings.Llm.MaskPersonalData ? PersonalData.Mask : null;
        private int _troubles;

        public BatchCursor Cursor { get; private set; } = start;

        public async Task RunAsync()
        {
            var waiting = await run.Database.ReadAsync(db => Waiting(db).LongCountAsync(cancellationToken), cancellationToken);
            await run.CheckpointAsync(null, Cursor, total: Math.Max(run.Run.Total, run.Run.Done + waiting), cancellationToken: cancellationToken);
            while (true)
            {
                while (Cursor.Batches.Count < UnderWay && await PlanAsync())
                {
                    // Each is planned before the next: what the one asks about, the other leaves out.
                }

                if (Cursor.Batches.Count == 0) return;
                var moved = false;
                foreach (var batch in Cursor.Batches.ToList())
                {
                    try
                    {
                        moved |= await StepAsync(batch);
                        _troubles = 0;
                    }
                    catch (BatchException e) when (++_troubles < MostTroubles && batch.BatchId is not null)
                    {
                        // Paid for and under way: the server is asked again, as it may only be out of reach.
                        await run.CheckpointAsync(null, Cursor, message: e.Message, cancellationToken: cancellationToken);
                    }
                    catch (BatchException e)
                    {
                        throw new RunFailedException(e.Message);
                    }
                }

                if (!moved) await Task.Delay(TimeSpan.FromSeconds(options.PollSeconds), owner.Time, cancellationToken);
            }
        }

        public async Task CancelAsync()
        {
            foreach (var batch in Cursor.Batches.Where(b => b.BatchId is not null))
            {
                try
                {
                    await client.CancelAsync(batch.BatchId!, CancellationToken.None);
                }
                catch (BatchException)
                {
                    // It ends within a day in any case.
                }
            }
        }

        // One step of a batch: it is sent, or looked at, or taken in.
        private async Task<bool> StepAsync(PlannedBatch batch)
        {
            if (batch.BatchId is null)
            {
                var mark = string.Create(CultureInfo.InvariantCulture, $"run-{run.Run.Id}-batch-{batch.Number}");

                // It may have been made just before a process died that could no longer note it.
                var made = batch.FileId is null ? null : await client.FindAsync(mark, cancellationToken);
                if (made is null)
                {
                    batch = batch with { FileId = batch.FileId ?? await client.UploadAsync(await RenderAsync(batch), cancellationToken) };
                    await KeepAsync(batch);
                    made = await client.CreateAsync(batch.FileId, mark, cancellationToken);
                }

                await KeepAsync(batch with { BatchId = made.Id });
                return true;
            }

            var state = await client.GetAsync(batch.BatchId, cancellationToken);
            if (!state.HasEnded) return false;
            await LandAsync(batch, state);
            return true;
        }

        private Task KeepAsync(PlannedBatch batch) => KeepAsync(Cursor with { Batches = [.. Cursor.Batches.Select(b => b.Number == batch.Number ? batch : b)] });

        private async Task KeepAsync(BatchCursor cursor)
        {
            await run.CheckpointAsync(null, cursor, cancellationToken: cancellationToken);
            Cursor = cursor;
        }

        // What the LLM was not asked about: of near-duplicates the first.
        private IQueryable<Item> Waiting(AnnotatorDbContext db) => db.Items.Where(
            i => i.ProjectId == project.Id && i.Id > Cursor.After && i.State != ItemState.Final && i.Text != null && i.Text.Length <= LongestText && (i.GroupId == null || i.GroupId == i.Id)
                && !db.Predictions.Any(p => p.ProjectId == project.Id && p.ItemId == i.Id && p.Source == LabelSource.Llm && p.Value != null));

        private async Task<bool> PlanAsync()
        {
            if (Cursor.BudgetSpent) return false;
            var perCall = project.Settings.Llm.ItemsPerCall;
            var items = await run.Database.ReadAsync(
                db => Waiting(db).OrderBy(i => i.Id).Select(i => new { i.Id, Length = i.Text!.Length }).Take(options.RequestsPerBatch * perCall).ToListAsync(cancellationToken), cancellationToken);
            var (ids, round, after) = (items.Select(i => i.Id).ToList(), 1, items.Count > 0 ? items[^1].Id : Cursor.After);
            if (ids.Count == 0)
            {
                // Nothing new: what was left unanswered, the earliest round first.
                if (Cursor.Again.Count == 0 || Cursor.Batches.Count > 0) return false;
                round = Cursor.Again.Min(a => a.Round);
                ids = [.. Cursor.Again.Where(a => a.Round == round).Select(a => a.Id).Take(options.RequestsPerBatch * perCall)];
                perCall = Math.Max(1, perCall / 3);
            }

            var calls = ids.Chunk(round == MostRounds ? 1 : perCall).Take(options.RequestsPerBatch).ToList();
            var (fitting, reserved) = await FittingAsync(calls);
            var taken = fitting.SelectMany(c => c).ToHashSet();
            var next = Cursor with
            {
                After = fitting.Count < calls.Count && taken.Count > 0 && round == 1 ? taken.Max() : after,
                Again = [.. Cursor.Again.Where(a => !taken.Contains(a.Id))],
                BudgetSpent = fitting.Count < calls.Count,
            };
            if (fitting.Count > 0)
            {
                next = next with
                {
                    Made = Cursor.Made + 1, Requests = Cursor.Requests + fitting.Count,
                    Batches = [.. Cursor.Batches, new PlannedBatch { Number = Cursor.Made + 1, Round = round, Calls = fitting, Reserved = reserved }],
                };
            }

            await KeepAsync(next);
            return fitting.Count > 0;
        }

        // As many of the calls as the money covers, at what they will cost at the most.
        private async Task<(List<long[]> Calls, double Reserved)> FittingAsync(List<long[]> calls)
        {
            if (await owner.Stage.LeftAsync(project, cancellationToken) is not { } money) return (calls, 0);
            var left = (double)money;
            var lengths = await TextsAsync([.. calls.SelectMany(c => c)]);
            var frame = Tokens(Encoding.UTF8.GetString(_prompt.Schema.Span)) + _prompt.Render([], 0).Sum(m => Tokens(m.Content) + 8);
            var (fitting, reserved) = (new List<long[]>(), 0.0);
            foreach (var call in calls)
            {
                var tokens = frame + call.Sum(i => Tokens(lengths.GetValueOrDefault(i, "")) + 16L) + (project.Settings.Llm.Examples > 0 ? project.Settings.Llm.ExampleTokens : 0);
                var cost = (double)(labeller.Endpoint.Cost((long)(tokens * Margin), Completion(call.Length)) * LlmEndpoint.BatchPrice);
                if (reserved + cost > left) break;
                fitting.Add(call);
                reserved += cost;
            }

            return (fitting, reserved);
        }

        private int Completion(int items) => labeller.Endpoint.CompletionTokens + (labeller.Endpoint.CompletionTokensPerItem * items);

        private Task<Dictionary<long, string>> TextsAsync(IReadOnlyCollection<long> ids) => run.Database.ReadAsync(
            async db =>
            {
                var texts = new Dictionary<long, string>(ids.Count);
                foreach (var part in ids.Chunk(1_000))
                {
                    foreach (var row in await db.Items.Where(i => i.ProjectId == project.Id && part.Contains(i.Id) && i.Text != null).Select(i => new { i.Id, i.Text }).ToListAsync(cancellationToken)) texts[row.Id] = row.Text!;
                }

                return texts;
            },
            cancellationToken);

        private async Task<ReadOnlyMemory<byte>> RenderAsync(PlannedBatch batch)
        {
            var texts = await TextsAsync([.. batch.Calls.SelectMany(c => c)]);
            var settings = project.Settings.Llm;
            var index = settings.Examples > 0 ? await owner.Decided.IndexAsync(project, cancellationToken) : null;
            using var lines = new MemoryStream();
            for (var n = 0; n < batch.Calls.Count; n++)
            {
                var items = batch.Calls[n].Select(i => new LlmItem(Name(i), texts.GetValueOrDefault(i, ""))).ToList();
                var examples = index is null or { Size: 0 } ? null : index.For(items, settings.Examples, settings.ExampleTokens, _mask, Tokens);
                var seed = unchecked(((int)run.Run.Id * 397) ^ (batch.Number * 31) ^ n);
                var messages = _prompt.Render([.. items.Select(i => Send(i.Text))], seed, examples);
                await using (var json = new Utf8JsonWriter(lines))
                {
                    json.WriteStartObject();
                    json.WriteString("custom_id", n.ToString(CultureInfo.InvariantCulture));
                    json.WriteString("method", "POST");
                    json.WriteString("url", "/v1/chat/completions");
                    json.WritePropertyName("body");
                    json.WriteRawValue(labeller.Client.Render(_prompt, messages, labeller.Capabilities, Completion(items.Count), seed));
                    json.WriteEndObject();
                }

                lines.WriteByte((byte)'\n');
            }

            return lines.ToArray();
        }

        private async Task LandAsync(PlannedBatch batch, BatchState state)
        {
            if (state is { Status: "failed", OutputFile: null }) throw new RunFailedException($"The server did not take the batch{(state.Error is null ? "" : $" ({Safe(state.Error)})")}.");
            var texts = await TextsAsync([.. batch.Calls.SelectMany(c => c)]);
            var (answers, calls) = (new List<LlmItemResult>(), new List<LlmCall>());
            foreach (var file in new[] { state.OutputFile, state.ErrorFile }.OfType<string>())
            {
                await foreach (var line in client.ReadAsync(file, cancellationToken))
                {
                    if (!int.TryParse(line.CustomId, NumberStyles.None, CultureInfo.InvariantCulture, out var n) || n >= batch.Calls.Count) continue;
                    var items = batch.Calls[n].Select(i => new LlmItem(Name(i), texts.GetValueOrDefault(i, ""))).ToList();
                    var completion = line.Status is >= 200 and < 300 ? LlmCompletion.Parse(line.Body) : null;
                    var parsed = completion is null ? null : LlmAnswerParser.Parse(completion, _prompt, [.. items.Select(i => Send(i.Text))]);
                    var good = parsed is null ? [] : parsed.Outcomes.Zip(items).Where(p => p.First.Answer is not null).Select(p => new LlmItemResult(p.Second, Restore(p.Second.Text, p.First.Answer!), LlmFailure.None, null, batch.Round)).ToList();
                    answers.AddRange(good);
                    calls.Add(Row(line, completion, items.Count, good.Count));
                }
            }

            var byId = answers.DistinctBy(a => a.Item.Id, StringComparer.Ordinal).ToDictionary(a => long.Parse(a.Item.Id, CultureInfo.InvariantCulture));
            var open = batch.Calls.SelectMany(c => c).Where(i => !byId.ContainsKey(i)).ToList();
            var next = Cursor with
            {
                Batches = [.. Cursor.Batches.Where(b => b.Number != batch.Number)],
                Again = batch.Round < MostRounds ? [.. Cursor.Again, .. open.Select(i => new AskAgain(i, batch.Round + 1))] : Cursor.Again,
                Answered = Cursor.Answered + byId.Count,
                Cost = Cursor.Cost + calls.Sum(c => c.Cost),
            };
            var givenUp = batch.Round < MostRounds ? [] : open;
            await run.CheckpointAsync(scope => StoreAsync(scope, byId.Values, givenUp, calls), next, byId.Count, rejected: givenUp.Count, cancellationToken: cancellationToken);
            Cursor = next;
            foreach (var file in new[] { batch.FileId, state.OutputFile, state.ErrorFile }.OfType<string>())
            {
                try
                {
                    await client.DeleteAsync(file, cancellationToken);
                }
                catch (BatchException)
                {
                    // The provider removes it in its own time.
                }
            }
        }

        private async Task StoreAsync(WriteScope scope, IReadOnlyCollection<LlmItemResult> answers, List<long> givenUp, List<LlmCall> calls)
        {
            var asker = new Asker(project.Id, run.Run.Id, version.Version);
            await scope.Dialect.UpsertAsync(scope.Db, [.. answers.Concat(givenUp.Select(i => new LlmItemResult(new LlmItem(Name(i), ""), null, LlmFailure.Missing, null, MostRounds))).Select(a => LlmAsking.Prediction(a, asker, _prompt.Task, scope.Now))], scope.CancellationToken);
            await owner.Cache.StoreAsync(scope, project.Id, [.. answers.Select(a => (LlmAnswerCache.KeyOf(labeller.Endpoint, _prompt, LlmAnswerCache.TextOf(_prompt, a.Item.Text, _mask)), a.Answer!))]);
            if (calls.Count == 0) return;
            var id = scope.NextId("llmCall", calls.Count);
            foreach (var call in calls) (call.Id, call.CreatedAt) = (id++, scope.Now);
            await scope.Dialect.InsertAsync(scope.Db, calls, ignoreConflicts: false, scope.CancellationToken);
            scope.Count(project.Id, CounterNames.LlmCalls, calls.Count);
            scope.Count(project.Id, CounterNames.LlmItems, answers.Count);
            scope.Count(project.Id, CounterNames.LlmPromptTokens, calls.Sum(c => c.PromptTokens));
            scope.Count(project.Id, CounterNames.LlmCompletionTokens, calls.Sum(c => c.CompletionTokens));
            scope.Count(project.Id, CounterNames.LlmCost, calls.Sum(c => (long)Math.Round((decimal)c.Cost * CounterNames.CostUnits)));
        }

        private LlmCall Row(BatchLine line, LlmCompletion? completion, int items, int answered) => new()
        {
            ProjectId = project.Id,
            RunId = run.Run.Id,
            Model = labeller.Endpoint.Model,
            PromptVersion = version.Version,
            Items = items,
            Answered = answered,
            PromptTokens = completion?.PromptTokens ?? 0,
            CompletionTokens = completion?.CompletionTokens ?? 0,
            Cost = (double)(labeller.Endpoint.Cost(completion?.PromptTokens ?? 0, completion?.CompletionTokens ?? 0) * LlmEndpoint.BatchPrice),
            Status = line.Status,
            Outcome = Names.Of(answered > 0 ? LlmCallOutcome.Answered : completion is not null ? LlmCallOutcome.Useless : line.Status == 429 ? LlmCallOutcome.RateLimited : line.Status is >= 400 and < 500 ? LlmCallOutcome.Rejected : LlmCallOutcome.ServerError),
        };

        private int Tokens(string text) => TokenCounter.Count(labeller.Endpoint.Model, text);

        private string Send(string text) => _mask is null ? text : _mask(text);

        private LlmAnswer Restore(string text, LlmAnswer answer) => _mask is not null && _prompt.Task == LlmTask.Spans ? PersonalData.Hide(text).ToOriginal(answer) : answer;

        private static string Name(long id) => id.ToString(CultureInfo.InvariantCulture);

        private static string Safe(string code) => new([.. code.Where(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-').Take(60)]);
    }

    private LlmStage Stage => stage;

    private DecidedTexts Decided => decided;

    private LlmAnswerCache Cache => cache;

    private TimeProvider Time => time;
}

/// <summary>An item that is asked about once more.</summary>
/// <param name="Id">The item.</param>
/// <param name="Round">The how-manieth time that will be.</param>
internal sealed record AskAgain(long Id, int Round);

/// <summary>A batch that is planned or under way.</summary>
internal sealed record PlannedBatch
{
    public int Number { get; init; }

    public int Round { get; init; } = 1;

    public IReadOnlyList<long[]> Calls { get; init; } = [];

    public double Reserved { get; init; }

    public string? FileId { get; init; }

    public string? BatchId { get; init; }
}

/// <summary>Where a run in batches stands.</summary>
internal sealed record BatchCursor
{
    public int PromptVersion { get; init; }

    public long After { get; init; }

    public IReadOnlyList<AskAgain> Again { get; init; } = [];

    public IReadOnlyList<PlannedBatch> Batches { get; init; } = [];

    public int Made { get; init; }

    public int Requests { get; init; }

    public long Answered { get; init; }

    public double Cost { get; init; }

    public bool BudgetSpent { get; init; }
}
