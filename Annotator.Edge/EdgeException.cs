namespace Annotator.Edge;

/// <summary>The agent cannot go on; the message is for people.</summary>
internal sealed class EdgeException(string message, Exception? inner = null) : Exception(message, inner);
