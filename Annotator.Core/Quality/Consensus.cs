using Annotator.Core.Labels;
using Annotator.Core.Quality.Aggregation;

namespace Annotator.Core.Quality;

/// <summary>How several labels of an item are made one.</summary>
public enum ConsensusMethod
{
    /// <summary>Each annotator's confusion of labels and the labels themselves are estimated together (Dawid and Skene 1979).</summary>
    DawidSkene,

    /// <summary>Each annotator knows, or guesses in a way of their own (MACE, Hovy et al. 2013).</summary>
    Mace,

    /// <summary>The label that most gave.</summary>
    Majority,
}

/// <summary>What the team says of an item.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Value">The most probable label, as canonical JSON.</param>
/// <param name="Probability">How probable it is; of the majority its share.</param>
/// <param name="Votes">Labels that people gave it.</param>
public sealed record ConsensusItem(long ItemId, string Value, double Probability, int Votes);

/// <summary>An item whose label is not what the team says together.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Key">Its key.</param>
/// <param name="Label">The label that it has, as canonical JSON.</param>
/// <param name="Suggested">What the team says, as canonical JSON.</param>
/// <param name="Probability">How probable that is.</param>
/// <param name="Votes">Labels that people gave it.</param>
public sealed record ConsensusDifference(long ItemId, string Key, string Label, string Suggested, double Probability, int Votes);

/// <summary>How an annotator's labels are held against what the team says together.</summary>
/// <param name="UserId">The annotator.</param>
/// <param name="Accuracy">Share of their labels that are probably right, with its 95 % bootstrap interval over items; the ends are those of the value where there are so many items that it would say nothing.</param>
/// <param name="Competence">Of MACE: the share of their labels that are no guesses; null of other methods.</param>
/// <param name="Count">Their labels of items that others labelled too.</param>
/// <param name="Confusion">[right, given] by the labels of the <see cref="Consensus"/>, row-major: in expectation how often they gave the one where the other is right.</param>
public sealed record ConsensusAnnotator(long UserId, Interval Accuracy, double? Competence, int Count, double[] Confusion);

/// <summary>What a team says together.</summary>
/// <param name="Method">How votes were weighed.</param>
/// <param name="Labels">The labels that were given, as canonical JSON, in the order of confusions.</param>
/// <param name="Annotators">By annotator.</param>
/// <param name="Items">By item.</param>
public sealed record Consensus(ConsensusMethod Method, IReadOnlyList<string> Labels, IReadOnlyList<ConsensusAnnotator> Annotators, IReadOnlyList<ConsensusItem> Items)
{
    private const long MostConfusions = 20_000_000;
    private const long BootstrapWork = 40_000_000;
    private const int MostResamples = 200;
    private const int FewestResamples = 40;

    internal static Consensus? Of(IReadOnlyDictionary<long, Vote[]> items, ConsensusMethod method)
    {
        List<int> tasks = [], workers = [], labels = [];
        List<long> ids = [];
        var (people, values) = (new Dictionary<long, int>(), new Dictionary<string, int>(StringComparer.Ordinal));
        foreach (var (id, votes) in items)
        {
            if (votes.Count(v => v.UserId != 0) < 2) continue;
            foreach (var vote in votes.Where(v => v.UserId != 0))
            {
                if (LabelLikeness.IsDrawn(vote.Value)) return null;
                tasks.Add(ids.Count);
                if (!people.TryGetValue(vote.UserId, out var person)) people[vote.UserId] = person = people.Count;
                if (!values.TryGetValue(vote.Value, out var value)) values[vote.Value] = value = values.Count;
                workers.Add(person);
                labels.Add(value);
            }

            ids.Add(id);
        }

        var classes = values.Count;
        if (ids.Count < AnnotatorEstimates.FewestItems || classes < 2 || (long)people.Count * classes * classes > MostConfusions) return null;
        var answers = CrowdLabels.Create([.. tasks], [.. workers], [.. labels], ids.Count, people.Count, classes);
        var result = Aggregate(answers, method, thorough: true);
        var (right, confusion, given) = Confusions(answers, result);
        var intervals = Intervals(answers, method, right);
        var names = values.Keys.ToArray();
        return new Consensus(
            method, names,
            [.. people.Select(p => new ConsensusAnnotator(p.Key, intervals[p.Value], method == ConsensusMethod.Mace ? result.Trust[p.Value] : null, given[p.Value], confusion[p.Value]))],
            [.. ids.Select((id, t) => (id, t, Best: result.Best(t))).Where(i => i.Best >= 0).Select(i => new ConsensusItem(i.id, names[i.Best], result.Probabilities[(i.t * classes) + i.Best], answers.Starts[i.t + 1] - answers.Starts[i.t]))]);
    }

    private static CrowdResult Aggregate(CrowdLabels answers, ConsensusMethod method, bool thorough) => method switch
    {
        ConsensusMethod.DawidSkene => DawidSkene.Aggregate(answers, new DawidSkeneOptions { Smoothing = 1 }),
        ConsensusMethod.Mace => Mace.Aggregate(answers, thorough ? null : new MaceOptions { Restarts = 1, Rounds = 20 }),
        _ => MajorityVote.Aggregate(answers),
    };

    // Every answer counts for all labels that its task may have, by how probable they are.
    private static (double[] Right, double[][] Confusion, int[] Given) Confusions(CrowdLabels answers, CrowdResult result)
    {
        var classes = answers.Classes;
        var confusion = new double[answers.WorkerCount][];
        for (var w = 0; w < confusion.Length; w++) confusion[w] = new double[classes * classes];
        var (right, given) = (new double[answers.WorkerCount], new int[answers.WorkerCount]);
        for (var t = 0; t < answers.Tasks; t++)
        {
            for (var a = answers.Starts[t]; a < answers.Starts[t + 1]; a++)
            {
                var (w, label) = (answers.Workers[a], answers.Labels[a]);
                for (var c = 0; c < classes; c++) confusion[w][(c * classes) + label] += result.Probabilities[(t * classes) + c];
                right[w] += result.Probabilities[(t * classes) + label];
                given[w]++;
            }
        }

        for (var w = 0; w < right.Length; w++) right[w] /= Math.Max(1, given[w]);
        return (right, confusion, given);
    }

    private static Interval[] Intervals(CrowdLabels answers, ConsensusMethod method, double[] right)
    {
        var rounds = method == ConsensusMethod.Mace ? 8 : 1;
        var resamples = (int)Math.Min(MostResamples, BootstrapWork / Math.Max(1, (long)answers.Count * answers.Classes * rounds));
        if (resamples < FewestResamples) return Array.ConvertAll(right, r => new Interval(r, r, r));
        var shares = new double?[resamples][];
        Parallel.For(0, resamples, Bootstrap.Threads, i =>
        {
            var drawn = AnnotatorEstimates.Resample(answers, new Random(i + 1));
            var (share, _, given) = Confusions(drawn, Aggregate(drawn, method, thorough: false));
            shares[i] = [.. share.Select((s, w) => given[w] == 0 ? (double?)null : s)];
        });
        return [.. right.Select((r, w) =>
        {
            var sorted = shares.Select(s => s[w]).OfType<double>().Order().ToArray();
            return sorted.Length < FewestResamples ? new Interval(r, r, r) : new Interval(r, Math.Min(r, sorted[(int)(0.025 * sorted.Length)]), Math.Max(r, sorted[Math.Min(sorted.Length - 1, (int)(0.975 * sorted.Length))]));
        })];
    }
}
