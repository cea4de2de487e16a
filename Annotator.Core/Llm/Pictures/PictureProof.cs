namespace Annotator.Core.Llm;

/// <summary>
/// Whether a model takes pictures. A server that answers about texts may refuse every picture: after a few refusals without an answer it is
/// not sent any for a while. Thread-safe.
/// </summary>
internal sealed class PictureProof(TimeProvider time)
{
    private const int MostRefusals = 4;

    // Somebody may have put another model in its place.
    private static readonly TimeSpan s_pause = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private bool _proven;
    private int _refusals;
    private long _since;

    /// <summary>Whether pictures are not to be sent now.</summary>
    public bool IsRefused
    {
        get
        {
            lock (_lock)
            {
                if (_refusals < MostRefusals) return false;
                if (time.GetElapsedTime(_since) < s_pause) return true;
                _refusals = MostRefusals - 1;
                return false;
            }
        }
    }

    /// <summary>A request with pictures was answered.</summary>
    public void Answered()
    {
        lock (_lock) (_proven, _refusals) = (true, 0);
    }

    /// <summary>A request with pictures was refused.</summary>
    /// <returns>Whether no more are to be sent.</returns>
    public bool Refused()
    {
        lock (_lock)
        {
            // Of one that has taken others the refusal is about what is in the picture.
            if (_proven || ++_refusals < MostRefusals) return false;
            _since = time.GetTimestamp();
            return true;
        }
    }
}
