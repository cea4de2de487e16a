using System.Globalization;
using System.IO.Compression;
using Annotator.Core.Quality.LabelErrors;
using Annotator.Core.Student;
using Annotator.Tests.Learning;

namespace Annotator.Tests.Quality;

public class ConfidentLearningTests
{
    [Fact]
    public void CifarTest_FlagsAsPublished()
    {
        Assert.SkipUnless(Directory.Exists(SharedData.Locate("label-errors-cifar10")), "The public sets are not here.");
        var (probabilities, given) = Cifar();
        var suspects = ConfidentLearning.Find(probabilities, given, 10);
        Assert.Equal(284, suspects.Length);
        Assert.Equal([3828, 2405, 6753], suspects.Take(3).Select(s => s.Row));
        Assert.Equal(284, ConfidentLearning.Find(probabilities, given, 10, PruneRule.ByClass).Length);
        Assert.Equal(226, ConfidentLearning.Find(probabilities, given, 10, PruneRule.Both).Length);
    }

    [Fact]
    public void CifarTest_RankingFindsWhatPeopleConfirmed()
    {
        Assert.SkipUnless(Directory.Exists(SharedData.Locate("label-errors-cifar10")), "The public sets are not here.");
        var (probabilities, given) = Cifar();
        var review = File.ReadLines(SharedData.Locate("label-errors-cifar10/human_review.csv")).Skip(1).Select(l => l.Split(',')).ToArray();
        var errors = review.Where(r => r[^1] is not "not-error").Select(r => int.Parse(r[0], CultureInfo.InvariantCulture)).ToHashSet();
        Assert.Equal((275, 54), (review.Length, errors.Count));
        Assert.Equal(49, ConfidentLearning.Find(probabilities, given, 10).Count(s => errors.Contains(s.Row)));
        var ranked = ConfidentLearning.Rank(probabilities, given, 10);
        Assert.Equal(54, ranked.Take(275).Count(s => errors.Contains(s.Row)));
        Assert.Equal(44, ranked.OrderBy(s => s.SelfConfidence).Take(275).Count(s => errors.Contains(s.Row)));
    }

    // What a peer with a like student found (10 % flips at random): precision and recall of what is flagged, and the share found by reviewing the worst 10 % and 20 %. The flips are
    // others: on 690 of them the standard error is 0.02.
    [Theory]
    [InlineData("trec6", 0.527, 0.877, 0.68, 0.94)]
    [InlineData("sst2", 0.285, 0.714, 0.46, 0.65)]
    public void PlantedFlips_AreFoundAsByAPeerOrBetter(string set, double precision, double recall, double tenth, double fifth)
    {
        Assert.SkipUnless(Directory.Exists(SharedData.Locate(set)), "The public sets are not here.");
        var rows = SharedData.Csv($"{set}/train.csv");
        var names = rows.Select(r => r[2]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var features = new SparseRows();
        new TextFeatures().Append(rows.Select(r => r[1]), features);
        var random = new Random(7);
        var truth = rows.Select(r => Array.IndexOf(names, r[2])).ToArray();
        var given = truth.Select(t => random.NextDouble() < 0.1 ? (t + 1 + random.Next(names.Length - 1)) % names.Length : t).ToArray();
        IReadOnlyList<LabelledRow> labels = [.. given.Select((g, i) => new LabelledRow(i, g))];
        var trainer = new SoftmaxTrainer(new TextFeatureOptions(), new TextFeatureOptions().Training(multiple: false));
        var trained = StudentTraining.Train(trainer, features, labels, names.Length);
        var (flagged, ranked) = SecondOpinion.FindAndRank(trainer, features, labels, names.Length, trained.OutOfFold!, trained.Temperature);
        var planted = (double)Enumerable.Range(0, given.Length).Count(i => given[i] != truth[i]);
        var hits = flagged.Count(s => truth[s.Row] != s.Given);
        double Found(double share) => ranked.Take((int)(share * ranked.Length)).Count(s => truth[s.Row] != s.Given) / planted;
        Assert.InRange(hits / (double)flagged.Length, precision, 1);
        Assert.InRange(hits / planted, recall, 1);
        Assert.InRange(Found(0.1), tenth, 1);
        Assert.InRange(Found(0.2), fifth, 1);
    }

    [Fact]
    public void Joint_RowsSumToTheCountsOfTheLabels()
    {
        var random = new Random(3);
        var given = Enumerable.Range(0, 500).Select(_ => random.Next(5)).ToArray();
        var probabilities = new double[500 * 5];
        for (var i = 0; i < 500; i++)
        {
            double sum = 0;
            for (var c = 0; c < 5; c++) sum += probabilities[(i * 5) + c] = random.NextDouble() + (c == given[i] ? 1 : 0);
            for (var c = 0; c < 5; c++) probabilities[(i * 5) + c] /= sum;
        }

        var joint = ConfidentLearning.Joint(probabilities, given, 5);
        for (var g = 0; g < 5; g++) Assert.Equal(given.Count(x => x == g), Enumerable.Range(0, 5).Sum(c => joint[g, c]));
    }

    [Fact]
    public void Find_ClassWithoutRows_AndNoRowsAtAll_AreNoError()
    {
        Assert.Empty(ConfidentLearning.Find([], [], 3));
        Assert.Empty(ConfidentLearning.Find([0.9, 0.1, 0, 0.8, 0.2, 0], [0, 0], 3));
    }

    [Fact]
    public void Find_LabelThatIsNoClass_SaysWhere() =>
        Assert.Contains("Row 1", Assert.Throws<ArgumentException>(() => ConfidentLearning.Find([1, 0, 0, 1], [0, 5], 2)).Message, StringComparison.Ordinal);

    private static (double[] Probabilities, int[] Given) Cifar()
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(SharedData.Locate("label-errors-cifar10/pred_probs.csv.gz")), CompressionMode.Decompress));
        reader.ReadLine();
        List<double> probabilities = [];
        List<int> given = [];
        while (reader.ReadLine() is { } line)
        {
            var parts = line.Split(',');
            given.Add(int.Parse(parts[1], CultureInfo.InvariantCulture));
            probabilities.AddRange(parts.Skip(2).Select(p => double.Parse(p, CultureInfo.InvariantCulture)));
        }

        return (probabilities.ToArray(), given.ToArray());
    }
}
