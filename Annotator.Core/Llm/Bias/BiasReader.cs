using System.Globalization;
using System.Text.Json;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Bias;

/// <summary>Reads how the LLM leans, by what people say of the same items, over time and by probes.</summary>
public sealed class BiasReader(AnnotatorDatabase database, RunService runs)
{
    // Newest items by which it is judged, and newest answers over which it is watched.
    private const int MostJudged = 20_000;
    private const int MostTimed = 50_000;

    private const int MostFields = 20;
    private const int LongestValue = 60;

    /// <summary>Compares the LLM's labels with people's on the newest items that both have labelled.</summary>
    public async Task<BiasReport> ReadAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var rows = await database.ReadAsync(
            db => (from p in db.Predictions
                   join i in db.Items on new { p.ProjectId, Id = p.ItemId } equals new { i.ProjectId, i.Id }
                   where p.ProjectId == project.Id && p.Source == LabelSource.Llm && p.Value != null && i.LabelValue != null && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import)
                   orderby i.Id descending
                   select new { i.Id, p.Version, Said = p.Value!, People = i.LabelValue!, i.Metadata, Text = i.Text == null ? "" : i.Text.Substring(0, 400), Length = i.Text == null ? 0 : i.Text.Length }).Take(MostJudged).ToListAsync(cancellationToken),
            cancellationToken);
        var lengths = rows.Select(r => r.Length).Order().ToList();
        var (shortest, longest) = lengths.Count == 0 ? (0, 0) : (lengths[lengths.Count / 3], lengths[lengths.Count * 2 / 3]);
        var read = new Dictionary<string, IReadOnlySet<string>>(StringComparer.Ordinal);
        var answers = rows.Select(r => new JudgedAnswer(
            r.Version, Names(r.Said), Names(r.People), LabelLikeness.Same(r.People, r.Said),
            [("#length", r.Length <= shortest ? "short" : r.Length <= longest ? "medium" : "long"), ("#script", Script(r.Text)), .. Fields(r.Metadata)])).ToList();
        var right = answers.Count(a => a.Right);

        var judged = rows.ToDictionary(r => r.Id, r => LabelLikeness.Same(r.People, r.Said));
        var timed = await database.ReadAsync(
            db => db.Predictions.Where(p => p.ProjectId == project.Id && p.Source == LabelSource.Llm && p.Value != null).OrderByDescending(p => p.CreatedAt).Select(p => new { p.ItemId, p.CreatedAt, Said = p.Value! }).Take(MostTimed).ToListAsync(cancellationToken),
            cancellationToken);
        var windows = BiasFigures.Windows([.. timed.Select(t => new TimedAnswer(t.CreatedAt, Names(t.Said), judged.TryGetValue(t.ItemId, out var r) ? r : null))]);

        var counters = await database.ReadAsync(
            db => db.Counters.Where(c => c.ProjectId == project.Id && c.Name.StartsWith("llm:blind")).ToDictionaryAsync(c => c.Name, c => (int)c.Value, StringComparer.Ordinal, cancellationToken), cancellationToken);
        var versions = answers.GroupBy(a => a.Version).OrderByDescending(g => g.Key).Select(g =>
        {
            var (of, hits) = (g.Count(), g.Count(a => a.Right));
            var interval = ProportionInterval.Wilson(hits, of)!.Value;
            return new VersionAccuracy(g.Key, of, hits, interval.Lower, interval.Upper, counters.GetValueOrDefault(CounterNames.LlmBlindJudgedOf(g.Key)), counters.GetValueOrDefault(CounterNames.LlmBlindRightOf(g.Key)));
        }).ToList();
        var labels = BiasFigures.Labels(answers, [.. project.Schema.Labels.Select(l => l.Name)]);
        var slices = BiasFigures.Slices(answers);
        var probes = await ProbesAsync(project.Id, cancellationToken);
        return new BiasReport(answers.Count, right, labels, versions, slices, windows, probes, BiasFigures.Alarms(labels, versions, slices, windows, probes, answers.Count, right));

        IReadOnlySet<string> Names(string value) => read.TryGetValue(value, out var names) ? names : read[value] = LabelJson.Read(value).LabelNames.ToHashSet(StringComparer.Ordinal);
    }

    private async Task<ProbeReport?> ProbesAsync(long projectId, CancellationToken cancellationToken) =>
        (await runs.ListOfKindAsync(projectId, ProbeLlmHandler.RunKind, 20, cancellationToken)).FirstOrDefault(r => r is { State: RunState.Succeeded, Result: not null }) is { } run
            ? JsonSerializer.Deserialize<ProbeReport>(run.Result!, ProjectJson.Options)
            : null;

    private static IEnumerable<(string Field, string Value)> Fields(string? metadata)
    {
        if (metadata is null) yield break;
        using var document = JsonDocument.Parse(metadata);
        if (document.RootElement.ValueKind != JsonValueKind.Object) yield break;
        foreach (var field in document.RootElement.EnumerateObject().Take(MostFields))
        {
            var value = field.Value.ValueKind switch
            {
                JsonValueKind.String => field.Value.GetString(),
                JsonValueKind.True or JsonValueKind.False or JsonValueKind.Number => field.Value.GetRawText(),
                _ => null,
            };
            if (value is { Length: > 0 and <= LongestValue }) yield return (field.Name, value);
        }
    }

    // The script of most letters: models differ most between languages, and a script is what a text shows of its language at once.
    private static string Script(string text)
    {
        Span<int> counts = stackalloc int[6];
        foreach (var rune in text.EnumerateRunes())
        {
            if (System.Text.Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.LowercaseLetter or UnicodeCategory.UppercaseLetter or UnicodeCategory.OtherLetter or UnicodeCategory.ModifierLetter)) continue;
            counts[rune.Value switch
            {
                < 0x250 => 0,
                >= 0x1100 and < 0x1200 or >= 0x3130 and < 0x3190 or >= 0xAC00 and < 0xD7B0 => 1,
                >= 0x3040 and < 0x3100 or >= 0x3400 and < 0xA000 => 2,
                >= 0x400 and < 0x530 => 3,
                >= 0x590 and < 0x780 => 4,
                _ => 5,
            }]++;
        }

        var best = 0;
        for (var i = 1; i < counts.Length; i++)
        {
            if (counts[i] > counts[best]) best = i;
        }

        return counts[best] == 0 ? "other" : best switch { 0 => "Latin", 1 => "Hangul", 2 => "Han and Kana", 3 => "Cyrillic", 4 => "Arabic and Hebrew", _ => "other" };
    }
}
