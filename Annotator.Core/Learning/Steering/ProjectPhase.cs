using Annotator.Core.Quality;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning.Steering;

/// <summary>What a steered project is doing.</summary>
public enum SteeringPhase
{
    /// <summary>Nothing has been learned yet, or the project is not steered.</summary>
    None,

    /// <summary>People are asked about the riskiest items.</summary>
    Learning,

    /// <summary>Random draws are shown blind, to prove the rest.</summary>
    Audit,

    /// <summary>Everything is labelled within the target.</summary>
    Done,
}

/// <summary>Counters that say where the steering of a project stands; kept with the others, so that every node can read them.</summary>
internal static class SteeringCounters
{
    /// <summary>Decisions of people that the models have learned from.</summary>
    public const string LearnedDecisions = "steering:learned";

    /// <summary>How many decisions people may run ahead of that; 0: any number.</summary>
    public const string Ahead = "steering:ahead";

    /// <summary>A <see cref="SteeringPhase"/>.</summary>
    public const string Phase = "steering:phase";

    /// <summary>Decisions that are still expected to be needed.</summary>
    public const string Left = "steering:left";

    /// <summary>Sets counters to values, inside a unit of work.</summary>
    public static async Task SetAsync(WriteScope scope, long projectId, params (string Name, long Value)[] values)
    {
        var names = values.Select(v => v.Name).ToList();
        var now = await scope.Db.Counters.AsNoTracking().Where(c => c.ProjectId == projectId && names.Contains(c.Name)).ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal, scope.CancellationToken);
        foreach (var (name, value) in values) scope.Count(projectId, name, value - now.GetValueOrDefault(name));
    }

    /// <summary>Reads the counters that pace a queue.</summary>
    public static async Task<Pace> PaceAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        var counters = await db.Counters.AsNoTracking().Where(c => c.ProjectId == projectId).ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal, cancellationToken);
        return new Pace(
            counters.GetValueOrDefault(CounterNames.HumanDecisions), counters.GetValueOrDefault(LearnedDecisions), counters.TryGetValue(Ahead, out var ahead) ? ahead : null,
            counters.Where(c => c.Key.StartsWith("state:", StringComparison.Ordinal)).Sum(c => c.Value));
    }
}

/// <summary>How far people are ahead of the learning.</summary>
/// <param name="Decided">Decisions made.</param>
/// <param name="Learned">Decisions that the models have learned from.</param>
/// <param name="Ahead">How many they may be ahead; 0: any number; null while nothing has been learned.</param>
/// <param name="Items">Items of the project.</param>
internal sealed record Pace(long Decided, long Learned, long? Ahead, long Items);
