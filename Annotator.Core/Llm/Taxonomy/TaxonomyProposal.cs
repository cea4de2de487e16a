namespace Annotator.Core.Llm.Taxonomy;

/// <summary>A label that is proposed.</summary>
/// <param name="Name">Name.</param>
/// <param name="Description">Definition.</param>
/// <param name="Items">Texts of the sample that it was given to.</param>
/// <param name="Examples">Some of these texts, shortened.</param>
/// <param name="Known">Whether the project has it already.</param>
public sealed record ProposedLabel(string Name, string Description, int Items, IReadOnlyList<string> Examples, bool Known);

/// <summary>A change of the proposed labels that a lead may make.</summary>
/// <param name="Kind"><c>merge</c>: several labels become one; <c>split</c>: one becomes several.</param>
/// <param name="Labels">The labels that are changed.</param>
/// <param name="Into">What they become.</param>
/// <param name="Reason">Why, in the model's words.</param>
/// <param name="Confused">Texts that got the one label at one time and the other at another time; for a split those that the label was given to.</param>
public sealed record TaxonomySuggestion(string Kind, IReadOnlyList<string> Labels, IReadOnlyList<LlmLabel> Into, string Reason, int Confused);

/// <summary>A text that none of the labels fits.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Text">Its text, shortened.</param>
public sealed record UncoveredText(string ItemId, string Text);

/// <summary>What a run proposes: the result of <see cref="ProposeTaxonomyHandler"/>.</summary>
/// <param name="Texts">Texts that were read.</param>
/// <param name="Answered">Those of them that were labelled with the proposal.</param>
/// <param name="Coverage">Share of these that one of the labels fits; null where none was labelled.</param>
/// <param name="Stability">Share of the texts that got the same label when they were asked about again in another order; null where none was.</param>
/// <param name="Labels">The labels, the most frequent first.</param>
/// <param name="Suggestions">Changes to think about: near-synonyms to merge, wide labels to split.</param>
/// <param name="Uncovered">Some of the texts that none of the labels fits.</param>
/// <param name="OnlyUnfitting">Whether only texts were read that none of the project's labels fits.</param>
/// <param name="Cost">What the run cost.</param>
public sealed record TaxonomyProposal(
    int Texts, int Answered, double? Coverage, double? Stability, IReadOnlyList<ProposedLabel> Labels, IReadOnlyList<TaxonomySuggestion> Suggestions, IReadOnlyList<UncoveredText> Uncovered, bool OnlyUnfitting,
    double Cost);
