namespace Annotator.Core.Learning;
internal sealed class TrainHandler { public const string RunKind = "train"; }
internal sealed class DeduplicateHandler { public const string RunKind = "deduplicate"; }
internal sealed class PrelabelHandler { public const string RunKind = "prelabel"; }
