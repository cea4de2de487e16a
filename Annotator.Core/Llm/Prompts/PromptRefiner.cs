using System.ComponentModel.DataAnnotations;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;

namespace Annotator.Core.Llm.Prompts;

/// <summary>How a prompt is refined.</summary>
public sealed record RefineOptions : IValidatableObject
{
    /// <summary>Rounds of proposals, 1 to 10.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Proposals asked for in a round, 1 to 16.</summary>
    public int Candidates { get; init; } = 4;

    /// <summary>Decided items that are used, half to choose and half to judge, 40 to 3,000.</summary>
    public int Items { get; init; } = 300;

    /// <summary>How probable it may be, over all refinements of a project together, that a version is promoted that is no better; 0.001 to 0.2.</summary>
    public double Risk { get; init; } = 0.05;

    /// <summary>Money that may be spent, within what the project has left; null: no bound of its own.</summary>
    public double? Budget { get; init; }

    /// <inheritdoc />
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        Validate().Select(e => new ValidationResult(e.Message, [char.ToUpperInvariant(e.Field[0]) + e.Field[1..]]));

    /// <summary>What is wrong, by field.</summary>
    public IReadOnlyList<(string Field, string Message)> Validate()
    {
        var errors = new List<(string, string)>();
        void Range(string field, double value, double low, double high)
        {
            if (!(value >= low && value <= high)) errors.Add((field, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Must be {low} to {high}.")));
        }

        Range("rounds", Rounds, 1, 10);
        Range("candidates", Candidates, 1, 16);
        Range("items", Items, 40, 3_000);
        Range("risk", Risk, 0.001, 0.2);
        Range("budget", Budget ?? 0, 0, 1_000_000);
        return errors;
    }
}

/// <summary>What a model proposes to change in a prompt.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Instructions">New instructions; null keeps them.</param>
/// <param name="Definitions">Definitions of labels, added to or in place of those that are there.</param>
/// <param name="Rules">Rules for edge cases, added.</param>
/// <param name="Drop">Numbers, from 1, of rules that are taken away.</param>
/// <param name="Examples">Numbers, from 1, of the shown errors that become examples.</param>
public sealed record PromptProposal(
    string Reason, string? Instructions, IReadOnlyList<LlmLabel> Definitions, IReadOnlyList<string> Rules, IReadOnlyList<int> Drop, IReadOnlyList<int> Examples)
{
    /// <summary>The prompt with the changes; what does not fit is left out.</summary>
    /// <param name="content">The prompt.</param>
    /// <param name="shown">The errors that were shown.</param>
    public PromptContent Apply(PromptContent content, IReadOnlyList<PromptError> shown)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(shown);
        var names = content.Labels.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        var definitions = content.Definitions.ToDictionary(d => d.Key, d => d.Value, StringComparer.Ordinal);
        foreach (var definition in Definitions.Where(d => names.Contains(d.Name) && Good(d.Description, PromptContent.MaxRule))) definitions[definition.Name] = definition.Description!.Trim();
        var rules = content.Rules.Where((_, i) => !Drop.Contains(i + 1)).Concat(Rules.Where(r => Good(r, PromptContent.MaxRule)).Select(r => r.Trim())).Distinct(StringComparer.Ordinal).TakeLast(PromptContent.MaxRules);
        var examples = content.Examples.Concat(Examples.Where(e => !content.Pictures && e >= 1 && e <= shown.Count).Select(e => shown[e - 1].Item.ToExample()).OfType<LlmExample>()).DistinctBy(e => e.Text, StringComparer.Ordinal);
        return content with
        {
            Instructions = Good(Instructions, PromptContent.MaxInstructions) ? Instructions!.Trim() : content.Instructions,
            Definitions = definitions,
            Rules = [.. rules],
            Examples = [.. examples.TakeLast(PromptContent.MaxExamples)],
        };
    }

    private static bool Good(string? text, int most) => !string.IsNullOrWhiteSpace(text) && text.Length <= most;
}

/// <summary>An error of a version.</summary>
/// <param name="Item">The item, with what people say.</param>
/// <param name="Said">What the version says, as canonical JSON; null: nothing valid.</param>
public sealed record PromptError(DecidedText Item, string? Said);

/// <summary>A candidate that was measured on the part to choose from.</summary>
/// <param name="Version">Its number.</param>
/// <param name="Parent">The version it was made from.</param>
/// <param name="Reason">Why it was proposed.</param>
/// <param name="Right">Items it is right on.</param>
/// <param name="Items">Items it was measured on.</param>
/// <param name="Likeness">Mean F1 of its answers against people's: for classes the share that is right.</param>
public sealed record TriedCandidate(int Version, int Parent, string Reason, int Right, int Items, double Likeness);

/// <summary>How a refinement ended.</summary>
/// <param name="Promoted">The version that is better; null: none is.</param>
/// <param name="Reason">Why, in English.</param>
/// <param name="Tried">The candidates.</param>
/// <param name="Better">On how many items of the part to judge by the best candidate comes nearer to people than the version before; null where none came so far.</param>
/// <param name="Worse">On how many the version before comes nearer.</param>
/// <param name="PValue">How probable so clear an advantage would be by chance.</param>
/// <param name="Needed">How small that had to be.</param>
public sealed record RefineOutcome(int? Promoted, string Reason, IReadOnlyList<TriedCandidate> Tried, int? Better, int? Worse, double? PValue, double? Needed);

/// <summary>What the refiner needs of the world.</summary>
internal interface IPromptWorkshop
{
    /// <summary>What a version says about items, as canonical JSON; null where it says nothing valid. Asked again, it answers the same without cost.</summary>
    Task<IReadOnlyList<string?>> AnswerAsync(int version, PromptContent content, IReadOnlyList<DecidedText> items, CancellationToken cancellationToken);

    /// <summary>Candidates of a round, made into versions; the same ones when the round is asked for again.</summary>
    Task<IReadOnlyList<(int Version, PromptContent Content, string Reason)>> ProposeAsync(
        int round, int parent, PromptContent content, IReadOnlyList<PromptError> errors, IReadOnlyList<TriedCandidate> tried, CancellationToken cancellationToken);
}

/// <summary>
/// Makes a prompt better by its own errors: a model reads where the prompt went wrong and proposes changes (ProTeGi, Pryzant et al. 2023), is
/// told what was tried and how well it did (OPRO, Yang et al. 2024), and what does best goes into the next round. All that choosing happens on
/// one half of the decided items. Only the winner is taken to the other half, once, and is promoted only where it is better than the version
/// in use by an exact paired test: among many candidates some look better by chance, and this one look does not depend on how many there were. Classes are
/// right or wrong; of spans and boxes it counts how near an answer comes to people's (F1), so that the test is the sign test of the items on which it differs.
/// </summary>
internal sealed class PromptRefiner(RefineOptions options, IPromptWorkshop workshop)
{
    // Errors shown to the model in a round.
    private const int MostErrors = 16;

    private const double Rounding = 1e-9;

    /// <summary>Refines a prompt.</summary>
    /// <param name="version">The version in use.</param>
    /// <param name="current">Its content.</param>
    /// <param name="decided">Decided items.</param>
    /// <param name="earlier">Refinements of the project that came to a judgement before: each has used up its part of the risk.</param>
    /// <param name="seed">Halves the items, another way in each run.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<RefineOutcome> RunAsync(int version, PromptContent current, IReadOnlyList<DecidedText> decided, int earlier, long seed, CancellationToken cancellationToken)
    {
        var order = decided.OrderBy(d => QueueRanks.Shuffle(d.ItemId ^ (seed << 20))).ToList();
        var choose = order[..(order.Count / 2)];
        var judge = order[(order.Count / 2)..];
        var tried = new List<TriedCandidate>();
        var baseline = await MeasureAsync(version, current, choose, cancellationToken);
        var best = (Version: version, Content: current, Answers: baseline);
        for (var round = 0; round < options.Rounds; round++)
        {
            var errors = Errors(choose, best.Answers, seed + round);
            if (errors.Count == 0) break;
            var candidates = await workshop.ProposeAsync(round, best.Version, best.Content, errors, tried, cancellationToken);
            var parent = best;
            foreach (var candidate in candidates)
            {
                var answers = await RaceAsync(candidate.Version, candidate.Content, choose, parent.Answers, cancellationToken);
                var points = Points(choose[..answers.Count], answers);
                var right = answers.Where((a, i) => IsRight(choose[i], a)).Count();
                tried.Add(new TriedCandidate(candidate.Version, parent.Version, candidate.Reason, right, answers.Count, Math.Round(points / Math.Max(1, answers.Count), 4)));
                if (answers.Count == choose.Count && points > Points(choose, best.Answers) + Rounding) best = (candidate.Version, candidate.Content, answers);
            }
        }

        if (best.Version == version) return new RefineOutcome(null, tried.Count == 0 ? "Nothing was proposed." : "No proposal did better on the items to choose by.", tried, null, null, null, null);

        // The k-th judgement gets the share 1 / k(k+1) of the risk: all together they get no more than the whole.
        var needed = options.Risk / ((earlier + 1) * (earlier + 2.0));
        var before = await MeasureAsync(version, current, judge, cancellationToken);
        var after = await MeasureAsync(best.Version, best.Content, judge, cancellationToken);
        var (better, worse) = (0, 0);
        for (var i = 0; i < judge.Count; i++)
        {
            var gain = Likeness(judge[i], after[i]) - Likeness(judge[i], before[i]);
            if (gain > Rounding) better++;
            else if (gain < -Rounding) worse++;
        }

        var p = PairedTest.PValue(better, worse);
        var figures = FormattableString.Invariant($"version {best.Version} corrects {better} and spoils {worse} of {judge.Count} items kept apart (p = {p:0.0000}, {needed:0.0000} needed)");
        return p <= needed
            ? new RefineOutcome(best.Version, $"Promoted: {figures}.", tried, better, worse, p, needed)
            : new RefineOutcome(null, $"Not promoted: {figures}; that may be chance.", tried, better, worse, p, needed);
    }

    // Half of the items first: what does clearly worse there costs no more.
    private async Task<IReadOnlyList<string?>> RaceAsync(
        int version, PromptContent content, IReadOnlyList<DecidedText> items, IReadOnlyList<string?> against, CancellationToken cancellationToken)
    {
        var half = items.Take((items.Count + 1) / 2).ToList();
        var first = await MeasureAsync(version, content, half, cancellationToken);
        var slack = Math.Sqrt(half.Count) / 2;
        if (Points(half, first) < Points(half, against) - slack) return first;
        return [.. first, .. await MeasureAsync(version, content, [.. items.Skip(half.Count)], cancellationToken)];
    }

    private Task<IReadOnlyList<string?>> MeasureAsync(int version, PromptContent content, IReadOnlyList<DecidedText> items, CancellationToken cancellationToken) =>
        workshop.AnswerAsync(version, content, items, cancellationToken);

    // Errors of as many kinds as there are, the most frequent kinds first.
    private static List<PromptError> Errors(List<DecidedText> items, IReadOnlyList<string?> answers, long seed)
    {
        var kinds = items.Select((item, i) => new PromptError(item, answers[i])).Where(e => !IsRight(e.Item, e.Said))
            .GroupBy(e => string.Join('\u001e', AnswerDifference.Of(e.Item.Value, e.Said).Select(d => d.People + '\u001f' + d.Model).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)), StringComparer.Ordinal)
            .OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => new Queue<PromptError>(g.OrderBy(e => QueueRanks.Shuffle(e.Item.ItemId ^ seed)))).ToList();
        var errors = new List<PromptError>();
        while (errors.Count < MostErrors && kinds.Any(k => k.Count > 0))
        {
            foreach (var kind in kinds.Where(k => k.Count > 0).Take(MostErrors - errors.Count).ToList()) errors.Add(kind.Dequeue());
        }

        return errors;
    }

    private static double Points(IReadOnlyList<DecidedText> items, IReadOnlyList<string?> answers) => items.Select((item, i) => Likeness(item, answers[i])).Sum();

    private static double Likeness(DecidedText item, string? said) => said is null ? 0 : LabelLikeness.Of(item.Value, said);

    private static bool IsRight(DecidedText item, string? said) => Likeness(item, said) >= 1 - Rounding;
}
