using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;

namespace Annotator.Tests.Llm;

public class PromptRefinerTests
{
    private const string Cure = "when the text has a number, choose b";

    private static readonly PromptContent s_start = new() { Task = LlmTask.SingleChoice, Labels = [new LlmLabel("a"), new LlmLabel("b")] };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Run_WhatTrulyHelps_IsFoundAndPromoted(long seed)
    {
        // Half of the items have a number and are b: without the rule the model says a.
        var workshop = new Simulated((content, item) => item.ItemId % 2 == 0 && !content.Rules.Contains(Cure, StringComparer.Ordinal) && QueueRanks.Shuffle(item.ItemId) < 0.5 ? "a" : LabelOf(item))
        {
            Proposals = round => ["when in doubt, choose a", round == 1 ? Cure : "when it is long, choose a", "be careful"],
        };
        var outcome = await new PromptRefiner(new RefineOptions { Rounds = 3 }, workshop).RunAsync(1, s_start, Items(200), 0, seed, CancellationToken.None);
        Assert.NotNull(outcome.Promoted);
        Assert.Contains(Cure, workshop.Versions[outcome.Promoted.Value].Rules, StringComparer.Ordinal);
        Assert.True(outcome.PValue < 0.01);
        Assert.Contains("Promoted", outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WhatLooksBetterByChanceOnly_IsRejected()
    {
        // Every prompt is right on its own seven of ten: of twelve candidates the best on the one half is so by luck alone.
        var promoted = 0;
        for (var seed = 1; seed <= 60; seed++)
        {
            var salt = seed * 1_000_003L;
            var workshop = new Simulated((content, item) => QueueRanks.Shuffle(item.ItemId ^ salt ^ Convert.ToInt64(content.ToPrompt().Version, 16)) < 0.7 ? LabelOf(item) : Other(LabelOf(item)))
            {
                Proposals = round => [.. Enumerable.Range(0, 4).Select(i => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"rule {seed} {round} {i}"))],
            };
            var outcome = await new PromptRefiner(new RefineOptions { Rounds = 3 }, workshop).RunAsync(1, s_start, Items(200), 0, seed, CancellationToken.None);
            Assert.Equal(12, outcome.Tried.Count);
            if (outcome.Promoted is not null) promoted++;
        }

        // The first judgement may err in 2.5 of a hundred: more than five of sixty would do so once in about ten thousand.
        Assert.InRange(promoted, 0, 5);
    }

    [Fact]
    public async Task Run_LaterJudgements_NeedStrongerEvidence()
    {
        var workshop = new Simulated((content, item) => item.ItemId % 10 == 0 && content.Rules.Count == 0 ? Other(LabelOf(item)) : LabelOf(item)) { Proposals = _ => [Cure] };
        var first = await new PromptRefiner(new RefineOptions { Rounds = 1 }, workshop).RunAsync(1, s_start, Items(120), 0, 5, CancellationToken.None);
        var tenth = await new PromptRefiner(new RefineOptions { Rounds = 1 }, workshop).RunAsync(1, s_start, Items(120), 9, 5, CancellationToken.None);
        Assert.Equal(0.025, first.Needed!.Value, 1e-9);
        Assert.Equal(0.05 / 110, tenth.Needed!.Value, 1e-9);
        Assert.Equal(first.PValue, tenth.PValue);
    }

    [Fact]
    public async Task Run_NothingWrong_NothingIsAsked()
    {
        var workshop = new Simulated((_, item) => LabelOf(item)) { Proposals = _ => throw new InvalidOperationException("Nothing is to be proposed.") };
        var outcome = await new PromptRefiner(new RefineOptions(), workshop).RunAsync(1, s_start, Items(60), 0, 1, CancellationToken.None);
        Assert.Null(outcome.Promoted);
        Assert.Empty(outcome.Tried);
    }

    [Fact]
    public void Proposal_WhatDoesNotFit_IsLeftOut()
    {
        var proposal = new PromptProposal(
            "r", new string('x', 5_000), [new LlmLabel("a", "an a"), new LlmLabel("zzz", "none"), new LlmLabel("b", " ")], ["ok", "", new string('y', 2_000), "ok"], [1, 77], [1, 99]);
        var before = s_start with { Instructions = "old", Rules = ["gone", "kept"] };
        var after = proposal.Apply(before, [new PromptError(DecidedText.Of(1, "text", "b"), "{\"choice\":\"a\"}")]);
        Assert.Equal("old", after.Instructions);
        Assert.Equal(["a"], after.Definitions.Keys, StringComparer.Ordinal);
        Assert.Equal(["kept", "ok"], after.Rules, StringComparer.Ordinal);
        Assert.Equal("text", Assert.Single(after.Examples).Text);
        Assert.Empty(after.Validate());
    }

    [Theory]
    [InlineData("")]
    [InlineData("no JSON")]
    [InlineData("{\"proposals\":7}")]
    [InlineData("{\"proposals\":[7,null,\"x\"]}")]
    [InlineData("{\"proposals\":[{\"reason\":")]
    [InlineData("[]")]
    public void Read_AnythingElse_IsNoProposal(string content) => Assert.Empty(PromptAdvisor.Read(content));

    [Theory]
    [InlineData(0, 0, 1.0)]
    [InlineData(5, 0, 0.03125)]
    [InlineData(0, 5, 1.0)]
    [InlineData(8, 2, 0.0546875)]
    [InlineData(1, 1, 0.75)]
    public void PValue_IsTheBinomialTail(int better, int worse, double expected) => Assert.Equal(expected, PairedTest.PValue(better, worse), 1e-12);

    [Fact]
    public void PValue_Many_StaysAProbability() => Assert.InRange(PairedTest.PValue(1_500, 1_500), 0.5, 0.52);

    [Fact]
    public void LineDiff_GivesBothTextsBack()
    {
        string[] a = ["one", "two", "three", "four"], b = ["zero", "one", "three", "3.5", "four"];
        var diff = LineDiff.Of(a, b);
        Assert.Equal(a, diff.Where(l => l.Kind != "added").Select(l => l.Text), StringComparer.Ordinal);
        Assert.Equal(b, diff.Where(l => l.Kind != "removed").Select(l => l.Text), StringComparer.Ordinal);
        Assert.Equal(3, diff.Count(l => l.Kind == "same"));
    }

    private static string LabelOf(DecidedText item) => LabelJson.Read(item.Value).Single!;

    private static string Label(string name) => LabelJson.Write(new ChoiceValue(name));

    private static string Other(string label) => label == "a" ? "b" : "a";

    private static List<DecidedText> Items(int count) => [.. Enumerable.Range(1, count).Select(i => DecidedText.Of(i, $"item {i}", i % 2 == 0 ? "b" : "a"))];

    private sealed class Simulated(Func<PromptContent, DecidedText, string> model) : IPromptWorkshop
    {
        public Dictionary<int, PromptContent> Versions { get; } = [];

        public required Func<int, IReadOnlyList<string>> Proposals { get; init; }

        public Task<IReadOnlyList<string?>> AnswerAsync(int version, PromptContent content, IReadOnlyList<DecidedText> items, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<string?>>([.. items.Select(i => Label(model(content, i)))]);

        public Task<IReadOnlyList<(int Version, PromptContent Content, string Reason)>> ProposeAsync(
            int round, int parent, PromptContent content, IReadOnlyList<PromptError> errors, IReadOnlyList<TriedCandidate> tried, CancellationToken cancellationToken)
        {
            var made = new List<(int, PromptContent, string)>();
            foreach (var rule in Proposals(round))
            {
                var version = 2 + Versions.Count;
                Versions[version] = content with { Rules = [.. content.Rules, rule] };
                made.Add((version, Versions[version], rule));
            }

            return Task.FromResult<IReadOnlyList<(int, PromptContent, string)>>(made);
        }
    }
}
