namespace Annotator.Core.Runs;

/// <summary>Does one kind of run. Executed again from its last checkpoint after its process died.</summary>
public interface IRunHandler
{
    /// <summary>The kind, as in <see cref="Run.Kind"/>.</summary>
    string Kind { get; }

    /// <summary>Does the work, checkpoint by checkpoint. Returning ends the run as succeeded.</summary>
    /// <exception cref="RunFailedException">The work cannot be done, and repeating will not mend it.</exception>
    Task ExecuteAsync(RunContext run, CancellationToken cancellationToken);
}

/// <summary>Wakes a worker for a run: Hangfire in the product.</summary>
public interface IRunQueue
{
    /// <summary>Has a run executed soon. Asking twice does no harm.</summary>
    void Enqueue(long runId);

    /// <summary>Has a run executed after a while.</summary>
    void Enqueue(long runId, TimeSpan delay);
}

/// <summary>A run cannot be done; the message is for people.</summary>
public sealed class RunFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The run was taken over by another worker, or ended by a person: this execution must stop.</summary>
public sealed class RunLostException() : Exception("The run is no longer this worker's.");
