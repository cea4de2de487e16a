namespace Annotator.Core.Quality.Certificate;

/// <summary>
/// The statement about a project's labels: with this confidence, at least this share of them is right. Every number it rests on is in it, so that
/// it can be checked and recomputed.
/// </summary>
public sealed record AccuracyCertificate
{
    /// <summary>Share of error probability kept for the measurement of people, where they are measured.</summary>
    public const double PeopleShare = 0.2;

    /// <summary>Accuracy that the project asked for.</summary>
    public required double Target { get; init; }

    /// <summary>Confidence of the statement, for all looks at it together.</summary>
    public required double Confidence { get; init; }

    /// <summary>Items in the statement: decided and accepted.</summary>
    public required int Items { get; init; }

    /// <summary>Items decided by people.</summary>
    public required int Decided { get; init; }

    /// <summary>Items whose proposed label stands without a person's decision: accepted, and copies of near-duplicates.</summary>
    public required int Accepted { get; init; }

    /// <summary>How many of the accepted ones are copies of the label of a near-duplicate.</summary>
    public int Copies { get; init; }

    /// <summary>Blind random draws that the bound rests on.</summary>
    public required int Audited { get; init; }

    /// <summary>Number of the audit, from 1; each has its own share of the error probability (<see cref="AlphaSpending"/>).</summary>
    public required int Audit { get; init; }

    /// <summary>Wrong labels expected among the accepted ones.</summary>
    public required double ExpectedErrors { get; init; }

    /// <summary>Upper bound on the number of wrong labels among the accepted ones.</summary>
    public required int ErrorBound { get; init; }

    /// <summary>Lower bound on the number of wrong labels among the accepted ones, with the confidence of its own that <see cref="ErrorBound"/> has.</summary>
    public int FewestErrors { get; init; }

    /// <summary>How right people are.</summary>
    public required PeopleAccuracy People { get; init; }

    /// <summary>Estimated accuracy of all labels.</summary>
    public double Estimate => Items == 0 ? 1 : ((Decided * People.Estimate) + Accepted - ExpectedErrors) / Items;

    /// <summary>Lower bound on the accuracy of all labels.</summary>
    public double LowerBound => Items == 0 ? 1 : ((Decided * People.Lower) + Accepted - ErrorBound) / Items;

    /// <summary>Upper bound on the accuracy of all labels: one that differs from what somebody says is wrong where they are right. Each bound holds by itself with <see cref="Confidence"/>, both together with twice the error probability.</summary>
    public double UpperBound => Items == 0 ? 1 : ((Decided * People.Upper) + Accepted - (FewestErrors * People.Lower)) / Items;

    /// <summary>Whether the target is reached.</summary>
    public bool Holds => LowerBound >= Target;

    /// <summary>
    /// Whether accuracy means agreement with the truth (people were measured) or with what the reviewers say (they were not).
    /// </summary>
    public bool SpeaksOfTruth => People.IsMeasured;

    /// <summary>Error probability that an audit may use.</summary>
    /// <param name="confidence">Confidence of the whole statement.</param>
    /// <param name="audit">Number of the audit, from 1.</param>
    /// <param name="measuresPeople">Whether the project measures people by gold or repeated items (settled when the project starts).</param>
    /// <returns>The error probability.</returns>
    public static double AuditAlpha(double confidence, int audit, bool measuresPeople) =>
        AlphaSpending.Of((1 - confidence) * (measuresPeople ? 1 - PeopleShare : 1), audit);

    /// <summary>Wrong labels that may remain among the accepted ones for the target to hold.</summary>
    /// <param name="target">Accuracy asked for.</param>
    /// <param name="items">All items of the statement.</param>
    /// <param name="decided">Those decided by people.</param>
    /// <param name="people">How right people are.</param>
    /// <returns>The number; below 0 when people alone miss the target.</returns>
    public static double AllowedErrors(double target, int items, int decided, PeopleAccuracy people)
    {
        // A hair's breadth, so that 0.97 x 10,000 is not spoilt by binary fractions.
        var allowed = ((1 - target) * items) - (decided * (1 - people.Lower));
        return Math.Floor(allowed + 1e-6);
    }

    /// <summary>The certificate that an audit supports at this moment.</summary>
    /// <param name="audit">The audit of everything that is not decided.</param>
    /// <param name="number">Number of the audit, from 1.</param>
    /// <param name="decidedBefore">Items that people had decided before the audit began.</param>
    /// <param name="target">Accuracy asked for.</param>
    /// <param name="confidence">Confidence of the whole statement.</param>
    /// <param name="people">How right people are.</param>
    /// <param name="copies">How many of the accepted labels are copies.</param>
    /// <returns>The certificate.</returns>
    public static AccuracyCertificate Of(
        WeightedAudit audit, int number, int decidedBefore, double target, double confidence, PeopleAccuracy people, int copies = 0) => new()
        {
            Target = target,
            Confidence = confidence,
            Items = decidedBefore + audit.Population,
            Decided = decidedBefore + audit.Population - audit.Remaining,
            Accepted = audit.Remaining,
            Copies = copies,
            Audited = audit.Audited,
            Audit = number,
            ExpectedErrors = Math.Clamp(audit.ExpectedErrors, audit.FewestErrors, audit.RemainingErrors),
            ErrorBound = audit.RemainingErrors,
            FewestErrors = audit.FewestErrors,
            People = people,
        };
}
