using System.Collections.Concurrent;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Routing;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>What is kept in memory between trainings: features never change, and the last weights are the best start. All of it can be made again.</summary>
internal sealed class TrainingWorkspaces(ItemFeatures features)
{
    private readonly ConcurrentDictionary<long, TrainingWorkspace> _workspaces = new();

    public TrainingWorkspace Of(long projectId) => _workspaces.GetOrAdd(projectId, _ => new TrainingWorkspace(features));
}

/// <summary>What a training learns from.</summary>
/// <param name="Labels">Labels of people and of the data, by row.</param>
/// <param name="Labelled">Items with such a label.</param>
/// <param name="Decisions">Decisions of people.</param>
/// <param name="Items">All items without their texts; empty where only labelled ones were asked for.</param>
/// <param name="Decided">Class by row; -1 where nobody has decided.</param>
/// <param name="Llm">The LLM's answers by row.</param>
/// <param name="Answered">How many answers of the LLM there are.</param>
/// <param name="Heard">How many it had given, those among them that are none of today's classes.</param>
internal sealed record LoadedLabels(List<LabelledRow> Labels, int Labelled, int Decisions, IReadOnlyList<Item> Items, int[] Decided, LabellerAnswers Llm, int Answered, int Heard);

/// <summary>One project's features and last training.</summary>
internal sealed class TrainingWorkspace(ItemFeatures features)
{
    private readonly Dictionary<long, int> _rowOf = [];
    private readonly List<long> _ids = [];
    private readonly Dictionary<long, long> _groupOf = [];
    private string? _schema;
    private FeatureOptions? _options;
    private AnswerLevels? _levels;

    public SemaphoreSlim Busy { get; } = new(1, 1);

    public SparseRows Rows { get; private set; } = new();

    public TrainedStudent? Last { get; set; }

    /// <summary>What the models said after the last training, for a steered project.</summary>
    public SteeringView? View { get; set; }

    /// <summary>The items that are most like each item, for a steered project; made after the first training, or for it where an LLM has answered.</summary>
    public RowNeighbours? Neighbours { get; set; }

    /// <summary>The encoder's representation that they are of; 0 where the student's own features say what is alike.</summary>
    public long NeighboursOf { get; set; }

    /// <summary>The words of each item, for a steered project; grows with the items.</summary>
    public WordRows? Words { get; set; }

    /// <summary>How a student of the project is trained on what was loaded.</summary>
    public SoftmaxTrainer TrainerOf(Project project) => ItemFeatures.TrainerOf(project, _options ?? throw new InvalidOperationException("Nothing was loaded yet."));

    public long IdOf(int row) => _ids[row];

    public int RowOf(long id) => _rowOf[id];

    /// <summary>Number from which a row's fold follows: near-duplicates are held out together, for one would give the other away.</summary>
    public long FoldOf(int row) => _groupOf.TryGetValue(_ids[row], out var group) ? group : _ids[row];

    /// <summary>Reads labels, and the features of items that are new here.</summary>
    /// <param name="database">The database.</param>
    /// <param name="project">The project.</param>
    /// <param name="everything">Whether all items are wanted, with the LLM's answers, or the labelled ones only.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<LoadedLabels> LoadAsync(AnnotatorDatabase database, Project project, bool everything, CancellationToken cancellationToken)
    {
        // Another set of classes is another model.
        if (!string.Equals(_schema, project.SchemaJson, StringComparison.Ordinal)) (_schema, Last, View) = (project.SchemaJson, null, null);

        // And so are rows of another encoder.
        var options = await features.OptionsAsync(project, cancellationToken);
        if (!options.Equals(_options))
        {
            (_options, Last, View, Neighbours, Words, Rows) = (options, null, null, null, null, new SparseRows());
            _rowOf.Clear();
            _ids.Clear();
            _groupOf.Clear();
        }

        var (items, decisions) = await database.ReadAsync(
            async db =>
            {
                var wanted = db.Items.Where(i => i.ProjectId == project.Id);
                if (!everything) wanted = wanted.Where(i => i.State == ItemState.Final && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import));
                var rows = await wanted.OrderBy(i => i.Id)
                    .Select(i => new Item
                    {
                        ProjectId = i.ProjectId, Id = i.Id, Key = i.Key, GroupId = i.GroupId, State = i.State, Route = i.Route, Version = i.Version, Votes = i.Votes, Flagged = i.Flagged, Audit = i.Audit,
                        PredictionValue = i.PredictionValue, PredictionConfidence = i.PredictionConfidence, PredictionSource = i.PredictionSource, PredictionVersion = i.PredictionVersion,
                        LabelValue = i.LabelValue, LabelSource = i.LabelSource, LabelConfidence = i.LabelConfidence, DecidedAt = i.DecidedAt,
                    }).ToListAsync(cancellationToken);
                var count = await db.Counters.Where(c => c.ProjectId == project.Id && c.Name == CounterNames.HumanDecisions).Select(c => c.Value).FirstOrDefaultAsync(cancellationToken);
                return (rows, (int)count);
            },
            cancellationToken);
        await AddFeaturesAsync(database, project, [.. items.Select(l => l.Id).Where(id => !_rowOf.ContainsKey(id))], cancellationToken);

        var names = project.Schema.Leaves().Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i, StringComparer.Ordinal);
        var classes = new ClassReader(names);
        var labels = new List<LabelledRow>(items.Count);
        var decided = new int[Rows.Count];
        Array.Fill(decided, -1);
        foreach (var item in items.Where(i => i.GroupId is not null)) _groupOf[item.Id] = item.GroupId!.Value;
        var labelled = 0;
        foreach (var item in items.Where(SteeringService.IsDecided))
        {
            var chosen = classes.Read(item.LabelValue!);
            labelled++;
            if (chosen.Length == 1) decided[_rowOf[item.Id]] = chosen[0];
            labels.AddRange(chosen.Select(c => new LabelledRow(_rowOf[item.Id], c)));
        }

        var (llm, answered, heard) = await ReadAnswersAsync(database, project.Id, classes, everything, cancellationToken);
        return new LoadedLabels(labels, labelled, decisions, everything ? items : [], decided, llm, answered, heard);
    }

    private async Task<(LabellerAnswers Llm, int Answered, int Heard)> ReadAnswersAsync(AnnotatorDatabase database, long projectId, ClassReader classes, bool everything, CancellationToken cancellationToken)
    {
        var said = new int[Rows.Count];
        Array.Fill(said, -1);
        if (!everything) return (new LabellerAnswers(said), 0, 0);
        var answers = await database.ReadAsync(
            db => db.Predictions.Where(p => p.ProjectId == projectId && p.Source == LabelSource.Llm && p.Value != null).Select(p => new { p.ItemId, p.Value, p.Version, p.Confidence }).ToListAsync(cancellationToken),
            cancellationToken);
        var read = new List<(int Row, int Version, double Confidence)>(answers.Count);
        foreach (var answer in answers)
        {
            if (!_rowOf.TryGetValue(answer.ItemId, out var row) || classes.Read(answer.Value!) is not [var chosen]) continue;
            said[row] = chosen;
            read.Add((row, answer.Version, answer.Confidence));
        }

        // Levels stay while they can, so that a training begins with what the one before has measured of them.
        if (_levels is null || read.Count > _levels.Answers * SteeringModel.FreshGrowth || read.Count < _levels.Answers) _levels = AnswerLevels.Of(read.ConvertAll(r => (r.Version, r.Confidence)));
        if (_levels.Count == 0) return (new LabellerAnswers(said), read.Count, answers.Count);
        var levels = new int[said.Length];
        Array.Fill(levels, -1);
        foreach (var (row, version, confidence) in read) levels[row] = _levels.Of(version, confidence);
        return (new LabellerAnswers(said, levels), read.Count, answers.Count);
    }

    private async Task AddFeaturesAsync(AnnotatorDatabase database, Project project, IReadOnlyList<long> ids, CancellationToken cancellationToken)
    {
        foreach (var part in ids.Chunk(2_000))
        {
            var items = await database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && part.Contains(i.Id)).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text, i.Url }).ToListAsync(cancellationToken), cancellationToken);
            var first = Rows.Count;
            await features.AppendAsync(project, _options!, items.ConvertAll(i => new ItemContent(i.Text, i.Url)), Rows, cancellationToken);
            foreach (var item in items)
            {
                _rowOf[item.Id] = first++;
                _ids.Add(item.Id);
            }
        }
    }

    // Few different values stand in many rows.
    private sealed class ClassReader(Dictionary<string, int> names)
    {
        private readonly Dictionary<string, int[]> _known = new(StringComparer.Ordinal);

        public int[] Read(string value)
        {
            if (!_known.TryGetValue(value, out var chosen))
                _known[value] = chosen = [.. LabelJson.Read(value).LabelNames.Where(names.ContainsKey).Select(n => names[n])];
            return chosen;
        }
    }
}
