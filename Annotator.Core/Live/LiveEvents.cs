using System.Text.Json.Serialization;
using Annotator.Core.Items;

namespace Annotator.Core.Live;

/// <summary>Something that pages want to know of: it says what changed; who shows it reads it again.</summary>
/// <param name="ProjectId">The project it concerns; 0 for all.</param>
[JsonDerivedType(typeof(ItemsPreLabelled), "preLabelled")]
[JsonDerivedType(typeof(ItemsDecided), "decided")]
[JsonDerivedType(typeof(ModelTrained), "trained")]
[JsonDerivedType(typeof(RunChanged), "run")]
[JsonDerivedType(typeof(ProjectChanged), "project")]
[JsonDerivedType(typeof(DevicesChanged), "devices")]
[JsonDerivedType(typeof(UrgentArrived), "urgent")]
[JsonDerivedType(typeof(EventsMissed), "missed")]
public abstract record LiveEvent(long ProjectId);

/// <summary>Events of other nodes may be lost: whoever shows something reads it again. <see cref="LiveSubscription.TakeMissed"/> says so too.</summary>
public sealed record EventsMissed() : LiveEvent(0);

/// <summary>A pre-label as it is pushed.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Key">The caller's name for it.</param>
/// <param name="Value">Value as canonical JSON.</param>
/// <param name="Confidence">Calibrated confidence.</param>
/// <param name="Source">Who made it.</param>
/// <param name="Version">Which version of it.</param>
/// <param name="Route">Where the item goes.</param>
/// <param name="Text">The beginning of the item's text.</param>
public sealed record PreLabelled(long ItemId, string Key, string Value, double Confidence, LabelSource Source, int Version, Route Route, string? Text);

/// <summary>Items got or changed their pre-label.</summary>
public sealed record ItemsPreLabelled(long ProjectId, IReadOnlyList<PreLabelled> Items) : LiveEvent(ProjectId);

/// <summary>A label as it is pushed.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Key">The caller's name for it.</param>
/// <param name="Value">Value as canonical JSON; null where a decision was taken back.</param>
/// <param name="Source">Where the label came from.</param>
/// <param name="UserId">Who decided, where a person did.</param>
/// <param name="State">Where the item stands now.</param>
public sealed record Decided(long ItemId, string Key, string? Value, LabelSource? Source, long? UserId, ItemState State);

/// <summary>Items were decided, or decisions were taken back.</summary>
public sealed record ItemsDecided(long ProjectId, IReadOnlyList<Decided> Items) : LiveEvent(ProjectId);

/// <summary>A new student is in service.</summary>
public sealed record ModelTrained(long ProjectId, int Version, double? Accuracy, double? Ece, int TrainedOn) : LiveEvent(ProjectId);

/// <summary>A run began, went on or ended.</summary>
public sealed record RunChanged(long ProjectId, long RunId) : LiveEvent(ProjectId);

/// <summary>Counts, queue or settings of a project changed.</summary>
public sealed record ProjectChanged(long ProjectId) : LiveEvent(ProjectId);

/// <summary>Devices of a project reported.</summary>
public sealed record DevicesChanged(long ProjectId) : LiveEvent(ProjectId);

/// <summary>Items came to the front of the queue that cannot wait.</summary>
public sealed record UrgentArrived(long ProjectId) : LiveEvent(ProjectId);
