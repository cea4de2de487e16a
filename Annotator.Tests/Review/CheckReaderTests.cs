using Annotator.Core.Labels;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Review.Checks;
using Annotator.Tests.Support;

namespace Annotator.Tests.Review;

/// <summary>Checks of one label: of that label, whatever its name has in it and whatever else a value says.</summary>
public sealed class CheckReaderTests
{
    private static readonly LabelValue[] s_expected =
    [
        new ChoiceValue("a"), new ChoiceValue("ab"), new ChoiceValue("a b"), new ChoiceValue("say \"a\""), new ChoiceValue("a\\"), new ChoiceValue("고양이"), new ChoiceValue("고양"), new ChoiceValue("choice"),
        new ChoicesValue(["a", "고양이", "z"]), new ChoicesValue(["ab", "y,", ",z"]), new SpansValue([new Span(0, 1, "a"), new Span(2, 3, "label")]), new TracksValue([new Track("a", "ab", [new Keyframe(0, 1, 1, 2, 2, false)])]),
    ];

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Label_IsFoundByItsWholeName_WhereANameStands(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"]);
        var people = await host.NewUsersAsync(2);
        await host.Database.WriteAsync(scope => scope.Dialect.InsertAsync(
            scope.Db,
            [.. s_expected.Select((value, n) => new QualityCheck
            {
                Id = Guid.NewGuid().ToString("n"), ProjectId = project.Id, ItemId = n, UserId = people[n % 2], Kind = CheckKind.Gold, Expected = LabelJson.Write(value),
                Given = n % 3 == 2 ? null : LabelJson.Write(n % 3 == 0 ? value : new ChoiceValue("given")), Correct = n % 3 == 0, CreatedAt = scope.Now, ExpiresAt = scope.Now, AnsweredAt = scope.Now,
            })],
            ignoreConflicts: false, TestContext.Current.CancellationToken));

        Assert.Equal((3, 1), await OfAsync("a"));
        Assert.Equal((3, 1), await OfAsync("ab"));
        Assert.Equal((1, 0), await OfAsync("a b"));
        Assert.Equal((1, 1), await OfAsync("say \"a\""));
        Assert.Equal((0, 0), await OfAsync("\"a\""));
        Assert.Equal((1, 0), await OfAsync("a\\"));
        Assert.Equal((2, 0), await OfAsync("고양이"));
        Assert.Equal((1, 1), await OfAsync("고양"));
        Assert.Equal((0, 0), await OfAsync("양이"));
        Assert.Equal((1, 0), await OfAsync("choice"));
        Assert.Equal((0, 0), await OfAsync("choices"));
        Assert.Equal((1, 0), await OfAsync("z"));
        Assert.Equal((1, 1), await OfAsync(",z"));
        Assert.Equal((0, 0), await OfAsync(","));
        Assert.Equal((1, 0), await OfAsync("label"));
        Assert.Equal((0, 0), await OfAsync("A"));
        Assert.Equal((4, 0), await OfAsync("given"));

        async Task<(int Count, int Right)> OfAsync(string label)
        {
            var found = await host.Get<CheckReader>().ReadAsync(project.Id, new DashboardFilter(Label: label), TestContext.Current.CancellationToken);
            return (found.Sum(f => f.Gold.Count), (int)Math.Round(found.Sum(f => f.Gold.Share.GetValueOrDefault() * f.Gold.Count)));
        }
    }
}
