using System.Collections.Concurrent;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Projects;
using Annotator.Core.Quality.LabelErrors;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>An item whose label is probably wrong.</summary>
/// <param name="Item">The item.</param>
/// <param name="Suggested">The label that students who had not seen it would give, as canonical JSON.</param>
/// <param name="Score">Probability of the label it has, by these: the smaller, the more suspect.</param>
public sealed record SuspectItem(Item Item, string Suggested, double Score);

/// <summary>
/// Finds labels of people and of the data that are probably wrong, by confident learning on predictions of students that had not seen them, see <see cref="SecondOpinion"/>.
/// Computed at most once per training; where this process has not trained yet, it trains once for the purpose.
/// </summary>
public sealed class SuspectReader
{
    private readonly AnnotatorDatabase _database;
    private readonly TrainingWorkspaces _workspaces;
    private readonly ConcurrentDictionary<long, Found> _found = new();

    internal SuspectReader(AnnotatorDatabase database, TrainingWorkspaces workspaces) => (_database, _workspaces) = (database, workspaces);

    /// <summary>The most suspect items, worst first; empty where the built-in student cannot be trained.</summary>
    public async Task<IReadOnlyList<SuspectItem>> ReadAsync(Project project, int limit, CancellationToken cancellationToken = default)
    {
        if (!project.HasStudent) return [];
        var found = await FindAsync(project, cancellationToken);
        var suspects = new List<SuspectItem>();
        foreach (var part in found.Labels.Chunk(500))
        {
            if (suspects.Count >= limit) break;
            var ids = part.Select(s => s.ItemId).ToList();
            var items = await _database.ReadAsync(
                db => db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id) && i.State == ItemState.Final).ToDictionaryAsync(i => i.Id, cancellationToken), cancellationToken);

            // What has another label since was looked at already.
            suspects.AddRange(part.Where(s => items.TryGetValue(s.ItemId, out var item) && string.Equals(item.LabelValue, s.Given, StringComparison.Ordinal))
                .Select(s => new SuspectItem(items[s.ItemId], s.Suggested, s.Score)));
        }

        return suspects.Count > limit ? suspects.GetRange(0, limit) : suspects;
    }

    private async Task<Found> FindAsync(Project project, CancellationToken cancellationToken)
    {
        var workspace = _workspaces.Of(project.Id);
        if (workspace.Last is { } last && _found.TryGetValue(project.Id, out var known) && ReferenceEquals(known.Of, last)) return known;
        await workspace.Busy.WaitAsync(cancellationToken);
        try
        {
            var loaded = await workspace.LoadAsync(_database, project, everything: false, cancellationToken);
            var labels = loaded.Labels;
            var names = project.Schema.Leaves();
            if (workspace.Last is null && loaded.Labelled >= StudentTraining.FewestForFolds && labels.Select(l => l.Class).Distinct().Count() > 1)
            {
                var trainer = workspace.TrainerOf(project);
                workspace.Last = await Task.Run(
                    () => StudentTraining.Train(trainer, workspace.Rows, labels, names.Count, workspace.IdOf, cancellationToken: cancellationToken), cancellationToken);
            }

            if (workspace.Last is not { OutOfFold: { } folds } student) return new Found(null, []);
            var given = labels.ToLookup(l => l.Row, l => l.Class);
            var found = new Found(student, project.Schema.Multiple
                ? Several(folds.Rows, folds.Probabilities(student.Temperature), given, names, workspace.IdOf)
                : await Task.Run(() => One(workspace, project, labels, folds, student.Temperature, names, cancellationToken), cancellationToken));
            _found[project.Id] = found;
            return found;
        }
        finally
        {
            workspace.Busy.Release();
        }
    }

    private static List<Suspect> One(
        TrainingWorkspace workspace, Project project, IReadOnlyList<LabelledRow> labels, OutOfFoldPredictions folds, Temperature temperature, IReadOnlyList<string> names, CancellationToken cancellationToken) =>
        [.. SecondOpinion.Find(workspace.TrainerOf(project), workspace.Rows, labels, names.Count, folds, temperature, workspace.FoldOf, cancellationToken: cancellationToken)
            .Select(s => new Suspect(workspace.IdOf(s.Row), Choice(names[s.Given]), Choice(names[s.Suggested]), s.SelfConfidence))];

    // Each class is a question of its own, yes or no; an item is as suspect as its most doubtful answer.
    private static List<Suspect> Several(IReadOnlyList<int> rows, float[] probabilities, ILookup<int, int> given, IReadOnlyList<string> names, Func<int, long> idOf)
    {
        var doubts = new Dictionary<int, double>();
        var sets = Enumerable.Range(0, rows.Count).Select(i => given[rows[i]].ToHashSet()).ToArray();
        for (var c = 0; c < names.Count; c++)
        {
            var own = new double[rows.Count * 2];
            for (var i = 0; i < rows.Count; i++) (own[2 * i], own[(2 * i) + 1]) = (1 - probabilities[(i * names.Count) + c], probabilities[(i * names.Count) + c]);
            foreach (var suspect in ConfidentLearning.Find(own, Array.ConvertAll(sets, s => s.Contains(c) ? 1 : 0), 2))
                doubts[suspect.Row] = Math.Min(doubts.GetValueOrDefault(suspect.Row, 1), suspect.SelfConfidence);
        }

        return
        [
            .. doubts.Where(d => sets[d.Key].Count > 0).OrderBy(d => d.Value).ThenBy(d => d.Key).Select(d => new Suspect(
                idOf(rows[d.Key]), Choices(names, c => sets[d.Key].Contains(c)), Choices(names, c => probabilities[(d.Key * names.Count) + c] >= 0.5f), d.Value)),
        ];
    }

    private static string Choice(string name) => LabelJson.Write(new ChoiceValue(name));

    private static string Choices(IReadOnlyList<string> names, Func<int, bool> chosen) => LabelJson.Write(new ChoicesValue([.. names.Where((_, c) => chosen(c))]));

    private sealed record Suspect(long ItemId, string Given, string Suggested, double Score);

    private sealed record Found(TrainedStudent? Of, IReadOnlyList<Suspect> Labels);
}
