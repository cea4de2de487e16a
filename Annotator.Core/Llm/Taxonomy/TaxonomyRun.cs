using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Taxonomy;

/// <summary>Arguments of a run that proposes labels.</summary>
public sealed record ProposeTaxonomyOptions
{
    /// <summary>Texts that are read, 20 to 2,000.</summary>
    [Range(20, 2_000, ErrorMessage = "Must be 20 to 2000.")]
    public int Sample { get; init; } = 200;

    /// <summary>Most labels, 2 to 200.</summary>
    [Range(2, 200, ErrorMessage = "Must be 2 to 200.")]
    public int MostLabels { get; init; } = 20;

    /// <summary>Whether only texts are read that none of the project's labels fits: flagged by people, without a valid answer, or found so by the LLM. Then only new labels are proposed.</summary>
    public bool OnlyUnfitting { get; init; }
}

/// <summary>
/// Reads a diverse sample of the texts and proposes labels: part by part first, then all proposals together, merged where they mean the same; then
/// the sample is labelled with them twice, in two orders, which shows what each covers, what none does, and which are taken for each other. Of these
/// the model says which to merge and which to split. Nothing of the project changes: a lead accepts what is good.
/// </summary>
internal sealed class ProposeTaxonomyHandler(LlmStage stage, Representations representations) : IRunHandler
{
    public const string RunKind = "proposeTaxonomy";

    /// <summary>Given to what none of the labels fits.</summary>
    public const string Other = "none of these";

    private const int PartSize = 40;
    private const int LongestText = 400;
    private const int Shown = 5;
    private const int MostPairs = 8;
    private const int MostWide = 3;
    private const int MostCandidates = 20_000;
    private const int MostRows = 50_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<ProposeTaxonomyOptions>();
        if (options.Sample is < 20 or > 2_000) throw new RunFailedException("sample: Must be 20 to 2000.");
        if (options.MostLabels is < 2 or > 200) throw new RunFailedException("mostLabels: Must be 2 to 200.");
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (project.Schema.Type != TaskType.Classification || project.Modality != Modality.Text) throw new RunFailedException("Labels are proposed for the classification of texts only.");
        if (!project.Settings.Llm.Enabled) throw new RunFailedException("The project's settings do not let the LLM be asked (settings.llm.enabled).");
        if (project.Schema.Labels.Count > 0 && await stage.UnavailableForTextsAsync(project, cancellationToken) is { } reason) throw new RunFailedException(reason);
        var known = PromptContent.Of(project).Labels;
        if (options.OnlyUnfitting && known.Count == 0) throw new RunFailedException("onlyUnfitting: The project has no labels yet that a text could fit or not.");

        var work = new Work(run, project, options, stage, known, run.Cursor<TaxonomyCursor>(), cancellationToken);
        if (work.Cursor.Ids.Count == 0) await work.KeepAsync(work.Cursor with { Ids = await SampleAsync(run, options, cancellationToken) });
        var texts = await TextsAsync(run, work.Cursor.Ids, cancellationToken);
        if (options.OnlyUnfitting && work.Cursor.Unfitting is null) await work.FindUnfittingAsync(texts);
        if (work.Cursor.Unfitting is { } unfitting) texts = [.. texts.Where(t => unfitting.Contains(t.Id))];
        if (texts.Count < 2) throw new RunFailedException(options.OnlyUnfitting ? "The project's labels fit the texts that were read: nothing is missing." : "There are not enough texts to read.");
        await work.ReadAsync(texts);
        await work.CoverAsync(texts);
        run.SetResult(await work.ResultAsync(texts));
        await run.CheckpointAsync(null, work.Cursor, 1, cancellationToken: cancellationToken);
    }

    // Typical texts of as many clusters as texts are wanted, where the project is represented; else drawn without regard to order. Of near-duplicates one is enough.
    private async Task<IReadOnlyList<long>> SampleAsync(RunContext run, ProposeTaxonomyOptions options, CancellationToken cancellationToken)
    {
        var first = !options.OnlyUnfitting ? [] : await run.Database.ReadAsync(
            db => Alone(db, run.ProjectId)
                .Where(i => i.Flagged || db.Queue.Any(q => q.ProjectId == i.ProjectId && q.ItemId == i.Id && (q.Reason == QueueReason.LlmFailed || q.Reason == QueueReason.Rejected || q.Reason == QueueReason.PeopleDisagree)))
                .OrderByDescending(i => i.Id).Select(i => i.Id).Take(options.Sample).ToListAsync(cancellationToken),
            cancellationToken);
        var ids = await run.Database.ReadAsync(db => Alone(db, run.ProjectId).OrderByDescending(i => i.Id).Select(i => i.Id).Take(MostCandidates).ToListAsync(cancellationToken), cancellationToken);
        var may = ids.ToHashSet();
        IEnumerable<long> chosen = ids.OrderBy(QueueRanks.Shuffle);
        if (await representations.FindAsync(run.ProjectId, cancellationToken) is { } loaded)
        {
            var vectors = loaded.Vectors;
            var rows = Enumerable.Range(0, vectors.Count).Where(r => may.Contains(vectors.Ids[r])).Take(MostRows).ToList();
            if (rows.Count > options.Sample)
            {
                var picks = await Task.Run(() => DiverseSample.Pick(vectors.ToFloats(rows), vectors.Dimensions, options.Sample, cancellationToken: cancellationToken), cancellationToken);
                chosen = picks.Select(p => vectors.Ids[rows[p]]).Concat(chosen);
            }
        }

        return [.. first.Concat(chosen).Distinct().Take(options.Sample)];
    }

    private static IQueryable<Item> Alone(AnnotatorDbContext db, long projectId) => db.Items.Where(i => i.ProjectId == projectId && i.Text != null && (i.GroupId == null || i.GroupId == i.Id));

    private static async Task<List<(long Id, string Text)>> TextsAsync(RunContext run, IReadOnlyList<long> ids, CancellationToken cancellationToken)
    {
        var rows = await run.Database.ReadAsync(
            db => db.Items.Where(i => i.ProjectId == run.ProjectId && ids.Contains(i.Id) && i.Text != null).Select(i => new { i.Id, i.Text }).ToDictionaryAsync(i => i.Id, i => i.Text!, cancellationToken), cancellationToken);
        return [.. ids.Where(rows.ContainsKey).Select(i => (i, rows[i]))];
    }

    private static string Shorten(string text) => text.Length <= LongestText ? text : text[..(char.IsHighSurrogate(text[LongestText - 1]) ? LongestText - 1 : LongestText)];

    /// <summary>The steps of one run, each kept when it is done: after a kill nothing is asked again that was answered.</summary>
    private sealed class Work(RunContext run, Project project, ProposeTaxonomyOptions options, LlmStage stage, IReadOnlyList<LlmLabel> known, TaxonomyCursor start, CancellationToken cancellationToken)
    {
        private readonly Func<string, string>? _mask = project.Settings.Llm.MaskPersonalData ? PersonalData.Mask : null;

        public TaxonomyCursor Cursor { get; private set; } = start;

        public async Task KeepAsync(TaxonomyCursor cursor, long done = 0, long? total = null)
        {
            await run.CheckpointAsync(null, cursor, done, total: total, cancellationToken: cancellationToken);
            Cursor = cursor;
        }

        // By the project's labels and one more for what fits none: what gets that one.
        public async Task FindUnfittingAsync(List<(long Id, string Text)> texts)
        {
            var marked = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && Cursor.Ids.Contains(i.Id) && i.Flagged).Select(i => i.Id).ToListAsync(cancellationToken), cancellationToken);
            var (given, cost) = await LabelAsync(known, texts);
            await KeepAsync(Cursor with { Unfitting = [.. marked.Concat(texts.Where((_, i) => given[i] == known.Count).Select(t => t.Id)).Distinct()], Cost = Cursor.Cost + cost });
        }

        public async Task ReadAsync(List<(long Id, string Text)> texts)
        {
            if (Cursor.Labels.Count > 0) return;
            var parts = texts.Chunk(PartSize).ToList();
            await KeepAsync(Cursor, total: parts.Count + 4);
            await using var asking = await OpenAsync([new LlmLabel(Other)]);
            foreach (var part in parts.Skip(Cursor.PartsRead))
            {
                var before = asking.Cost;
                var (written, why) = await asking.CompleteAsync(TaxonomyAdvisor.Read([.. part.Select(p => Send(p.Text))], known, options.OnlyUnfitting));
                if (written is null) throw new RunFailedException($"The LLM could not be asked for labels: {why}.");
                await KeepAsync(Cursor with { PartsRead = Cursor.PartsRead + 1, Proposed = [.. Cursor.Proposed, .. TaxonomyAdvisor.ReadLabels(written)], Cost = Cursor.Cost + (double)(asking.Cost - before) }, 1);
            }

            var labels = Tidy(Cursor.Proposed);
            if (labels.Count == 0) throw new RunFailedException("The LLM proposed no labels.");
            var spent = asking.Cost;
            if (parts.Count > 1)
            {
                var (written, why) = await asking.CompleteAsync(TaxonomyAdvisor.Merge(Cursor.Proposed, known, options.MostLabels));
                if (written is null) throw new RunFailedException($"The LLM could not be asked to merge labels: {why}.");
                if (Tidy(TaxonomyAdvisor.ReadLabels(written)) is { Count: > 0 } merged) labels = merged;
            }

            await KeepAsync(Cursor with { Labels = labels, Cost = Cursor.Cost + (double)(asking.Cost - spent) }, 1);
        }

        // What each label would be given to by names and definitions alone; the second time backwards, so that each text meets other neighbours and another order of labels.
        public async Task CoverAsync(List<(long Id, string Text)> texts)
        {
            var labels = All();
            if (Cursor.First is null)
            {
                var (given, cost) = await LabelAsync(labels, texts);
                await KeepAsync(Cursor with { First = given, Cost = Cursor.Cost + cost }, 1);
            }

            if (Cursor.Second is null)
            {
                var (given, cost) = await LabelAsync(labels, [.. texts.AsEnumerable().Reverse()]);
                await KeepAsync(Cursor with { Second = [.. given.Reverse()], Cost = Cursor.Cost + cost }, 1);
            }
        }

        public async Task<TaxonomyProposal> ResultAsync(List<(long Id, string Text)> texts)
        {
            var labels = All();
            var (first, second) = (Cursor.First!, Cursor.Second!);
            var counts = Enumerable.Range(0, labels.Count).Select(l => first.Count(f => f == l)).ToArray();
            var names = known.Select(k => k.Name).ToHashSet(StringComparer.Ordinal);
            var pairs = LabelOverlap.Pairs([.. labels.Select(l => l.Name)], [.. first], [.. second], MostPairs).Where(p => !names.Contains(labels[p.A].Name) || !names.Contains(labels[p.B].Name) || !options.OnlyUnfitting)
                .Select(p => new LabelPair(labels[p.A], labels[p.B], p.Confused, [.. texts.Where((_, i) => (first[i] == p.A && second[i] == p.B) || (first[i] == p.B && second[i] == p.A)).Take(Shown).Select(t => Send(t.Text))])).ToList();
            var wide = options.OnlyUnfitting ? [] : LabelOverlap.Wide(counts, MostWide).Select(l => new WideLabel(labels[l], counts[l], [.. texts.Where((_, i) => first[i] == l).Take(3 * Shown).Select(t => Send(t.Text))])).ToList();
            var suggestions = new List<TaxonomySuggestion>();
            if (pairs.Count + wide.Count > 0)
            {
                await using var asking = await OpenAsync([new LlmLabel(Other)]);
                var (written, _) = await asking.CompleteAsync(TaxonomyAdvisor.Change(pairs, wide));
                suggestions = TaxonomyAdvisor.ReadChanges(written, pairs, wide);
                Cursor = Cursor with { Cost = Cursor.Cost + (double)asking.Cost };
            }

            var answered = first.Count(f => f >= 0);
            var both = Enumerable.Range(0, texts.Count).Count(i => first[i] >= 0 && second[i] >= 0);
            var uncovered = texts.Where((_, i) => first[i] == labels.Count).ToList();
            return new TaxonomyProposal(
                texts.Count,
                answered,
                answered == 0 ? null : 1 - ((double)uncovered.Count / answered),
                both == 0 ? null : (double)Enumerable.Range(0, texts.Count).Count(i => first[i] >= 0 && first[i] == second[i]) / both,
                [.. labels.Select((l, n) => new ProposedLabel(l.Name, l.Description ?? "", counts[n], [.. texts.Where((_, i) => first[i] == n).Take(Shown).Select(t => Shorten(t.Text))], names.Contains(l.Name)))
                    .OrderByDescending(l => l.Items).ThenBy(l => l.Name, StringComparer.Ordinal)],
                suggestions,
                [.. uncovered.Take(4 * Shown).Select(u => new UncoveredText(u.Id.ToString(CultureInfo.InvariantCulture), Shorten(u.Text)))],
                options.OnlyUnfitting,
                Cursor.Cost);
        }

        // Where only new labels are sought, the known ones stand beside them: what they fit is theirs.
        private IReadOnlyList<LlmLabel> All() => options.OnlyUnfitting ? [.. known, .. Cursor.Labels.Where(l => known.All(k => !string.Equals(k.Name, l.Name, StringComparison.OrdinalIgnoreCase)))] : Cursor.Labels;

        // The place of each text's label; one past the last for none of them, -1 without an answer.
        private async Task<(IReadOnlyList<int> Given, double Cost)> LabelAsync(IReadOnlyList<LlmLabel> labels, List<(long Id, string Text)> texts)
        {
            await using var asking = await OpenAsync([.. labels, new LlmLabel(Other, "fits none of the other labels")]);
            var results = await asking.AskAsync([.. texts.Select(t => new LlmItem(t.Id.ToString(CultureInfo.InvariantCulture), t.Text))]);
            var places = labels.Select((l, i) => (l.Name, i)).ToDictionary(p => p.Name, p => p.i, StringComparer.Ordinal);
            var given = results.ToDictionary(r => r.Item.Id, r => r.Answer is { } a ? places.GetValueOrDefault(a.Labels[0], labels.Count) : -1, StringComparer.Ordinal);
            return ([.. texts.Select(t => given[t.Id.ToString(CultureInfo.InvariantCulture)])], (double)asking.Cost);
        }

        private async Task<LlmAsking> OpenAsync(IReadOnlyList<LlmLabel> labels) => await stage.OpenAsync(
            project, new Asker(project.Id, run.Run.Id, 0), new PromptContent { Labels = labels }, null, null, LlmWays.Plain, cancellationToken);

        private string Send(string text) => Shorten(_mask is null ? text : _mask(text));

        // The same name in another case is the same label.
        private List<LlmLabel> Tidy(IEnumerable<LlmLabel> labels) =>
            [.. labels.Where(l => !string.Equals(l.Name, Other, StringComparison.OrdinalIgnoreCase)).DistinctBy(l => l.Name, StringComparer.OrdinalIgnoreCase).Take(options.MostLabels)];
    }
}

/// <summary>Where a proposal of labels stands.</summary>
internal sealed record TaxonomyCursor
{
    public IReadOnlyList<long> Ids { get; init; } = [];

    public IReadOnlyList<long>? Unfitting { get; init; }

    public int PartsRead { get; init; }

    public IReadOnlyList<LlmLabel> Proposed { get; init; } = [];

    public IReadOnlyList<LlmLabel> Labels { get; init; } = [];

    public IReadOnlyList<int>? First { get; init; }

    public IReadOnlyList<int>? Second { get; init; }

    public double Cost { get; init; }
}
