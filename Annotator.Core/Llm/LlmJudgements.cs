using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Storage;

namespace Annotator.Core.Llm;

/// <summary>Counts how often people found the LLM right: all decisions on items that it had answered, and apart from these those of people who did not see its answer.</summary>
internal static class LlmJudgements
{
    /// <summary>Counts a decision.</summary>
    /// <param name="scope">The unit of work.</param>
    /// <param name="said">What the LLM says of the item; null where it was not asked.</param>
    /// <param name="decision">What a person decided.</param>
    public static void Count(WriteScope scope, Prediction? said, Decision decision) => Add(scope, said, decision, 1);

    /// <summary>Takes a decision out of the count: it was undone, replaced or rejected.</summary>
    public static void TakeBack(WriteScope scope, Prediction? said, Decision decision) => Add(scope, said, decision, -1);

    // Two hands never draw the same box: an answer is right where each of its boxes is one of the person's, and none is missing.
    private static bool IsRight(string said, string? decided) => decided is not null && LabelLikeness.Same(said, decided);

    // What was answered after the decision was not judged by it.
    private static void Add(WriteScope scope, Prediction? said, Decision decision, int sign)
    {
        if (said?.Value is null || said.CreatedAt > decision.CreatedAt) return;
        var right = IsRight(said.Value, decision.Value);
        Count(CounterNames.LlmJudged, true);
        Count(CounterNames.LlmJudgedOf(said.Version), true);
        Count(CounterNames.LlmRight, right);
        Count(CounterNames.LlmRightOf(said.Version), right);
        Count(CounterNames.LlmBlindJudgedOf(said.Version), decision.Blind);
        Count(CounterNames.LlmBlindRightOf(said.Version), decision.Blind && right);

        void Count(string name, bool applies)
        {
            if (applies) scope.Count(decision.ProjectId, name, sign);
        }
    }
}
