using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Prompts;

/// <summary>Arguments of a run that measures a version of a prompt.</summary>
public sealed record MeasurePromptOptions
{
    /// <summary>The version; null: the one in use.</summary>
    [Range(1, int.MaxValue, ErrorMessage = "Must be a number of a version, from 1.")]
    public int? Version { get; init; }

    /// <summary>Decided items it is measured on, 1 to 3,000.</summary>
    [Range(1, DecidedTexts.Most, ErrorMessage = "Must be 1 to 3000.")]
    public int Items { get; init; } = 300;
}

/// <summary>Asks versions of prompts about decided items, and keeps what they said: asked again, it costs nothing.</summary>
internal sealed class PromptBench(AnnotatorDatabase database, LlmStage stage, PromptCatalog catalog, TimeProvider time)
{
    // Failures that say nothing about the prompt: what the server did not do, or was not asked.
    private static readonly HashSet<LlmFailure> NotThePrompt =
        [LlmFailure.Unreachable, LlmFailure.RateLimited, LlmFailure.Rejected, LlmFailure.CircuitOpen, LlmFailure.BudgetSpent];

    /// <summary>What a version says about items; null where it says nothing valid.</summary>
    /// <returns>The answers in the order of the items, and what those that were asked anew have cost.</returns>
    /// <exception cref="RunFailedException">The items could not all be asked about; what was answered is kept.</exception>
    public async Task<(IReadOnlyList<PromptAnswer> Answers, decimal Cost, int Asked)> AnswerAsync(
        Project project, long runId, int version, PromptContent content, IReadOnlyList<DecidedText> items, decimal? budget, CancellationToken cancellationToken)
    {
        var ids = items.Select(i => i.ItemId).ToList();
        var kept = await database.ReadAsync(
            db => db.PromptAnswers.Where(a => a.ProjectId == project.Id && a.PromptVersion == version && ids.Contains(a.ItemId)).ToDictionaryAsync(a => a.ItemId, cancellationToken), cancellationToken);
        var missing = items.Where(i => !kept.ContainsKey(i.ItemId)).ToList();
        if (missing.Count == 0) return ([.. ids.Select(i => kept[i])], 0, 0);

        var task = content.Task;
        await using var asking = await stage.OpenAsync(
            project, new Asker(project.Id, runId, version), content, budget,
            (scope, answers) => KeepAsync(scope, project.Id, [.. answers.Select(a => Answer(project.Id, version, a, task))]),
            LlmWays.Examples,
            cancellationToken);
        var results = await asking.AskAsync(await asking.DescribeAsync(missing));
        if (results.FirstOrDefault(r => r.Answer is null && NotThePrompt.Contains(r.Failure)) is { } failed) throw new RunFailedException($"The LLM could not be asked about all items: {failed.Detail}.");

        var silent = results.Where(r => r.Answer is null).Select(r => Answer(project.Id, version, r, task)).ToList();
        if (silent.Count > 0) await database.WriteAsync(scope => KeepAsync(scope, project.Id, silent), cancellationToken);
        foreach (var result in results.Select(r => Answer(project.Id, version, r, task))) kept[result.ItemId] = result;
        return ([.. ids.Select(i => kept[i])], asking.Cost, missing.Count);
    }

    /// <summary>Measures a version, and keeps the figures with it.</summary>
    public async Task<PromptFigures> MeasureAsync(Project project, long runId, PromptInfo version, IReadOnlyList<DecidedText> items, decimal? budget, CancellationToken cancellationToken)
    {
        var (answers, cost, asked) = await AnswerAsync(project, runId, version.Version, version.Content, items, budget, cancellationToken);
        var rows = items.Select((item, i) => (item.Value, answers[i].Value, answers[i].Confidence)).ToList();

        // Measured again without asking, it has cost what it did.
        var figures = PromptFigures.Of(rows, asked > 0 ? (double)(cost / asked * 1_000) : (await catalog.FindAsync(project.Id, version.Version, cancellationToken))?.Figures?.CostPerThousand, time.GetUtcNow());
        var text = JsonSerializer.Serialize(figures, ProjectJson.Options);
        await database.WriteAsync(
            scope => scope.Db.Prompts.Where(p => p.ProjectId == project.Id && p.Version == version.Version).ExecuteUpdateAsync(x => x.SetProperty(p => p.Figures, text), cancellationToken), cancellationToken);
        return figures;
    }

    // Counted, so that who goes by them knows that there are more.
    private static Task KeepAsync(WriteScope scope, long projectId, IReadOnlyList<PromptAnswer> answers)
    {
        scope.Count(projectId, CounterNames.LlmMeasured, answers.Count);
        return scope.Dialect.UpsertAsync(scope.Db, answers, scope.CancellationToken);
    }

    private static PromptAnswer Answer(long projectId, int version, LlmItemResult result, LlmTask task) => new()
    {
        ProjectId = projectId,
        PromptVersion = version,
        ItemId = long.Parse(result.Item.Id, CultureInfo.InvariantCulture),
        Value = result.Answer is { } answer ? LlmAsking.Value(answer, task, result.Item.Picture) : null,
        Confidence = result.Answer?.Confidence,
    };
}

/// <summary>Measures a version of a prompt on items that people decided.</summary>
internal sealed class MeasurePromptHandler(PromptBench bench, PromptCatalog catalog, DecidedTexts decided, LlmStage stage) : IRunHandler
{
    public const string RunKind = "measurePrompt";

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<MeasurePromptOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (await stage.UnavailableAsync(project, cancellationToken) is { } reason) throw new RunFailedException(reason);
        var version = options.Version is { } number ? await catalog.FindAsync(project.Id, number, cancellationToken) : await catalog.CurrentAsync(project, cancellationToken);
        if (version is null) throw new RunFailedException("There is no such version of the prompt.");
        var items = await decided.SampleAsync(project, Math.Clamp(options.Items, 1, DecidedTexts.Most), cancellationToken);
        if (items.Count == 0) throw new RunFailedException("People have decided no items yet by which a prompt could be measured.");
        await run.CheckpointAsync(null, null, total: items.Count, cancellationToken: cancellationToken);
        var figures = await bench.MeasureAsync(project, run.Run.Id, version, items, null, cancellationToken);
        run.SetResult(new { version = version.Version, figures });
        await run.CheckpointAsync(null, null, items.Count, cancellationToken: cancellationToken);
    }
}

/// <summary>Refines the prompt in use, and promotes what is better.</summary>
internal sealed class RefinePromptHandler(PromptBench bench, PromptCatalog catalog, DecidedTexts decided, LlmStage stage) : IRunHandler
{
    public const string RunKind = "refinePrompt";

    // Fewer say nothing: half of them choose, half judge.
    private const int FewestItems = 40;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<RefineOptions>();
        if (options.Validate() is { Count: > 0 } errors) throw new RunFailedException(string.Join(' ', errors.Select(e => $"{e.Field}: {e.Message}")));
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (await stage.UnavailableAsync(project, cancellationToken) is { } reason) throw new RunFailedException(reason);
        var current = await catalog.CurrentAsync(project, cancellationToken);
        var cursor = run.Cursor<RefineCursor>();
        if (cursor.Version == 0)
        {
            var sample = await decided.SampleAsync(project, options.Items, cancellationToken);
            if (sample.Count < FewestItems) throw new RunFailedException($"People have decided {sample.Count} items; {FewestItems} are needed to refine a prompt.");
            cursor = new RefineCursor { Version = current.Version, Items = [.. sample.Select(s => s.ItemId)] };
            await run.CheckpointAsync(null, cursor, total: options.Rounds, cancellationToken: cancellationToken);
        }

        // The same version and the same items after the process died, whatever was decided meanwhile.
        var from = await catalog.FindAsync(project.Id, cursor.Version, cancellationToken) ?? current;
        var wanted = cursor.Items.ToHashSet();
        var items = (await decided.SampleAsync(project, DecidedTexts.Most, cancellationToken)).Where(d => wanted.Contains(d.ItemId)).ToList();
        var earlier = await run.Database.ReadAsync(
            async db => (await db.Runs.Where(r => r.ProjectId == project.Id && r.Kind == RunKind && r.Id < run.Run.Id && r.Result != null).Select(r => r.Result!).ToListAsync(cancellationToken)).Count(r => r.Contains("\"pValue\"", StringComparison.Ordinal)),
            cancellationToken);
        var workshop = new Workshop(run, project, options, cursor, bench, catalog, stage);
        var outcome = await new PromptRefiner(options, workshop).RunAsync(from.Version, from.Content, items, earlier, run.Run.Id, cancellationToken);

        // What was promoted by a person meanwhile stays.
        var promoted = outcome.Promoted is not null && (await catalog.CurrentAsync(project, cancellationToken)).Version == from.Version;
        run.SetResult(new { from = from.Version, promoted = promoted ? outcome.Promoted : null, outcome.Reason, outcome.Better, outcome.Worse, outcome.PValue, outcome.Needed, outcome.Tried, cost = (double)workshop.Spent });
        await run.CheckpointAsync(
            async scope =>
            {
                if (!promoted) return;
                await PromptCatalog.ActivateAsync(scope, project.Id, outcome.Promoted!.Value);
                await scope.Db.Prompts.Where(p => p.ProjectId == project.Id && p.Version == outcome.Promoted).ExecuteUpdateAsync(x => x.SetProperty(p => p.Note, p => p.Note + "\n" + outcome.Reason), cancellationToken);
            },
            null,
            message: outcome.Reason,
            total: options.Rounds,
            cancellationToken: cancellationToken);
        foreach (var version in new[] { from.Version, outcome.Promoted ?? from.Version }.Distinct())
            await bench.MeasureAsync(project, run.Run.Id, (await catalog.FindAsync(project.Id, version, cancellationToken))!, items, workshop.Left, cancellationToken);
    }

    private sealed class Workshop(RunContext run, Project project, RefineOptions options, RefineCursor start, PromptBench bench, PromptCatalog catalog, LlmStage stage) : IPromptWorkshop
    {
        private const int MostPictures = 8;

        private RefineCursor _cursor = start;

        public decimal Spent { get; private set; }

        public decimal? Left => options.Budget is { } budget and > 0 ? Math.Max(0, (decimal)budget - Spent) : null;

        public async Task<IReadOnlyList<string?>> AnswerAsync(int version, PromptContent content, IReadOnlyList<DecidedText> items, CancellationToken cancellationToken)
        {
            var (answers, cost, _) = await bench.AnswerAsync(project, run.Run.Id, version, content, items, Left, cancellationToken);
            Spent += cost;
            return [.. answers.Select(a => a.Value)];
        }

        public async Task<IReadOnlyList<(int Version, PromptContent Content, string Reason)>> ProposeAsync(
            int round, int parent, PromptContent content, IReadOnlyList<PromptError> errors, IReadOnlyList<TriedCandidate> tried, CancellationToken cancellationToken)
        {
            if (_cursor.Rounds.Count <= round) await AskAsync(parent, content, errors, tried, cancellationToken);
            var candidates = new List<(int, PromptContent, string)>();
            foreach (var version in _cursor.Rounds[round])
            {
                if (await catalog.FindAsync(project.Id, version, cancellationToken) is { } info) candidates.Add((version, info.Content, info.Note ?? ""));
            }

            return candidates;
        }

        private async Task AskAsync(int parent, PromptContent content, IReadOnlyList<PromptError> errors, IReadOnlyList<TriedCandidate> tried, CancellationToken cancellationToken)
        {
            Func<string, string>? mask = project.Settings.Llm.MaskPersonalData ? PersonalData.Mask : null;
            string? written;
            await using (var asking = await stage.OpenAsync(project, new Asker(project.Id, run.Run.Id, parent), content, Left, null, LlmWays.Plain, cancellationToken))
            {
                var shown = await ShowAsync(asking, content, errors, cancellationToken);
                (written, var why) = await asking.CompleteAsync(PromptAdvisor.Ask(content, shown, tried, options.Candidates, mask));
                Spent += asking.Cost;
                if (written is null) throw new RunFailedException($"The LLM could not be asked for proposals: {why}.");
            }

            var known = new HashSet<string>(StringComparer.Ordinal) { content.ToPrompt().Version };
            var made = PromptAdvisor.Read(written).Take(options.Candidates).Select(p => (Proposal: p, Content: p.Apply(content, errors)))
                .Where(c => c.Content.Validate().Count == 0 && known.Add(c.Content.ToPrompt().Version)).ToList();
            _cursor = await run.CheckpointAsync(
                async scope =>
                {
                    var versions = new List<int>();
                    foreach (var (proposal, candidate) in made) versions.Add((await PromptCatalog.AddAsync(scope, project.Id, candidate, proposal.Reason, parent, null)).Version);
                    return _cursor with { Rounds = [.. _cursor.Rounds, versions] };
                },
                done: 1,
                cancellationToken: cancellationToken);
        }

        // Errors as they are shown: of pictures no more than go with a call.
        private async Task<IReadOnlyList<ShownError>> ShowAsync(LlmAsking asking, PromptContent content, IReadOnlyList<PromptError> errors, CancellationToken cancellationToken)
        {
            if (!content.Pictures) return [.. errors.Select(e => new ShownError(e, null, null))];
            var items = await asking.DescribeAsync([.. errors.Take(MostPictures).Select(e => e.Item)]);
            var shown = new List<ShownError>(items.Count);
            for (var i = 0; i < items.Count; i++)
            {
                if (items[i].Picture is { } picture && await picture.OpenAsync(cancellationToken) is { } image) shown.Add(new ShownError(errors[i], picture, image));
            }

            return shown;
        }
    }
}

/// <summary>Where a refinement stands: what was asked is kept with the versions.</summary>
internal sealed record RefineCursor
{
    public int Version { get; init; }

    public IReadOnlyList<long> Items { get; init; } = [];

    public IReadOnlyList<IReadOnlyList<int>> Rounds { get; init; } = [];
}
