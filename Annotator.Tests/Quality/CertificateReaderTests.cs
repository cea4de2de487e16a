using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Review.Checks;
using Annotator.Tests.Support;

namespace Annotator.Tests.Quality;

/// <summary>The statement as it is read: of people as they are, the audit's bounds become bounds of truth.</summary>
public sealed class CertificateReaderTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Statement_OfPeopleWhoErr_SpeaksOfTruth_WithinItsLimits()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["cat", "dog"]);
        var people = await host.NewUsersAsync(2);
        var reader = host.Get<CertificateReader>();
        Assert.Null(await reader.FindAsync(project, Token));
        await StateAsync(items: 1_000, """{"audit":2,"decided":200,"accepted":800,"errorBound":20,"fewestErrors":2,"expectedErrors":8.5,"found":3,"alpha":0.04}""");
        var agreed = (await reader.FindAsync(project, Token))!;
        Assert.Null(agreed.People);
        Assert.Equal((2, 200, 800, 20, 2, 8.5, 3, 0.998), (agreed.Audit, agreed.Decided, agreed.Accepted, agreed.ErrorBound, agreed.FewestErrors, agreed.ExpectedErrors, agreed.Found, agreed.UpperBound));

        // Of 50 known items they answered 45 rightly.
        await host.Database.WriteAsync(scope => scope.Dialect.InsertAsync(
            scope.Db,
            [.. Enumerable.Range(0, 50).Select(n => new QualityCheck
            {
                Id = Guid.NewGuid().ToString("n"), ProjectId = project.Id, ItemId = n, UserId = people[n % 2], Kind = CheckKind.Gold, Expected = LabelJson.Write(new ChoiceValue("cat")),
                Given = LabelJson.Write(new ChoiceValue(n < 5 ? "dog" : "cat")), Correct = n >= 5, CreatedAt = scope.Now, ExpiresAt = scope.Now, AnsweredAt = scope.Now,
            })],
            ignoreConflicts: false, Token));
        var measured = PeopleAccuracy.Measure(45, 50, 0, 0, 0.05 * 0.2);
        var truth = (await reader.FindAsync(project, Token))!.People!;
        Assert.Equal((50, 0, 0.9, measured.Lower, measured.Upper), (truth.Gold, truth.Repeats, truth.Estimate, truth.LowerBound, truth.UpperBound));
        Assert.Equal(((200 * 0.9) + 800 - 8.5) / 1_000, truth.TruthEstimate, 12);
        Assert.Equal(((200 * measured.Lower) + 780) / 1_000, truth.TruthLowerBound, 12);
        Assert.Equal(((200 * measured.Upper) + 800 - (2 * measured.Lower)) / 1_000, truth.TruthUpperBound, 12);
        Assert.Equal(0.94, truth.TruthConfidence, 12);

        // Nothing is more wrong than all.
        await StateAsync(items: 10, """{"audit":3,"decided":0,"accepted":10,"errorBound":30,"fewestErrors":0,"expectedErrors":9,"found":0}""");
        Assert.Equal((0.0, 1.0), (await reader.FindAsync(project, Token))!.People is { } least ? (least.TruthLowerBound, least.TruthUpperBound) : default);

        Task StateAsync(long items, string detail) => host.Database.WriteAsync(scope => scope.Dialect.InsertAsync(
            scope.Db,
            [new CertificateSnapshot { Id = scope.NextId("certificate"), ProjectId = project.Id, Target = 0.95, Confidence = 0.95, Estimate = 0.99, LowerBound = 0.98, Audited = 120, Items = items, Detail = detail, CreatedAt = scope.Now }],
            ignoreConflicts: false, Token));
    }

    [Fact]
    public void Snapshot_TellsItsUpperBound_AndOneWithoutHasNone()
    {
        var snapshot = new CertificateSnapshot { Items = 200, Detail = """{"fewestErrors":5}""" };
        Assert.Equal((0.975, 0.975), (snapshot.UpperBound, snapshot.UpperBound));
        snapshot.Items = 100;
        Assert.Equal(0.95, snapshot.UpperBound);
        snapshot.Detail = """{"fewestErrors":10}""";
        Assert.Equal(0.9, snapshot.UpperBound);
        snapshot.Detail = """{"audit":1}""";
        Assert.Equal(1, snapshot.UpperBound);
        Assert.Equal(1, new CertificateSnapshot().UpperBound);
    }
}
