namespace Annotator.Core.Review.Checks;

/// <summary>How a project measures the people who label it.</summary>
public sealed record CheckSettings
{
    /// <summary>Share of what a person is shown that is an item whose label is known, 0 to 0.5; 0: none.</summary>
    public double GoldShare { get; init; }

    /// <summary>Share of what a person is shown that they labelled before, 0 to 0.5; 0: none.</summary>
    public double RepeatShare { get; init; }

    /// <summary>Whether a person is told the right label after a wrong answer to a known one.</summary>
    public bool Feedback { get; init; }

    /// <summary>
    /// A person is paused when the upper bound of their accuracy on known labels falls below this, 0 to 1: when it is as good as certain that they are worse;
    /// what they labelled since the answers it rests on began goes back into the queue. 0: nobody is paused.
    /// </summary>
    public double PauseBelow { get; init; }

    /// <summary>Known labels that a person must have answered before the rule may pause them, 5 to 1,000.</summary>
    public int PauseAfter { get; init; } = 10;
}
