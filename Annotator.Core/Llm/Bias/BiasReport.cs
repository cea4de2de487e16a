namespace Annotator.Core.Llm.Bias;

/// <summary>How the LLM gives one label, against people.</summary>
/// <param name="Label">The label.</param>
/// <param name="People">Items to which people gave it.</param>
/// <param name="Llm">Items to which the LLM gave it.</param>
/// <param name="Both">Items to which both gave it.</param>
/// <param name="Recall">Share of people's items that the LLM found; null without any.</param>
/// <param name="Precision">Share of the LLM's items that are people's; null without any.</param>
/// <param name="Ratio">How much more often, or less often, the LLM gives it than people; null where people never did.</param>
/// <param name="Biased">Whether the difference is more than chance (exact test of marginal homogeneity, 1 % over all labels together).</param>
public sealed record LabelBias(string Label, int People, int Llm, int Both, double? Recall, double? Precision, double? Ratio, bool Biased);

/// <summary>How a version of the prompt did, as people judged it.</summary>
/// <param name="PromptVersion">The version.</param>
/// <param name="Judged">Items that it answered and people decided.</param>
/// <param name="Right">Items it was right on.</param>
/// <param name="Lower">Lower end of the accuracy's interval (95 %, Wilson).</param>
/// <param name="Upper">Upper end.</param>
/// <param name="Blind">Decisions of people who did not see its answer.</param>
/// <param name="BlindRight">Those of them that say the same.</param>
public sealed record VersionAccuracy(int PromptVersion, int Judged, int Right, double Lower, double Upper, int Blind = 0, int BlindRight = 0);

/// <summary>How the LLM does on one slice of the items.</summary>
/// <param name="Field">A field of the metadata; <c>#length</c> and <c>#script</c> for what is told from the text itself.</param>
/// <param name="Value">Its value.</param>
/// <param name="Judged">Items of the slice that both have labelled.</param>
/// <param name="Right">Items on which the LLM was right.</param>
/// <param name="Lower">Lower end of the accuracy's interval (95 %, Wilson).</param>
/// <param name="Upper">Upper end.</param>
/// <param name="Differs">-1 or 1 where the LLM does worse or better than on the other items, by more than chance (Fisher's exact test, 1 % over all slices together); else 0.</param>
public sealed record SliceAccuracy(string Field, string Value, int Judged, int Right, double Lower, double Upper, int Differs);

/// <summary>What the LLM said within a stretch of time: as many items as in the others.</summary>
/// <param name="From">First answer.</param>
/// <param name="To">Last answer.</param>
/// <param name="Items">Items answered.</param>
/// <param name="Judged">Those of them that people decided.</param>
/// <param name="Right">Those on which it was right.</param>
/// <param name="Shares">Share of the items that got each label, by name; only labels that it gave.</param>
public sealed record TimeWindow(DateTimeOffset From, DateTimeOffset To, int Items, int Judged, int Right, IReadOnlyDictionary<string, double> Shares);

/// <summary>Something that somebody should look at.</summary>
/// <param name="Kind"><c>label</c>, <c>slice</c>, <c>version</c>, <c>accuracy</c>, <c>distribution</c>, <c>repetition</c>, <c>order</c>, <c>names</c>, <c>neighbours</c> or <c>position</c>.</param>
/// <param name="Subject">What it is about: a label, a slice, a version.</param>
/// <param name="Before">The figure that it is held against.</param>
/// <param name="Now">The figure.</param>
/// <param name="Message">The same in English.</param>
public sealed record BiasAlarm(string Kind, string Subject, double Before, double Now, string Message);

/// <summary>The LLM's labels against people's.</summary>
/// <param name="Judged">Items that both have labelled.</param>
/// <param name="Right">Items on which they agree.</param>
/// <param name="Labels">Label by label, the most lopsided first.</param>
/// <param name="Versions">Version by version, the newest first.</param>
/// <param name="Slices">Slices of at least <see cref="BiasFigures.FewestOfSlice"/> items, those that differ first.</param>
/// <param name="Windows">Over time, the oldest first.</param>
/// <param name="Probes">What the newest probe found; null before the first.</param>
/// <param name="Alarms">What somebody should look at.</param>
public sealed record BiasReport(
    int Judged, int Right, IReadOnlyList<LabelBias> Labels, IReadOnlyList<VersionAccuracy> Versions, IReadOnlyList<SliceAccuracy> Slices, IReadOnlyList<TimeWindow> Windows, ProbeReport? Probes,
    IReadOnlyList<BiasAlarm> Alarms);

/// <summary>How much an answer holds when something changes that should change nothing.</summary>
/// <param name="Kind"><c>repetition</c>: nothing was changed; <c>order</c>: the labels stood in the opposite order; <c>names</c>: the labels had names that mean nothing; <c>neighbours</c>: each item was asked about alone.</param>
/// <param name="Items">Items that were answered both times.</param>
/// <param name="Same">Items that got the same label; of spans and boxes: all of them, and no others.</param>
/// <param name="Lower">Lower end of the share's interval (95 %, Wilson).</param>
/// <param name="Upper">Upper end.</param>
public sealed record ProbeShare(string Kind, int Items, int Same, double Lower, double Upper);

/// <summary>An item whose label changed.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Text">Its text, shortened; its key where it is an image.</param>
/// <param name="Kind">Which change it was.</param>
/// <param name="Before">The label before.</param>
/// <param name="After">The label after.</param>
public sealed record ProbeFlip(string ItemId, string Text, string Kind, string Before, string After);

/// <summary>What a probe found.</summary>
/// <param name="PromptVersion">The version that was probed.</param>
/// <param name="Shares">How much the answers hold.</param>
/// <param name="Earlier">Of the items of one label whose label changed with the order: those that got, both times, the label that stood earlier in the list.</param>
/// <param name="Later">Those that got, both times, the one that stood later.</param>
/// <param name="PositionP">How probable so lopsided a pull, or a more lopsided one, is by chance (exact, two-sided).</param>
/// <param name="Flips">Some of the items whose label changed.</param>
/// <param name="Cost">What the probe cost.</param>
/// <param name="At">When.</param>
public sealed record ProbeReport(int PromptVersion, IReadOnlyList<ProbeShare> Shares, int Earlier, int Later, double PositionP, IReadOnlyList<ProbeFlip> Flips, double Cost, DateTimeOffset At);
