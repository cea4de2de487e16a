using Annotator.Core.Learning.Acquisition;
using Annotator.Core.Learning.Representation;

namespace Annotator.Tests.Learning;

public class AcquisitionTests
{
    private const int Dimensions = 16;

    public static TheoryData<string> Names => [.. AcquisitionStrategies.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Select_AnyRequest_PicksDistinctOpenItemsAsManyAsThereAre(string name)
    {
        foreach (var (batch, probabilities, embedding) in (ReadOnlySpan<(int, bool, bool)>)[(40, true, true), (1, true, true), (5_000, true, true), (40, false, true), (40, true, false), (40, false, false)])
        {
            var request = Clumps(items: 700, clumps: 12, batch, probabilities, embedding);
            var picks = Strategy(name).Select(request);
            Assert.Equal(Math.Min(batch, request.Use.ToArray().Count(u => u == ItemUse.Open)), picks.Length);
            Assert.Equal(picks.Length, picks.Select(p => p.Item).Distinct().Count());
            Assert.All(picks, p => Assert.Equal(ItemUse.Open, request.Use.Span[p.Item]));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Select_SameRequestTwice_SamePicks(string name)
    {
        var request = Clumps(items: 900, clumps: 9, batch: 60);
        Assert.Equal(Strategy(name).Select(request), Strategy(name).Select(request with { }));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Select_NothingOpen_AnswersNothing(string name)
    {
        var request = Clumps(items: 50, clumps: 3, batch: 10);
        Assert.Empty(Strategy(name).Select(request with { Use = Enumerable.Repeat(ItemUse.Labelled, 50).ToArray() }));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Select_ArrayOfWrongLength_SaysWhich(string name)
    {
        var request = Clumps(items: 50, clumps: 3, batch: 10);
        var error = Assert.Throws<ArgumentException>(() => Strategy(name).Select(request with { Probabilities = new float[7] }));
        Assert.Contains("Probabilities has 7 values", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Herding_ColdStart_CoversTheClumpsBetterThanChanceAndDrawsHalfAtRandom()
    {
        // One clump in twenty-five has half of the items: of 24 random picks half would fall there.
        const int Clumps = 25;
        var request = AcquisitionTests.Clumps(items: 1_000, Clumps, batch: 48, probabilities: false) with { Use = new ItemUse[1_000] };
        var embedding = request.Embedding.ToArray();
        var first = embedding[..Dimensions];
        for (var i = 0; i < 1_000; i += 2)
        {
            for (var d = 0; d < Dimensions; d++) embedding[(i * Dimensions) + d] = first[d] + (0.01f * (((i * 31) + d) % 7));
            Vectors.Normalize(embedding.AsSpan(i * Dimensions, Dimensions));
        }

        var picks = AcquisitionStrategies.Herding.Select(request with { Embedding = embedding });
        var covering = picks.Where(p => p.Reason == PickReason.Coverage).ToArray();
        Assert.Equal((24, 24), (covering.Length, picks.Count(p => p.Reason == PickReason.Control)));
        Assert.InRange(covering.Count(p => p.Item % 2 == 0), 0, 6);
        Assert.InRange(covering.Where(p => p.Item % 2 == 1).Select(p => p.Item % Clumps).Distinct().Count(), 14, 24);
    }

    [Fact]
    public void Herding_ClumpIsLabelled_GoesToTheOthers()
    {
        const int Clumps = 10;
        var use = new ItemUse[1_000];
        for (var i = 0; i < use.Length; i++) use[i] = i % Clumps < 5 && i / Clumps < 3 ? ItemUse.Labelled : ItemUse.Open;
        var request = AcquisitionTests.Clumps(items: 1_000, Clumps, batch: 5, probabilities: false) with { Use = use };
        Assert.InRange(new HerdingStrategy(new() { FirstRandom = 0 }).Select(request with { ControlShare = 0 }).Select(p => p.Item % Clumps).Distinct().Count(c => c >= 5), 4, 5);
    }

    [Fact]
    public void Herding_ManyCopiesOfTheMostDoubtfulItem_AreNotPickedTogether()
    {
        // Half of the items are one text; the student doubts it most.
        var request = Clumps(items: 600, clumps: 60, batch: 30) with { ControlShare = 0, Use = new ItemUse[600] };
        var embedding = request.Embedding.ToArray();
        var probabilities = request.Probabilities.ToArray();
        for (var i = 0; i < 600; i += 2)
        {
            embedding.AsSpan(0, Dimensions).CopyTo(embedding.AsSpan(i * Dimensions));
            probabilities.AsSpan(i * request.Classes, request.Classes).Fill(1f / request.Classes);
        }

        request = request with { Embedding = embedding, Probabilities = probabilities };
        Assert.InRange(AcquisitionStrategies.Herding.Select(request).Count(p => p.Item % 2 == 0), 1, 2);
        Assert.Equal(30, AcquisitionStrategies.All.Single(s => s.Name is "margin").Select(request).Count(p => p.Item % 2 == 0));
    }

    [Fact]
    public void Herding_StudentIsSureOfAllButOneRegion_AsksThere()
    {
        var request = Clumps(items: 1_000, clumps: 10, batch: 20) with { ControlShare = 0 };
        var probabilities = new float[1_000 * request.Classes];
        var use = new ItemUse[1_000];
        for (var i = 0; i < 1_000; i++)
        {
            var row = probabilities.AsSpan(i * request.Classes, request.Classes);
            row.Fill(i % 10 == 4 ? 1f / request.Classes : 0.0005f);
            if (i % 10 != 4) row[0] = 1 - (0.0005f * (request.Classes - 1));
            use[i] = i < 300 ? ItemUse.Labelled : ItemUse.Open;
        }

        var picks = AcquisitionStrategies.Herding.Select(request with { Probabilities = probabilities, Use = use, ClassCounts = Enumerable.Repeat(75, 4).ToArray() });
        Assert.InRange(picks.Count(p => p.Item % 10 == 4), 18, 20);
    }

    [Fact]
    public void Herding_RareClass_ItsLikelyItemsComeFirstAndSaySo()
    {
        // All equally doubtful between a class and class 0; for one item in fifty the class is the one that has a single label.
        const int Items = 1_000;
        var request = Clumps(items: Items, clumps: 40, batch: 20) with { ControlShare = 0, Use = new ItemUse[Items] };
        var probabilities = new float[Items * request.Classes];
        var use = new ItemUse[Items];
        for (var i = 0; i < Items; i++)
        {
            probabilities[i * request.Classes] = 0.5f;
            probabilities[(i * request.Classes) + (i % 50 == 7 ? 3 : 1 + (i % 2))] = 0.5f;
            use[i] = i % 3 == 0 ? ItemUse.Labelled : ItemUse.Open;
        }

        var picks = AcquisitionStrategies.Herding.Select(request with { Probabilities = probabilities, Use = use, ClassCounts = new[] { 150, 100, 82, 1 } });
        var rare = picks.Where(p => p.Item % 50 == 7).ToArray();
        Assert.InRange(rare.Length, 3, 20);
        Assert.All(rare, p => Assert.Equal(PickReason.RareClass, p.Reason));
    }

    [Theory]
    [InlineData(0, 200, 0)]
    [InlineData(0.05, 200, 10)]
    [InlineData(0.1, 200, 20)]
    public void Herding_ControlShare_IsDrawnAndReported(double share, int batch, int expected)
    {
        var picks = AcquisitionStrategies.Herding.Select(Clumps(items: 2_000, clumps: 20, batch) with { ControlShare = share });
        Assert.Equal(expected, picks.Count(p => p.Reason == PickReason.Control));
    }

    [Fact]
    public void Herding_SmallBatches_HoldTheControlShareOverAll()
    {
        var request = Clumps(items: 400, clumps: 8, batch: 4) with { ControlShare = 0.05 };
        var drawn = Enumerable.Range(0, 300).Sum(seed => AcquisitionStrategies.Herding.Select(request with { Seed = seed }).Count(p => p.Reason == PickReason.Control));
        Assert.InRange(drawn, 35, 90);
    }

    [Fact]
    public void Herding_MoreItemsThanAreLookedAt_StillFindsTheDoubtfulRegion()
    {
        var request = Clumps(items: 30_000, clumps: 30, batch: 100) with { ControlShare = 0 };
        var probabilities = new float[30_000 * request.Classes];
        for (var i = 0; i < 30_000; i++)
        {
            var doubtful = i % 30 == 11;
            probabilities[i * request.Classes] = doubtful ? 0.5f : 0.995f;
            probabilities[(i * request.Classes) + 1] = doubtful ? 0.5f : 0.005f;
        }

        var picks = AcquisitionStrategies.Herding.Select(request with { Probabilities = probabilities });
        Assert.Equal(100, picks.Length);
        Assert.InRange(picks.Count(p => p.Item % 30 == 11), 60, 100);
    }

    private static IAcquisitionStrategy Strategy(string name) => AcquisitionStrategies.All.Single(s => string.Equals(s.Name, name, StringComparison.Ordinal));

    /// <summary>Items in clumps (item i in clump i modulo their number), every tenth labelled, probabilities at random.</summary>
    private static AcquisitionRequest Clumps(int items, int clumps, int batch, bool probabilities = true, bool embedding = true)
    {
        const int Classes = 4;
        var random = new Random(items + clumps);
        var centres = new float[clumps * Dimensions];
        foreach (ref var value in centres.AsSpan()) value = random.NextSingle() - 0.5f;
        var rows = new float[items * Dimensions];
        var p = new float[items * Classes];
        var use = new ItemUse[items];
        for (var i = 0; i < items; i++)
        {
            var row = rows.AsSpan(i * Dimensions, Dimensions);
            for (var d = 0; d < Dimensions; d++) row[d] = centres[(i % clumps * Dimensions) + d] + (0.1f * (random.NextSingle() - 0.5f));
            Vectors.Normalize(row);
            var own = p.AsSpan(i * Classes, Classes);
            float sum = 0;
            foreach (ref var value in own) sum += value = random.NextSingle();
            foreach (ref var value in own) value /= sum;
            use[i] = i % 10 == 9 ? ItemUse.Labelled : i % 10 == 8 ? ItemUse.Unavailable : ItemUse.Open;
        }

        return new AcquisitionRequest
        {
            Use = use,
            Classes = Classes,
            Batch = batch,
            Probabilities = probabilities ? p : default,
            Embedding = embedding ? rows : default,
            Dimensions = embedding ? Dimensions : 0,
            ClassCounts = new[] { items / 40, items / 40, items / 40, items / 40 },
            Seed = 3,
        };
    }
}
