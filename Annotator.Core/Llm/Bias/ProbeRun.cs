using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Bias;

/// <summary>Arguments of a run that probes the LLM.</summary>
public sealed record ProbeLlmOptions
{
    /// <summary>Items that are asked about, five times each, 20 to 500.</summary>
    [Range(20, 500, ErrorMessage = "Must be 20 to 500.")]
    public int Items { get; init; } = 60;
}

/// <summary>
/// Asks about the same items again with something changed that should change nothing: nothing at all, the labels in the opposite order, labels whose
/// names mean nothing, and each item alone. How often the answer changes is what a single answer is worth less; where one label changes with the order, it is
/// seen whether the model is drawn to one end of the list. Spans hold where every one of them comes again, boxes where each has one of its label that overlaps it by half.
/// </summary>
internal sealed class ProbeLlmHandler(LlmStage stage, PromptCatalog catalog, TimeProvider time) : IRunHandler
{
    public const string RunKind = "probeLlm";

    private const int Shown = 20;
    private const int LongestText = 200;

    private static readonly (string Name, bool Backwards, bool Renamed, bool Alone)[] s_passes =
        [("base", false, false, false), ("repetition", false, false, false), ("order", true, false, false), ("names", false, true, false), ("neighbours", false, false, true)];

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<ProbeLlmOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (await stage.UnavailableAsync(project, cancellationToken) is { } reason) throw new RunFailedException(reason);
        var cursor = run.Cursor<ProbeCursor>();
        if (cursor.Ids.Count == 0)
        {
            var ids = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && (i.Text != null || i.Url != null) && (i.GroupId == null || i.GroupId == i.Id)).OrderByDescending(i => i.Id).Select(i => i.Id).Take(20_000).ToListAsync(cancellationToken), cancellationToken);
            if (ids.Count < 2) throw new RunFailedException("There are not enough items to ask about.");
            cursor = new ProbeCursor { Ids = [.. ids.OrderBy(QueueRanks.Shuffle).Take(options.Items)], Version = (await catalog.CurrentAsync(project, cancellationToken)).Version };
            await run.CheckpointAsync(null, cursor, total: s_passes.Length, cancellationToken: cancellationToken);
        }

        var version = await catalog.FindAsync(project.Id, cursor.Version, cancellationToken) ?? await catalog.CurrentAsync(project, cancellationToken);
        var known = cursor.Ids;
        var stored = await run.Database.ReadAsync(
            db => db.Items.Where(i => i.ProjectId == project.Id && known.Contains(i.Id)).Select(i => new { i.Id, i.Key, i.Text, i.Url }).ToDictionaryAsync(i => i.Id, cancellationToken), cancellationToken);
        var items = known.Where(stored.ContainsKey).Select(i => new DecidedText(i, stored[i].Text ?? stored[i].Key, "", false, stored[i].Text is null ? stored[i].Url : null)).ToList();
        foreach (var pass in s_passes.Skip(cursor.Said.Count))
        {
            var (said, cost) = await AskAsync(run, project, version, items, pass, cancellationToken);
            cursor = cursor with { Said = [.. cursor.Said, said], Cost = cursor.Cost + cost };
            await run.CheckpointAsync(null, cursor, 1, cancellationToken: cancellationToken);
        }

        run.SetResult(Report(version, items, cursor));
        await run.CheckpointAsync(null, cursor, cancellationToken: cancellationToken);
    }

    private async Task<(IReadOnlyList<string?> Said, double Cost)> AskAsync(
        RunContext run, Project project, PromptInfo version, List<DecidedText> items, (string Name, bool Backwards, bool Renamed, bool Alone) pass, CancellationToken cancellationToken)
    {
        var names = version.Content.Labels.Select(l => l.Name).ToList();
        var content = version.Content with { InGivenOrder = true };
        if (pass.Renamed)
        {
            content = content with
            {
                Labels = [.. content.Labels.Select((l, i) => new LlmLabel(Code(i), $"{l.Name}. {(content.Definitions.TryGetValue(l.Name, out var words) ? words : l.Description)}".TrimEnd(' ')))],
                Definitions = new Dictionary<string, string>(StringComparer.Ordinal),
                Examples = [.. content.Examples.Select(e => e with { Labels = [.. e.Labels.Select(l => Code(names.IndexOf(l)))], Quotes = e.Quotes?.Select(q => q with { Label = Code(names.IndexOf(q.Label)) }).ToList() })],
            };
        }

        if (pass.Backwards) content = content with { Labels = [.. content.Labels.Reverse()] };
        await using var asking = await stage.OpenAsync(
            project, new Asker(project.Id, run.Run.Id, version.Version), content, null, null, LlmWays.Plain, cancellationToken, itemsPerCall: pass.Alone ? 1 : null);
        var results = await asking.AskAsync(await asking.DescribeAsync(items));
        if (results.All(r => r.Answer is null)) throw new RunFailedException($"The LLM could not be asked: {results[0].Detail}.");
        var spelled = names.Select((n, i) => (Name: n, Code: Code(i))).ToDictionary(p => pass.Renamed ? p.Code : p.Name, p => p.Name, StringComparer.Ordinal);
        var said = results.ToDictionary(r => r.Item.Id, r => r.Answer is { } a ? LlmAsking.Value(Rename(a, spelled), content.Task, r.Item.Picture) : null, StringComparer.Ordinal);
        return ([.. items.Select(i => said[i.ItemId.ToString(CultureInfo.InvariantCulture)])], (double)asking.Cost);
    }

    private static LlmAnswer Rename(LlmAnswer answer, Dictionary<string, string> names) => answer with
    {
        Labels = [.. answer.Labels.Select(l => names[l])],
        Spans = [.. answer.Spans.Select(s => s with { Label = names[s.Label] })],
        Boxes = answer.Boxes?.Select(b => b with { Label = names[b.Label] }).ToList(),
    };

    private ProbeReport Report(PromptInfo version, List<DecidedText> items, ProbeCursor cursor)
    {
        var names = version.Content.Labels.Select(l => l.Name).ToList();
        var before = cursor.Said[0];
        var shares = new List<ProbeShare>();
        var flips = new List<ProbeFlip>();
        for (var p = 1; p < s_passes.Length; p++)
        {
            var after = cursor.Said[p];
            var both = Enumerable.Range(0, items.Count).Where(i => before[i] is not null && after[i] is not null).ToList();
            var changed = both.Where(i => !LabelLikeness.Same(before[i]!, after[i]!)).ToList();
            var same = both.Count - changed.Count;
            var interval = ProportionInterval.Wilson(same, both.Count);
            shares.Add(new ProbeShare(s_passes[p].Name, both.Count, same, interval?.Lower ?? 0, interval?.Upper ?? 1));
            flips.AddRange(changed.Take(Shown / (s_passes.Length - 1)).Select(i => new ProbeFlip(
                items[i].ItemId.ToString(CultureInfo.InvariantCulture), Shorten(items[i].Text), s_passes[p].Name, Words(items[i], before[i]), Words(items[i], after[i]))));
        }

        // Forwards the one label and backwards the other: earlier both times, or later both times.
        var places = names.Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i, StringComparer.Ordinal);
        var moved = Enumerable.Range(0, items.Count).Select(i => (Before: Place(before[i]), After: Place(cursor.Said[2][i]))).Where(m => m is { Before: >= 0, After: >= 0 }).ToList();
        var (earlier, later) = (moved.Count(m => m.After > m.Before), moved.Count(m => m.Before > m.After));
        return new ProbeReport(version.Version, shares, earlier, later, BiasFigures.TwoSided(earlier, later), flips, cursor.Cost, time.GetUtcNow());

        int Place(string? value) => value is not null && LabelJson.Read(value).Single is { } label ? places[label] : -1;
    }

    // What was said in words; of many spans or boxes the first.
    private static string Words(DecidedText item, string? said) => Shorten(AnswerWords.Of(said, item.Text) is { Length: > 0 } words ? words : "–");

    private static string Code(int place) => FormattableString.Invariant($"class-{place + 1:000}");

    private static string Shorten(string text) => text.Length <= LongestText ? text : text[..(char.IsHighSurrogate(text[LongestText - 1]) ? LongestText - 1 : LongestText)];
}

/// <summary>Where a probe stands: what each pass answered, as label values; null for none.</summary>
internal sealed record ProbeCursor
{
    public IReadOnlyList<long> Ids { get; init; } = [];

    public int Version { get; init; }

    public IReadOnlyList<IReadOnlyList<string?>> Said { get; init; } = [];

    public double Cost { get; init; }
}
