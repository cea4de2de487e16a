using Annotator.Core.Edge;

namespace Annotator.Edge.Annotating;

/// <summary>A frame or image as the model takes it: RGB, 8 bits, row by row.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Pixels">3 · width · height bytes.</param>
internal sealed record Frame(int Width, int Height, byte[] Pixels);

/// <summary>Something to be labelled.</summary>
/// <param name="Key">The source's name for it; labelled once.</param>
/// <param name="Text">The text.</param>
/// <param name="Frame">The picture, in place of a text.</param>
/// <param name="Picture">Makes the file that is sent where a person is to see it, of so many pixels on its longest side; null where there is none to send.</param>
internal sealed record EdgeItem(string Key, string? Text, Frame? Frame = null, Func<int, CancellationToken, Task<byte[]?>>? Picture = null);

/// <summary>What a model says of an item.</summary>
/// <param name="Value">Value as canonical JSON.</param>
/// <param name="Confidence">Calibrated probability that it is right.</param>
/// <param name="Familiarity">How much of the item the model has seen in training; 1 where it cannot tell.</param>
internal sealed record EdgeOpinion(string Value, double Confidence, double Familiarity);

/// <summary>An item with its label, which is on the disk.</summary>
/// <param name="Key">The source's name for it.</param>
/// <param name="Value">Value as canonical JSON.</param>
/// <param name="Confidence">Calibrated probability that it is right.</param>
/// <param name="ModelVersion">Student version.</param>
/// <param name="Reason">Why the item itself is kept to be sent.</param>
/// <param name="Repeated">Whether it had been labelled before: nothing was kept this time.</param>
internal sealed record EdgeAnnotation(string Key, string Value, double Confidence, int ModelVersion, EdgeReason Reason, bool Repeated);

/// <summary>The model fails on an item; nothing is kept of it.</summary>
internal sealed class ItemFailedException(string message, Exception inner) : Exception(message, inner);
