using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Routing;
using Annotator.Core.Student;
using SplitMix = Annotator.Core.Quality.Certificate.SplitMix;

namespace Annotator.Tests.Learning;

/// <summary>How student, similar items and labellers are put together, and how similar items are found.</summary>
public sealed class LabelFusionTests
{
    private const int Classes = 3;

    [Fact]
    public void Neighbours_AreThoseOfAllPairs_AndStayWhenRowsAreAdded()
    {
        var random = new SplitMix(8);
        var features = new TextFeatures();
        var options = features.Options.Training(multiple: false);
        var rows = new SparseRows();
        features.Append(Sentences(300, ref random), rows);
        var found = RowNeighbours.Of(rows, features.Options, options, 8, cancellationToken: TestContext.Current.CancellationToken);
        for (var i = 0; i < rows.Count; i += 7) AssertNearest(rows, features.Options, options, found, i);

        features.Append(Sentences(30, ref random), rows);
        var grown = RowNeighbours.Of(rows, features.Options, options, 8, found, TestContext.Current.CancellationToken);
        Assert.Equal(330, grown.Count);
        Assert.Equal(found.Indices, grown.Indices[..found.Indices.Length]);
        for (var i = 300; i < 330; i += 3) AssertNearest(rows, features.Options, options, grown, i);
        Assert.Same(grown, RowNeighbours.Of(rows, features.Options, options, 8, grown, TestContext.Current.CancellationToken));

        // Much growth makes all lists anew: the early rows get to know the late ones.
        features.Append(Sentences(200, ref random), rows);
        var anew = RowNeighbours.Of(rows, features.Options, options, 8, grown, TestContext.Current.CancellationToken);
        for (var i = 0; i < rows.Count; i += 11) AssertNearest(rows, features.Options, options, anew, i);
    }

    [Fact]
    public void Neighbours_OfRowsOfValues_AreFoundByTheirAngle()
    {
        var rows = new SparseRows();
        for (var i = 0; i < 60; i++)
        {
            var angle = i % 3 * 2.0;
            rows.AddDense([(float)Math.Cos(angle + (i * 1e-3)), (float)Math.Sin(angle + (i * 1e-3)), 0.01f]);
        }

        var options = new Annotator.Core.Student.Images.ImageFeatureOptions("test", 3);
        var found = RowNeighbours.Of(rows, options, options.Training(multiple: false), 5, cancellationToken: TestContext.Current.CancellationToken);
        Assert.All(Enumerable.Range(0, 60), i => Assert.All(found.Indices[(i * 5)..((i + 1) * 5)], j => Assert.Equal(i % 3, j % 3)));
    }

    [Fact]
    public void Fuse_WithNeighboursThatKnowMore_IsBetterThanWithout_AndSaysWhatTheyAreWorth()
    {
        var world = new World(seed: 4, items: 3_000, labeller: 0.8, student: 0.7);
        var alone = LabelFusion.Fuse(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)]));
        var together = LabelFusion.Fuse(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)], world.Neighbours(0.95)));
        Assert.True(world.Wrong(together) < 0.7 * world.Wrong(alone), $"{world.Wrong(together)} against {world.Wrong(alone)}");
        Assert.True(together.Powers.Neighbours > 0.3, together.Powers.ToString());
        Assert.InRange(together.Labellers[0].Accuracy, 0.76, 0.84);
    }

    [Fact]
    public void Fuse_WithNeighboursByChance_LeavesThemNoVoice_AndLosesNothing()
    {
        var world = new World(seed: 5, items: 3_000, labeller: 0.8, student: 0.8);
        var alone = LabelFusion.Fuse(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)]));
        var together = LabelFusion.Fuse(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)], world.Neighbours(1.0 / Classes)));
        Assert.InRange(together.Powers.Neighbours, 0, 0.3);
        Assert.InRange(world.Wrong(together), 0, world.Wrong(alone) * 1.05);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Fuse_FindsHowSureTheStudentReallyIs(double tooSure)
    {
        var world = new World(seed: 6, items: 4_000, labeller: 0.85, student: 0.75, tooSure);
        var fused = LabelFusion.Fuse(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)]));
        Assert.InRange(fused.Powers.Student * tooSure, 0.75, 1.35);

        // What is believed happens as often as it is believed.
        var (blind, _) = LabelFusion.WithoutDecisions(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)]), fused);
        var expected = Enumerable.Range(0, world.Items).Sum(i => 1 - (double)blind.AsSpan(i * Classes, Classes).ToArray().Max());
        var wrong = Enumerable.Range(0, world.Items).Count(i => Array.IndexOf(blind.AsSpan(i * Classes, Classes).ToArray(), blind.AsSpan(i * Classes, Classes).ToArray().Max()) != world.Truth[i]);
        Assert.InRange(expected / wrong, 0.8, 1.25);
    }

    [Fact]
    public void Fuse_TextsThatAreMisread_AreAllowedForBeforeAnybodyHasSeenOne()
    {
        // The student is sure of every text, and wrong about one in thirty; a labeller is right in 85 %. Nobody has decided anything.
        var random = new SplitMix(9);
        const int Items = 6_000;
        var (truth, answers, decided, student) = (new int[Items], new int[Items], new int[Items], new float[Items * Classes]);
        Array.Fill(decided, -1);
        for (var i = 0; i < Items; i++)
        {
            truth[i] = random.Next(Classes);
            var read = random.Next(30) == 0 ? (truth[i] + 1 + random.Next(Classes - 1)) % Classes : truth[i];
            answers[i] = random.NextDouble() < 0.85 ? truth[i] : (truth[i] + 1 + random.Next(Classes - 1)) % Classes;
            for (var c = 0; c < Classes; c++) student[(i * Classes) + c] = c == read ? 0.998f : 0.001f;
        }

        var evidence = new LabelEvidence(Classes, decided, student, [new(answers)]);
        var (beliefs, _) = LabelFusion.WithoutDecisions(evidence, LabelFusion.Fuse(evidence));
        float[] Of(int i) => beliefs[(i * Classes)..((i + 1) * Classes)];
        var against = Enumerable.Range(0, Items).Where(i => student[(i * Classes) + answers[i]] < 0.5f).ToList();
        var wrong = against.Count(i => Array.IndexOf(Of(i), Of(i).Max()) != truth[i]);
        Assert.InRange(against.Sum(i => 1 - (double)Of(i).Max()) / wrong, 0.4, 1.5);
    }

    [Fact]
    public void Vote_NeverHearsTheItemsOwnDecision()
    {
        var world = new World(seed: 7, items: 500, labeller: 0.8, student: 0.7);
        var neighbours = world.Neighbours(0.9);
        var fused = LabelFusion.Fuse(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)], neighbours));
        var item = Array.FindIndex(world.Decided, d => d >= 0);
        var (before, _) = LabelFusion.WithoutDecisions(new LabelEvidence(Classes, world.Decided, world.Student, [new(world.Answers)], neighbours), fused);
        var other = (int[])world.Decided.Clone();
        other[item] = (other[item] + 1) % Classes;
        var (after, _) = LabelFusion.WithoutDecisions(new LabelEvidence(Classes, other, world.Student, [new(world.Answers)], neighbours), fused);
        Assert.Equal(before[(item * Classes)..((item + 1) * Classes)], after[(item * Classes)..((item + 1) * Classes)]);
    }

    [Fact]
    public void Evidence_OfTheWrongShape_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => LabelFusion.Fuse(new LabelEvidence(Classes, [-1, -1], new float[5], [])));
        Assert.Throws<ArgumentException>(() => LabelFusion.Fuse(new LabelEvidence(Classes, [-1, -1], [], [new([0])])));
    }

    private static string[] Sentences(int count, ref SplitMix random)
    {
        string[] words = ["card", "lost", "train", "late", "money", "refund", "cat", "house", "green", "river", "stone", "paper", "light", "night", "music", "bread"];
        var texts = new string[count];
        for (var i = 0; i < count; i++)
        {
            var picked = new string[3 + random.Next(5)];
            for (var w = 0; w < picked.Length; w++) picked[w] = words[random.Next(words.Length)];
            texts[i] = string.Join(' ', picked);
        }

        return texts;
    }

    private static void AssertNearest(SparseRows rows, FeatureOptions features, SoftmaxOptions options, RowNeighbours found, int i)
    {
        var frequencies = new DocumentFrequencies(features.Buckets);
        frequencies.AddNew(rows);
        double Square(int bucket) => frequencies.Count(bucket) is >= 2 and <= 1_000 ? Math.Pow(frequencies.Weight(bucket) * features.WeightOf(bucket, options), 2) : 0;
        var own = rows[i].ToArray().Distinct().ToHashSet();
        var all = new List<double>();
        double Cosine(int j)
        {
            var others = rows[j].ToArray().Distinct().ToList();
            return others.Where(own.Contains).Sum(Square) / Math.Sqrt(own.Sum(Square) * others.Sum(Square));
        }

        for (var j = 0; j < rows.Count; j++) if (j != i) all.Add(Cosine(j));
        all.Sort((a, b) => b.CompareTo(a));
        for (var n = 0; n < found.K; n++)
        {
            Assert.Equal(all[n], found.Similarities[(i * found.K) + n], 1e-3);
            Assert.Equal(all[n], Cosine(found.Indices[(i * found.K) + n]), 1e-3);
        }
    }

    // Items of three classes, a student with calibrated probabilities (or too sure ones), a labeller that errs by chance, and decisions about the doubtful ones.
    private sealed class World
    {
        private SplitMix _random;

        public World(ulong seed, int items, double labeller, double student, double tooSure = 1)
        {
            (_random, Items) = (new SplitMix(seed), items);
            (Truth, Answers, Decided, Student) = (new int[items], new int[items], new int[items], new float[items * Classes]);
            var doubt = new double[items];
            for (var i = 0; i < items; i++)
            {
                // The student believes in a class with some probability, and is right as often as that.
                var belief = Math.Clamp(student + ((_random.NextDouble() - 0.5) * 0.5), 0.4, 0.99);
                var guess = _random.Next(Classes);
                Truth[i] = _random.NextDouble() < belief ? guess : (guess + 1 + _random.Next(Classes - 1)) % Classes;
                Answers[i] = _random.NextDouble() < labeller ? Truth[i] : (Truth[i] + 1 + _random.Next(Classes - 1)) % Classes;
                var sum = 0.0;
                for (var c = 0; c < Classes; c++) sum += Math.Pow(c == guess ? belief : (1 - belief) / (Classes - 1), tooSure);
                for (var c = 0; c < Classes; c++) Student[(i * Classes) + c] = (float)(Math.Pow(c == guess ? belief : (1 - belief) / (Classes - 1), tooSure) / sum);
                doubt[i] = (1 - belief) + (guess == Answers[i] ? 0 : 1);
            }

            Array.Fill(Decided, -1);
            foreach (var i in Enumerable.Range(0, items).OrderByDescending(i => doubt[i]).Take(items / 10)) Decided[i] = Truth[i];
        }

        public int Items { get; }

        public int[] Truth { get; }

        public int[] Answers { get; }

        public int[] Decided { get; }

        public float[] Student { get; }

        public int Wrong(FusedLabels fused) => Enumerable.Range(0, Items).Count(i => Decided[i] < 0 && fused[i].ToArray() is var row && Array.IndexOf(row, row.Max()) != Truth[i]);

        /// <summary>Neighbours that have the item's own class in so many cases.</summary>
        public RowNeighbours Neighbours(double alike)
        {
            // Each item is a row of values that points where most of its class do.
            var rows = new SparseRows();
            Span<float> row = stackalloc float[Classes + 40];
            for (var i = 0; i < Items; i++)
            {
                row.Clear();
                var shown = _random.NextDouble() < alike ? Truth[i] : (Truth[i] + 1 + _random.Next(Classes - 1)) % Classes;
                row[shown] = 1;
                for (var d = Classes; d < row.Length; d++) row[d] = (float)((_random.NextDouble() - 0.5) * 0.2);
                rows.AddDense(row);
            }

            var options = new Annotator.Core.Student.Images.ImageFeatureOptions("test", Classes + 40);
            return RowNeighbours.Of(rows, options, options.Training(multiple: false), 25);
        }
    }
}
