using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Batches;
using Annotator.Core.Llm.Calibration;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Cascade;

/// <summary>The cascade's use of the LLM: what is asked, within the project's budget, and what is thought of the answers.</summary>
public sealed class LlmStage(
    AnnotatorDatabase database, LlmProviders providers, PromptCatalog prompts, DecidedTexts decided, LlmAnswerCache cache, LlmPictures pictures, DecidedPictures decidedPictures, LlmTrustReader trust, LlmPurses purses, TimeProvider time)
{
    // Judgements of people before the stage may pause by itself.
    private const int JudgedBeforePause = 30;

    /// <summary>Whether the LLM may be asked for this project now: configured, wanted, good enough, and within the budget.</summary>
    public async ValueTask<bool> IsAvailableAsync(Project project, CancellationToken cancellationToken = default)
    {
        if (await UnavailableAsync(project, cancellationToken) is not null) return false;

        // What waits is asked about in batches, at half the price: nobody asks for it a second time.
        if (await database.ReadAsync(db => db.Runs.AnyAsync(r => r.ProjectId == project.Id && r.Kind == LlmBatchHandler.RunKind && r.State < RunState.Succeeded, cancellationToken), cancellationToken)) return false;
        return project.Settings.Llm.Budget <= 0 || await purses.SpentAsync(project.Id, cancellationToken) < (decimal)project.Settings.Llm.Budget;
    }

    /// <summary>Why the LLM is not asked for this project, whatever was spent; null where it is.</summary>
    public async ValueTask<string?> UnavailableAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var schema = project.Schema;
        if (!project.Settings.Llm.Enabled) return "The project's settings do not let the LLM be asked (settings.llm.enabled).";
        if (schema.Type is not (TaskType.Classification or TaskType.Spans or TaskType.Boxes) || project.Modality == Modality.Video) return "The LLM is asked for classes of texts and images, for spans and for boxes only.";
        if (project.Modality == Modality.Image && project.Settings.Llm.MaskPersonalData) return "Personal data cannot be taken out of images (settings.llm.maskPersonalData).";
        if (schema.Labels.Count == 0) return "The project has no labels yet.";
        var (_, why) = await providers.ForAsync(project, cancellationToken);
        if (why is null && project.Modality == Modality.Image && await providers.TakesImagesAsync(project, cancellationToken) == false) return "The LLM provider of the project takes no images, as its last test found.";
        return why ?? await PausedAsync(project, cancellationToken);
    }

    /// <summary>As <see cref="UnavailableAsync"/>, for what is done with texts only.</summary>
    public async ValueTask<string?> UnavailableForTextsAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        return project.Modality == Modality.Text ? await UnavailableAsync(project, cancellationToken) : "This is done with texts only.";
    }

    /// <summary>What of the budget is left; null: there is no budget.</summary>
    internal Task<decimal?> LeftAsync(Project project, CancellationToken cancellationToken) => purses.LeftAsync(project, cancellationToken);

    /// <summary>Begins to ask about items of a run.</summary>
    internal async Task<LlmAsking> BeginAsync(RunContext run, Project project, CancellationToken cancellationToken)
    {
        var prompt = await prompts.CurrentAsync(project, cancellationToken);
        var asker = new Asker(project.Id, run.Run.Id, prompt.Version);
        var task = prompt.Content.Task;
        return await OpenAsync(
            project,
            asker,
            prompt.Content,
            null,
            (scope, answers) => scope.Dialect.UpsertAsync(scope.Db, [.. answers.Select(a => LlmAsking.Prediction(a, asker, task, scope.Now))], scope.CancellationToken),
            LlmWays.All,
            cancellationToken);
    }

    /// <summary>Begins to ask with a prompt.</summary>
    /// <param name="project">The project.</param>
    /// <param name="asker">For whom.</param>
    /// <param name="content">The prompt.</param>
    /// <param name="budget">Money that may be spent, besides the project's budget, which holds in any case; null: no bound.</param>
    /// <param name="keep">Keeps what was answered, in the transaction of the ledger; null: nothing is kept.</param>
    /// <param name="ways">How items are asked about.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="itemsPerCall">Items of a call; null: as the project says.</param>
    internal async Task<LlmAsking> OpenAsync(
        Project project, Asker asker, PromptContent content, decimal? budget, Func<WriteScope, IReadOnlyList<LlmItemResult>, Task>? keep, LlmWays ways, CancellationToken cancellationToken,
        int? itemsPerCall = null)
    {
        var (labeller, why) = await providers.ForAsync(project, cancellationToken);
        if (labeller is null) throw new RunFailedException(why!);
        var settings = project.Settings.Llm;
        if (content.Pictures) itemsPerCall = Math.Min(itemsPerCall ?? settings.ItemsPerCall, settings.ImagesPerCall);
        Func<string, string>? mask = settings.MaskPersonalData ? PersonalData.Mask : null;
        var index = settings.Examples > 0 && !content.Pictures && ways.HasFlag(LlmWays.Examples) ? await decided.IndexAsync(project, cancellationToken) : null;
        var options = new LlmRunOptions
        {
            ItemsPerCall = itemsPerCall ?? settings.ItemsPerCall,
            Budget = budget,
            Seed = (int)((asker.RunId ?? 0) & int.MaxValue),
            Mask = mask,
            Restore = mask is not null && content.Task == LlmTask.Spans ? (text, answer) => PersonalData.Hide(text).ToOriginal(answer) : null,
            PicturesFor = content.Pictures && settings.ImageExamples > 0 && ways.HasFlag(LlmWays.Examples) ? await decidedPictures.OpenAsync(project, cancellationToken) : null,
            ExamplesFor = index is null or { Size: 0 } ? null : items => index.For(items, settings.Examples, settings.ExampleTokens, mask, text => TokenCounter.Count(labeller.Endpoint.Model, text)),
        };
        return new LlmAsking(database, asker, labeller, (mask is null ? content : content.Masked()).ToPrompt(), options, settings, ways, ways.HasFlag(LlmWays.Cache) ? cache : null, content.Pictures ? pictures : null, await purses.OpenAsync(project, cancellationToken), keep, time, cancellationToken);
    }

    /// <summary>What the model's answers are worth, as people have judged them.</summary>
    internal Task<LlmTrust> TrustAsync(long projectId, CancellationToken cancellationToken) => trust.ReadAsync(projectId, cancellationToken);

    // The version in use has lost the trust once even the upper end of its accuracy's interval is below the line.
    // Judgements of people who did not see the answer count alone once they are enough: who sees one is led by it.
    private async Task<string?> PausedAsync(Project project, CancellationToken cancellationToken)
    {
        var line = project.Settings.Llm.PauseBelow;
        if (line <= 0) return null;
        var (right, judged, version) = await database.ReadAsync(
            async db =>
            {
                if (await db.Prompts.Where(p => p.ProjectId == project.Id && p.Active).Select(p => (int?)p.Version).FirstOrDefaultAsync(cancellationToken) is not { } active) return (0, 0, 0);
                string[] names = [CounterNames.LlmRightOf(active), CounterNames.LlmJudgedOf(active), CounterNames.LlmBlindRightOf(active), CounterNames.LlmBlindJudgedOf(active)];
                var counters = await db.Counters.Where(c => c.ProjectId == project.Id && names.Contains(c.Name)).ToDictionaryAsync(c => c.Name, c => (int)c.Value, StringComparer.Ordinal, cancellationToken);
                var blind = counters.GetValueOrDefault(names[3]);
                return blind >= JudgedBeforePause ? (counters.GetValueOrDefault(names[2]), blind, active) : (counters.GetValueOrDefault(names[0]), counters.GetValueOrDefault(names[1]), active);
            },
            cancellationToken);
        if (judged < JudgedBeforePause || ProportionInterval.Wilson(Math.Clamp(right, 0, judged), judged) is not { } accuracy || accuracy.Upper >= line) return null;
        return string.Create(
            CultureInfo.InvariantCulture, $"The LLM is paused: of {judged} answers of prompt version {version} that people judged, {right} were right, which is below the line (settings.llm.pauseBelow). Another version, or a lower line, ends the pause.");
    }
}
