using System.Collections.Concurrent;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Calibration;

/// <summary>What the LLM's answers are worth, version by version of the prompt.</summary>
/// <param name="Reliability">How often it is right on the whole, held back while few answers were judged: for versions of which none was.</param>
/// <param name="Versions">What a confidence of a version is worth.</param>
internal sealed record LlmTrust(double Reliability, IReadOnlyDictionary<int, ConfidenceCalibrator> Versions)
{
    /// <summary>The probability that an answer is right.</summary>
    /// <param name="version">Version of the prompt.</param>
    /// <param name="confidence">The confidence that came with it; 0 where none did.</param>
    public double Of(int version, double confidence) => Versions.TryGetValue(version, out var calibrator) ? calibrator.Of(confidence > 0 ? confidence : null) : Reliability;
}

/// <summary>Calibrates the LLM's confidences by what people decided, apart for each version of the prompt.</summary>
public sealed class LlmTrustReader(AnnotatorDatabase database)
{
    // Until people have judged enough of its answers, the model is thought to be right as often as not.
    private const double PriorRight = 4;
    private const double PriorJudged = 8;

    // Newest judged answers by which it is calibrated.
    private const int MostJudged = 5_000;

    private readonly ConcurrentDictionary<long, (long Judged, long Measured, IReadOnlyDictionary<int, ConfidenceCalibrator> Versions)> _known = new();

    /// <summary>What a project's LLM is worth now. The calibration is made anew when a twentieth more was judged.</summary>
    internal async Task<LlmTrust> ReadAsync(long projectId, CancellationToken cancellationToken)
    {
        string[] names = [CounterNames.LlmRight, CounterNames.LlmJudged, CounterNames.LlmMeasured];
        var (right, judged, measured) = await database.ReadAsync(
            async db =>
            {
                var counters = await db.Counters.Where(c => c.ProjectId == projectId && names.Contains(c.Name)).ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal, cancellationToken);
                return (counters.GetValueOrDefault(names[0]), counters.GetValueOrDefault(names[1]), counters.GetValueOrDefault(names[2]));
            },
            cancellationToken);
        var reliability = Math.Clamp((right + PriorRight) / (judged + PriorJudged), 0.01, 0.99);
        if (judged == 0 && measured == 0) return new LlmTrust(reliability, new Dictionary<int, ConfidenceCalibrator>());
        if (_known.TryGetValue(projectId, out var known) && known.Measured == measured && judged >= known.Judged && judged - known.Judged <= known.Judged / 20) return new LlmTrust(reliability, known.Versions);
        var versions = await FitAsync(projectId, reliability, cancellationToken);
        _known[projectId] = (judged, measured, versions);
        return new LlmTrust(reliability, versions);
    }

    private async Task<IReadOnlyDictionary<int, ConfidenceCalibrator>> FitAsync(long projectId, double reliability, CancellationToken cancellationToken)
    {
        var (said, measured) = await database.ReadAsync(
            async db => (
                await (from p in db.Predictions
                       join i in db.Items on new { p.ProjectId, Id = p.ItemId } equals new { i.ProjectId, i.Id }
                       where p.ProjectId == projectId && p.Source == LabelSource.Llm && p.Value != null && i.LabelValue != null && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import)
                       orderby i.Id descending
                       select new Judged(i.Id, p.Version, p.Value!, p.Confidence, i.LabelValue!)).Take(MostJudged).ToListAsync(cancellationToken),
                await (from a in db.PromptAnswers
                       join i in db.Items on new { a.ProjectId, Id = a.ItemId } equals new { i.ProjectId, i.Id }
                       where a.ProjectId == projectId && a.Value != null && i.LabelValue != null && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import)
                       orderby i.Id descending
                       select new Judged(i.Id, a.PromptVersion, a.Value!, a.Confidence ?? 0, i.LabelValue!)).Take(MostJudged).ToListAsync(cancellationToken)),
            cancellationToken);

        // An answer that gave no confidence says nothing about what confidences are worth.
        return said.Concat(measured).Where(j => j.Confidence > 0).DistinctBy(j => (j.Version, j.ItemId)).GroupBy(j => j.Version).ToDictionary(
            g => g.Key,
            g => ConfidenceCalibrator.Fit([.. g.Select(j => j.Confidence)], [.. g.Select(j => LabelLikeness.Same(j.Said, j.People))], reliability));
    }

    private sealed record Judged(long ItemId, int Version, string Said, double Confidence, string People);
}
