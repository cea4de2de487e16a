using Annotator.Core.Learning.Duplicates;
using CsCheck;

namespace Annotator.Tests.Learning;

public class NearDuplicateIndexTests
{
    [Fact]
    public void Add_SyntheticEnglishAndKorean_IsWithinAPointOfExactJaccard() =>
        AssertWithinAPointOfExact(PlantedDuplicates.Plant(PlantedDuplicates.Synthetic(1600, 1), 0.4, 2));

    [Theory]
    [InlineData("banking77/train.csv")]
    [InlineData("nsmc/train.csv")]
    public void Add_RealTextsWithPlantedCopies_IsWithinAPointOfExactJaccard(string file)
    {
        Assert.SkipUnless(File.Exists(SharedData.Locate(file)) || Environment.GetEnvironmentVariable("CI") is "true", $"{file} is not here");
        // Texts that are near-copies of each other by nature have no known origin: the planted ones are measured on the others.
        var own = new NearDuplicateIndex();
        var texts = SharedData.Csv(file).Select(r => r[1]).Where(t => t.Length >= 12)
            .Where((t, i) => own.Add(i, t).Kind == DuplicateKind.None).Take(1600).ToList();
        AssertWithinAPointOfExact(PlantedDuplicates.Plant(texts, 0.4, 3));
    }

    private static void AssertWithinAPointOfExact(List<(int Origin, string Text)> items)
    {
        var index = new NearDuplicateIndex();
        for (var i = 0; i < items.Count; i++)
            index.Add(i, items[i].Text);

        long planted = 0, exactPairs = 0, exactRight = 0, ourPairs = 0, ourRight = 0;
        var shingles = items.Select(item => Shingles(item.Text)).ToArray();
        var groups = Enumerable.Range(0, items.Count).Select(i => index.GroupOf(i)).ToArray();
        for (var i = 0; i < items.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var same = items[i].Origin == items[j].Origin;
                var near = TextShingler.Jaccard(shingles[i], shingles[j], int.MaxValue, 0.6) >= 0;
                var grouped = groups[i] == groups[j];
                planted += same ? 1 : 0;
                exactPairs += near ? 1 : 0;
                exactRight += near && same ? 1 : 0;
                ourPairs += grouped ? 1 : 0;
                ourRight += grouped && same ? 1 : 0;
            }
        }

        TestContext.Current.SendDiagnosticMessage(
            $"exact P {(double)exactRight / exactPairs:F4} R {(double)exactRight / planted:F4}, index P {(double)ourRight / ourPairs:F4} R {(double)ourRight / planted:F4}, {planted} pairs");
        Assert.True(planted > 500);
        Assert.InRange((double)ourRight / ourPairs, (double)exactRight / exactPairs - 0.01, 1);
        Assert.InRange((double)ourRight / planted, (double)exactRight / planted - 0.01, 1);
    }

    private static uint[] Shingles(string text)
    {
        int[] points = [];
        uint[] scratch = [];
        var count = TextShingler.Normalize(text, ref points);
        return TextShingler.Shingles(points.AsSpan(0, count), int.MaxValue, ref scratch).ToArray();
    }

    [Theory]
    [InlineData("Hello,   WORLD!", "hello world")]
    [InlineData("ＦＵＬＬ　ｗｉｄｔｈ", "full width")]
    [InlineData("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글")]
    [InlineData("ÉCOLE — déjà vu…", "école déjà vu")]
    [InlineData("can't e-mail", "cant email")]
    public void Add_SameTextAfterNormalisation_IsExact(string a, string b)
    {
        var index = new NearDuplicateIndex();
        index.Add(1, a);
        var match = index.Add(2, b);
        Assert.Equal(DuplicateKind.Exact, match.Kind);
        Assert.Equal(1, match.Group);
        Assert.Equal(1, match.Similarity);
    }

    [Theory]
    [InlineData("good", "goods")]
    [InlineData("?!", "?!?!")]
    [InlineData("", " .")]
    [InlineData("🙂", "🙁")]
    public void Add_VeryShortTexts_MatchOnlyExactly(string a, string b)
    {
        var index = new NearDuplicateIndex();
        Assert.Equal(DuplicateKind.None, index.Add(1, a).Kind);
        Assert.Equal(DuplicateKind.None, index.Add(2, b).Kind);
        Assert.Equal(DuplicateKind.Exact, index.Add(3, a).Kind);
    }

    [Fact]
    public void Add_IllFormedSurrogates_IsTolerated()
    {
        var index = new NearDuplicateIndex();
        index.Add(1, "broken \ud800 text of some length");
        Assert.Equal(DuplicateKind.Exact, index.Add(2, "broken \ud800 text of some length").Kind);
    }

    [Fact]
    public void Add_BetweenTwoGroups_MergesThemAndSaysSo()
    {
        var index = new NearDuplicateIndex(new() { LeaderThreshold = 0.2 });
        const string a = "one two three four five six seven eight nine ten eleven";
        const string c = "five six seven eight nine ten eleven twelve thirteen fourteen";
        const string b = "three four five six seven eight nine ten eleven twelve";
        Assert.True(NearDuplicateIndex.Similarity(a, c) < 0.6);
        index.Add(1, a);
        Assert.Equal(DuplicateKind.None, index.Add(2, c).Kind);
        var match = index.Add(3, b);
        Assert.Equal(1, index.Members(1).Count(m => m == 2));
        Assert.Single(match.Absorbed);
        Assert.Equal(index.GroupOf(1), index.GroupOf(2));
        Assert.NotEqual(match.Group, match.Absorbed[0]);
    }

    [Fact]
    public void Add_ChainOfSmallEdits_DoesNotTieUnlikeTextsTogether()
    {
        var words = Enumerable.Range(0, 400).Select(i => $"word{i * 7919 % 1000:D3}{(char)('a' + i % 26)}").ToArray();
        var index = new NearDuplicateIndex();
        for (var i = 0; i < 300; i++)
            index.Add(i, string.Join(' ', words.Skip(i).Take(15)));
        for (var i = 0; i < 300; i++)
        {
            var leader = index.GroupOf(i);
            var similarity = NearDuplicateIndex.Similarity(
                string.Join(' ', words.Skip(i).Take(15)), string.Join(' ', words.Skip((int)leader).Take(15)));
            Assert.True(similarity >= 0.4, $"{i} is {similarity} from its leader {leader}");
        }
    }

    [Fact]
    public void AddRange_SameAsAddOneByOne()
    {
        var items = PlantedDuplicates.Plant(PlantedDuplicates.Synthetic(6000, 5), 0.5, 6)
            .Select((x, i) => KeyValuePair.Create((long)i, x.Text)).ToList();
        var one = new NearDuplicateIndex(new() { ExpectedCount = 0 });
        var many = new NearDuplicateIndex();
        var expected = items.Select(x => one.Add(x.Key, x.Value)).ToList();
        var actual = many.AddRange(items).ToList();
        Assert.Equal(expected.Select(m => (m.Id, m.Group, m.Kind, m.Nearest, m.Similarity)), actual.Select(m => (m.Id, m.Group, m.Kind, m.Nearest, m.Similarity)));
    }

    [Fact]
    public void Restore_AnyOrder_GivesTheGroupsBackAndGoesOn()
    {
        var items = PlantedDuplicates.Plant(PlantedDuplicates.Synthetic(500, 7), 0.8, 8);
        var first = new NearDuplicateIndex();
        for (var i = 0; i < items.Count; i++)
            first.Add(i, items[i].Text);
        var second = new NearDuplicateIndex();
        for (var i = items.Count - 1; i >= 0; i--)
            second.Restore(i, items[i].Text, first.GroupOf(i));
        for (var i = 0; i < items.Count; i++)
        {
            Assert.Equal(first.GroupOf(i), second.GroupOf(i));
            Assert.Equal(first.Members(i), second.Members(i));
        }

        Assert.Equal(first.GroupOf(3), second.Add(-1, items[3].Text).Group);
    }

    [Fact]
    public void Detach_Member_StaysApart()
    {
        var index = new NearDuplicateIndex();
        index.Add(1, "please cancel my order number twelve");
        index.Add(2, "please cancel my order number twelve now");
        index.Add(3, "please cancel my order number twelve today");
        Assert.Equal(1, index.GroupOf(2));
        Assert.Equal(1, index.Detach(2));
        Assert.Equal(2, index.GroupOf(2));
        Assert.Equal([1L, 3L], index.Members(1));
        var next = index.Add(4, "please cancel my order number twelve no");
        Assert.Empty(next.Absorbed);
        Assert.NotEqual(index.GroupOf(1), index.GroupOf(2));
    }

    [Fact]
    public void Remove_OriginalOfACopy_TheCopyStillMatches()
    {
        var index = new NearDuplicateIndex();
        index.Add(1, "where is the parcel that I ordered");
        index.Add(2, "Where is the parcel that I ordered?");
        Assert.True(index.Remove(1));
        Assert.False(index.Remove(1));
        Assert.Equal(2, index.Add(3, "where is the parcel that I ordered").Nearest);
        Assert.Equal(2, index.Add(4, "where is the parcel that i ordered then").Nearest);
        Assert.Equal([2L, 3L, 4L], index.Members(4));
    }

    [Fact]
    public void Add_ManyCopiesOfOneTemplate_LooksAtABoundedCore()
    {
        var index = new NearDuplicateIndex();
        for (var i = 0; i < 20_000; i++)
        {
            var match = index.Add(i, $"Your order {i:D6} from the shop has been sent and will arrive at the address you gave us within three working days");
            Assert.Equal(0, match.Group);
        }
    }

    [Fact]
    public void Jaccard_LongTextsCutOff_EstimatesTheExactValue()
    {
        var random = new Random(4);
        var words = Enumerable.Range(0, 4000).Select(_ => new string([.. Enumerable.Range(0, 6).Select(_ => (char)('a' + random.Next(26)))])).ToArray();
        var a = Shingles(string.Join(' ', words.Take(1600)));
        var b = Shingles(string.Join(' ', words.Skip(400).Take(1600)));
        var exact = TextShingler.Jaccard(a, b, int.MaxValue);
        Assert.InRange(TextShingler.Jaccard(a.AsSpan(0, 4096), b.AsSpan(0, 4096), 4096), exact - 0.03, exact + 0.03);
    }

    [Fact]
    public void Jaccard_Threshold_AgreesWithTheDefinition() =>
        Gen.Select(Gen.Int[0, 60].Array[1, 40], Gen.Int[0, 60].Array[1, 40]).Sample((x, y) =>
        {
            uint[] a = [.. x.Distinct().Order().Select(v => (uint)v)], b = [.. y.Distinct().Order().Select(v => (uint)v)];
            var expected = (double)a.Intersect(b).Count() / a.Union(b).Count();
            var actual = TextShingler.Jaccard(a, b, int.MaxValue, 0.3);
            return expected >= 0.3 ? Math.Abs(actual - expected) < 1e-12 : actual < 0;
        });

    [Fact]
    public void Minima_AgreeWithAProbabilityOfTheJaccardSimilarity()
    {
        var random = new Random(9);
        foreach (var common in (int[])[20, 50, 80])
        {
            double sum = 0;
            const int trials = 200;
            for (var t = 0; t < trials; t++)
            {
                var pool = Enumerable.Range(0, 200 - common).Select(_ => (uint)random.NextInt64(1L << 32)).ToArray();
                var x = new uint[MinHasher.Functions];
                var y = new uint[MinHasher.Functions];
                MinHasher.Minima(pool.AsSpan(0, 100), x);
                MinHasher.Minima(pool.AsSpan(100 - common, 100), y);
                sum += x.Zip(y).Count(p => p.First == p.Second) / (double)MinHasher.Functions;
            }

            Assert.InRange(sum / trials, common / (200.0 - common) - 0.01, common / (200.0 - common) + 0.01);
        }
    }
}
