using System.IO.Compression;
using System.Text.Json.Nodes;
using Annotator.Core.Quality.Aggregation;
using Annotator.Core.Quality.Agreement;
using Annotator.Tests.Learning;

namespace Annotator.Tests.Quality;

public class AggregationTests
{
    // Dawid and Skene 1979, table 1: 45 patients; "aaa b c d e" are observer 1 (three times) and observers 2 to 5.
    private const string Patients =
        "111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2|222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|222 2 2 2 3|"
        + "232 2 2 2 3|444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1|111 2 1 1 1|111 1 1 1 1|111 1 1 1 1|"
        + "222 2 2 2 1|222 1 3 2 2|222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|111 1 1 1 1|111 1 1 1 1|232 2 2 2 2|"
        + "111 1 1 1 1|111 1 1 1 1|112 1 1 2 1|111 1 1 1 1|333 3 2 3 3|111 1 1 1 1|222 2 2 2 2|222 3 2 3 2|433 4 3 4 3|"
        + "221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1|111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2";

    [Fact]
    public void DawidSkene_PatientsOf1979_AsPublished()
    {
        var result = DawidSkene.Aggregate(ReadPatients(), new() { Tolerance = 1e-12, MaximumRounds = 1_000 });
        Assert.Equal([0.3996, 0.4220, 0.1118, 0.0667], result.Priors.Select(p => Math.Round(p, 4)));
        const string Classes = "1 4 2 2 2 2 1 3 2 2 4 3 1 2 1 1 1 1 2 2 2 2 2 2 1 1 2 1 1 1 1 3 1 2 2 4 2 3 3 1 1 1 2 1 2";
        Assert.Equal(Classes, string.Join(' ', Enumerable.Range(0, 45).Select(t => result.Best(t) + 1)));
        Assert.Equal(0.981, result.Probabilities[6 * 4], 3);
        Assert.Equal(0.948, result.Probabilities[(34 * 4) + 1], 3);
        Assert.Equal(0.979, result.Probabilities[(37 * 4) + 2], 3);
        Assert.All(Enumerable.Range(0, 45).Where(t => t is not (6 or 34 or 37)), t => Assert.InRange(result.Probabilities[(t * 4) + result.Best(t)], 0.999f, 1.00001f));
        Assert.Equal(
            [0.889, 0.111, 0, 0, 0.071, 0.876, 0.053, 0, 0, 0.339, 0.661, 0, 0, 0, 0.556, 0.444],
            result.Confusion.Take(16).Select(p => Math.Round(p, 3)));
    }

    [Fact]
    public void DawidSkene_PatientsOf1979_DiffersFromTheMajorityOnThree()
    {
        var answers = ReadPatients();
        var (majority, result) = (MajorityVote.Aggregate(answers), DawidSkene.Aggregate(answers, new() { Tolerance = 1e-12, MaximumRounds = 1_000 }));
        Assert.Equal([2, 12, 36], Enumerable.Range(0, 45).Where(t => majority.Best(t) != result.Best(t)).Select(t => t + 1));
    }

    [Theory]
    [InlineData("crowd-adult2", 0.758, 0.769, 0.763)]
    [InlineData("crowd-barzan", 0.696, 0.709, 0.693)]
    [InlineData("crowd-web", 0.731, 0.829, 0.78)]
    public void CrowdSets_AtOrAboveThePublishedAccuracy(string set, double majority, double dawidSkene, double mace)
    {
        Assert.SkipUnless(Directory.Exists(SharedData.Locate(set)), "The public sets are not here.");
        var (answers, gold) = Crowd.Read(set);
        Assert.Equal(majority, Crowd.Expected(MajorityVote.Aggregate(answers), gold), 3);
        Assert.InRange(Math.Round(Crowd.Accuracy(DawidSkene.Aggregate(answers), gold), 3), dawidSkene, 1);
        Assert.InRange(Math.Round(Crowd.Accuracy(Mace.Aggregate(answers), gold), 3), mace, 1);
    }

    [Theory]
    [InlineData("crowd-adult2", MeasurementScale.Nominal, 0.3164)]
    [InlineData("crowd-barzan", MeasurementScale.Nominal, 0.4059)]
    [InlineData("crowd-web", MeasurementScale.Nominal, 0.2104)]
    [InlineData("crowd-web", MeasurementScale.Ordinal, 0.3828)]
    public void CrowdSets_AlphaOfTheRawLabels_AsPublished(string set, MeasurementScale scale, double published)
    {
        Assert.SkipUnless(Directory.Exists(SharedData.Locate(set)), "The public sets are not here.");
        Assert.Equal(published, Math.Round(Krippendorff.Alpha(Crowd.Ratings(set), scale)!.Value, 4));
    }

    /// <summary>Names in tweets, two annotators a type: single judgments as published, and together at least as good.</summary>
    [Fact]
    public void CrowdOfNames_SingleJudgmentsAsPublished_AndTogetherNoWorse()
    {
        Assert.SkipUnless(Directory.Exists(SharedData.Locate("btc-crowd-ner")), "The public sets are not here.");
        var (truth, workers) = (new List<bool>(), new Dictionary<string, int>(StringComparer.Ordinal));
        List<int> tasks = [], who = [], said = [];
        foreach (var tweet in File.ReadLines(SharedData.Locate("btc-crowd-ner/section-a.jsonl")).Select(l => JsonNode.Parse(l)!))
        {
            var gold = tweet["gold"]!.AsArray().Select(g => g!.GetValue<string>()).ToArray();
            foreach (var type in tweet["judgments"]!.AsArray().GroupBy(j => j!["type"]!.GetValue<string>()))
            {
                for (var t = 0; t < gold.Length; t++)
                {
                    foreach (var judgment in type)
                    {
                        tasks.Add(truth.Count);
                        var name = judgment!["worker"]!.GetValue<string>();
                        if (!workers.TryGetValue(name, out var number)) workers[name] = number = workers.Count;
                        who.Add(number);
                        said.Add(judgment["tokens"]!.AsArray().Any(k => k!.GetValue<int>() == t) ? 1 : 0);
                    }

                    truth.Add(gold[t].EndsWith(type.Key, StringComparison.Ordinal));
                }
            }
        }

        (double Precision, double Recall) Measure(IEnumerable<(int Task, bool Said)> answers)
        {
            var all = answers.ToList();
            var hits = all.Count(a => a.Said && truth[a.Task]);
            return (hits / (double)all.Count(a => a.Said), hits / (double)all.Count(a => truth[a.Task]));
        }

        var single = Measure(tasks.Select((t, i) => (t, said[i] == 1)));
        Assert.Equal((0.843, 0.858), (Math.Round(single.Precision, 3), Math.Round(single.Recall, 3)));
        var answers = CrowdLabels.Create([.. tasks], [.. who], [.. said], truth.Count, workers.Count, 2);
        foreach (var result in (CrowdResult[])[DawidSkene.Aggregate(answers), Mace.Aggregate(answers)])
        {
            var together = Measure(Enumerable.Range(0, truth.Count).Select(t => (t, result.Best(t) == 1)));
            Assert.InRange(F1(together), F1(single), 1);
        }

        static double F1((double Precision, double Recall) m) => 2 * m.Precision * m.Recall / (m.Precision + m.Recall);
    }

    [Fact]
    public void DawidSkene_CarelessAdversarialAndConfusedLabellers_AreNamedAndDoNotSpoilTheLabels()
    {
        // Twelve labellers, five answers a task: two careless, one adversarial, one who confuses classes 0 and 1.
        var random = new Random(5);
        const int Tasks = 1_500, Workers = 12, Classes = 4;
        List<int> tasks = [], workers = [], labels = [];
        var truth = new int[Tasks];
        for (var t = 0; t < Tasks; t++)
        {
            truth[t] = random.Next(Classes);
            foreach (var w in Enumerable.Range(0, Workers).OrderBy(_ => random.Next()).Take(5))
            {
                var right = random.NextDouble();
                tasks.Add(t);
                workers.Add(w);
                labels.Add(w switch
                {
                    0 or 1 => random.Next(Classes),
                    2 => (truth[t] + 1) % Classes,
                    3 when truth[t] < 2 && right < 0.8 => 1 - truth[t],
                    _ => right < 0.93 ? truth[t] : random.Next(Classes),
                });
            }
        }

        var answers = CrowdLabels.Create(tasks.ToArray(), workers.ToArray(), labels.ToArray(), Tasks, Workers, Classes);
        foreach (var smoothing in (double[])[0, 1])
        {
            var result = DawidSkene.Aggregate(answers, new() { Smoothing = smoothing });
            Assert.InRange(Enumerable.Range(0, Tasks).Average(t => result.Best(t) == truth[t] ? 1.0 : 0), 0.97, 1);
            Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, Workers).OrderBy(w => result.Trust[w]).Take(4).Order());
            Assert.InRange(result.Confusion[(3 * 16) + 1], 0.6, 0.9);
        }

        var mace = Mace.Aggregate(answers);
        Assert.Equal([0, 1, 2], Enumerable.Range(0, Workers).OrderBy(w => mace.Trust[w]).Take(3).Order());
    }

    [Fact]
    public void TaskWithoutAnswers_HasNoClass()
    {
        var answers = CrowdLabels.Create([0, 0, 2], [0, 1, 0], [1, 1, 0], 3, 2, 2);
        foreach (var result in (CrowdResult[])[MajorityVote.Aggregate(answers), DawidSkene.Aggregate(answers), Mace.Aggregate(answers)])
        {
            Assert.Equal(1, result.Best(0));
            Assert.Equal(-1, result.Best(1));
        }
    }

    private static CrowdLabels ReadPatients()
    {
        List<int> tasks = [], workers = [], labels = [];
        foreach (var (patient, t) in Patients.Split('|').Select((p, t) => (p.Replace(" ", "", StringComparison.Ordinal), t)))
        {
            for (var i = 0; i < patient.Length; i++)
            {
                tasks.Add(t);
                workers.Add(Math.Max(0, i - 2));
                labels.Add(patient[i] - '1');
            }
        }

        return CrowdLabels.Create(tasks.ToArray(), workers.ToArray(), labels.ToArray(), 45, 5, 4);
    }
}

/// <summary>Reads the public crowd sets: the first answer of a labeller to a task counts.</summary>
internal static class Crowd
{
    /// <summary>All labels as ratings, in the order of the labels' numbers.</summary>
    public static Ratings Ratings(string set)
    {
        var (tasks, workers) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal));
        var rows = Rows(set).Select(parts => (Task: Number(tasks, parts[0]), Worker: Number(workers, parts[1]), Label: parts[2])).DistinctBy(r => (r.Task, r.Worker)).ToList();
        var classes = rows.Select(r => r.Label).Distinct(StringComparer.Ordinal).OrderBy(l => l.Length).ThenBy(l => l, StringComparer.Ordinal).Select((label, i) => (label, i)).ToDictionary(c => c.label, c => c.i, StringComparer.Ordinal);
        return Core.Quality.Agreement.Ratings.Create([.. rows.Select(r => r.Task)], [.. rows.Select(r => r.Worker)], [.. rows.Select(r => classes[r.Label])], tasks.Count, workers.Count, classes.Count);
    }

    public static (CrowdLabels Answers, Dictionary<int, int> Gold) Read(string set)
    {
        var (tasks, workers, classes) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal));
        List<int> t = [], w = [], l = [];
        var seen = new HashSet<(int, int)>();
        foreach (var parts in Rows(set))
        {
            var (task, worker) = (Number(tasks, parts[0]), Number(workers, parts[1]));
            if (!seen.Add((task, worker))) continue;
            t.Add(task);
            w.Add(worker);
            l.Add(Number(classes, parts[2]));
        }

        var gold = new Dictionary<int, int>();
        foreach (var row in File.ReadLines(SharedData.Locate($"{set}/gold.csv")).Skip(1).Select(r => r.Split(',')))
        {
            if (tasks.TryGetValue(row[0], out var task) && classes.TryGetValue(row[1], out var label)) gold[task] = label;
        }

        return (CrowdLabels.Create(t.ToArray(), w.ToArray(), l.ToArray(), tasks.Count, workers.Count, classes.Count), gold);
    }

    public static double Accuracy(CrowdResult result, Dictionary<int, int> gold) => gold.Average(g => result.Best(g.Key) == g.Value ? 1.0 : 0);

    /// <summary>Expected accuracy where ties are broken at random.</summary>
    public static double Expected(CrowdResult result, Dictionary<int, int> gold) => gold.Average(g =>
    {
        var row = result.Probabilities.AsSpan(g.Key * result.Classes, result.Classes).ToArray();
        var ties = row.Count(p => p > row.Max() - 1e-5f);
        return row[g.Value] > row.Max() - 1e-5f ? 1.0 / ties : 0;
    });

    private static IEnumerable<string[]> Rows(string set)
    {
        var packed = SharedData.Locate($"{set}/labels.csv.gz");
        using var reader = new StreamReader(File.Exists(packed) ? new GZipStream(File.OpenRead(packed), CompressionMode.Decompress) : File.OpenRead(SharedData.Locate($"{set}/labels.csv")));
        reader.ReadLine();
        while (reader.ReadLine() is { } line) yield return line.Split(',');
    }

    private static int Number(Dictionary<string, int> numbers, string name)
    {
        if (!numbers.TryGetValue(name, out var number)) numbers[name] = number = numbers.Count;
        return number;
    }
}
