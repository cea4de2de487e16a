using System.Globalization;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Learning.Map;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Tests.Support;

namespace Annotator.Tests.Learning;

/// <summary>Items in a plane: neighbours stay neighbours, the same map comes of the same items, and a line around some of them chooses these.</summary>
public sealed class MapTests
{
    [Fact]
    public void Layout_KeepsPlantedGroupsTogether_AndIsTheSameEachTime()
    {
        const int Groups = 6, Each = 80, Dimensions = 24;
        var random = new Random(7);
        var centres = Enumerable.Range(0, Groups * Dimensions).Select(_ => (random.NextSingle() * 2) - 1).ToArray();
        var rows = new float[Groups * Each * Dimensions];
        for (var i = 0; i < Groups * Each; i++)
        {
            for (var d = 0; d < Dimensions; d++) rows[(i * Dimensions) + d] = centres[(i / Each * Dimensions) + d] + ((random.NextSingle() - 0.5f) * 0.6f);
        }

        var at = MapLayout.Lay(rows, Dimensions, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(at, MapLayout.Lay(rows, Dimensions, cancellationToken: TestContext.Current.CancellationToken));
        Assert.All(at, v => Assert.True(float.IsFinite(v)));
        var same = Enumerable.Range(0, Groups * Each).Average(i => Enumerable.Range(0, Groups * Each).Where(j => j != i)
            .OrderBy(j => Math.Pow(at[2 * i] - at[2 * j], 2) + Math.Pow(at[(2 * i) + 1] - at[(2 * j) + 1], 2)).Take(10).Average(j => i / Each == j / Each ? 1d : 0d));
        Assert.True(same > 0.97, $"{same:0.000} of the neighbours on the map are of the same group.");
    }

    [Fact]
    public void Layout_OfFewRows_IsLaidOutToo()
    {
        Assert.Empty(MapLayout.Lay(Array.Empty<float>(), 4, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(2, MapLayout.Lay(new float[4], 4, cancellationToken: TestContext.Current.CancellationToken).Length);
        Assert.All(MapLayout.Lay(new float[4 * 30], 4, cancellationToken: TestContext.Current.CancellationToken), v => Assert.True(float.IsFinite(v)));
        Assert.Throws<ArgumentException>(() => MapLayout.Lay(new float[5], 4, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Map_IsTheSameAfterReading_AndKnowsWhatIsInside()
    {
        var map = ItemMap.Of([5, 6, 7, 8], [0f, 0, 10, 0, 10, 10, 5, 5]);
        var read = ItemMap.FromBytes(map.ToBytes());
        Assert.Equal(map.Ids, read.Ids);
        Assert.Equal(map.X, read.X);
        Assert.Equal(map.Y, read.Y);
        Assert.Equal([3], read.Inside([(20_000, 20_000), (50_000, 20_000), (50_000, 50_000), (20_000, 50_000)]));
        Assert.Empty(read.Inside([(0, 0), (1, 1)]));

        // A line with a bay leaves out what lies in the bay.
        Assert.DoesNotContain(3, read.Inside([(-1, -1), (66_000, -1), (66_000, 66_000), (32_700, 20_000), (-1, 66_000)]));
        Assert.Throws<InvalidDataException>(() => ItemMap.FromBytes(map.ToBytes().AsSpan(0, 20)));
        Assert.Throws<InvalidDataException>(() => ItemMap.FromBytes("something else"u8));
    }

    [Fact]
    public async Task Run_DrawsTheRepresentation_AndSamplesWhatIsTooMuch()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["animal", "city"], new ProjectSettings { GroupDuplicates = false, AutoAccept = false });
        await host.Get<RunService>().StartAsync(project.Id, "map", cancellationToken: TestContext.Current.CancellationToken);
        await host.RunAllAsync(TestContext.Current.CancellationToken);
        Assert.Null(await host.Get<ItemMaps>().LatestAsync(project.Id, TestContext.Current.CancellationToken));

        string[] animals = ["cat", "dog", "horse", "bird", "mouse"];
        string[] cities = ["Seoul", "Paris", "London", "Berlin", "Busan"];
        await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, 240).Select(i => new NewItem(
            string.Create(CultureInfo.InvariantCulture, $"k{i}"),
            string.Create(CultureInfo.InvariantCulture, $"{(i % 2 == 0 ? $"the {animals[i % 5]} eats and sleeps in the stable" : $"travel by train to {cities[i % 5]} station hotel")} {i}")))]);
        await host.Get<RunService>().StartAsync(project.Id, "represent", cancellationToken: TestContext.Current.CancellationToken);
        await host.RunAllAsync(TestContext.Current.CancellationToken);
        await host.Get<RunService>().StartAsync(project.Id, "map", new MapRunOptions { Points = 200 }, cancellationToken: TestContext.Current.CancellationToken);
        await host.RunAllAsync(TestContext.Current.CancellationToken);

        var version = await host.Get<ItemMaps>().LatestAsync(project.Id, TestContext.Current.CancellationToken);
        Assert.Equal((200, 240L), (version!.Items, version.Of));
        var map = await host.Get<ItemMaps>().ReadAsync(version, TestContext.Current.CancellationToken);
        Assert.Equal(200, map.Ids.Distinct().Count());
        var marks = await host.Get<ItemMaps>().MarksAsync(project, map, TestContext.Current.CancellationToken);
        Assert.All(marks, m => Assert.NotNull(m));
        var regions = ItemMaps.Regions(map, marks);
        Assert.Equal(200, regions.Sum(r => r.Items));
        Assert.All(regions, r => Assert.Contains(r.Example, map.Ids));
        Assert.All(marks, m => Assert.NotEqual(ItemState.Final, m!.Value.State));
    }
}
