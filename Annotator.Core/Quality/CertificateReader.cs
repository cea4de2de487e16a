using System.Text.Json;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Review.Checks;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>The whole statement about a project's labels, as it goes with an export: what is claimed, of how many items, and what it rests on.</summary>
/// <param name="Target">The accuracy that is asked for.</param>
/// <param name="Estimate">Best estimate of the share of labels that agree with what the reviewers say.</param>
/// <param name="LowerBound">Lower bound of that share, at all times at once; what the target is held against.</param>
/// <param name="UpperBound">Upper bound of that share, at all times at once.</param>
/// <param name="Confidence">Confidence of each bound by itself.</param>
/// <param name="Audited">Blind random draws that it rests on.</param>
/// <param name="Items">Items that it speaks of.</param>
/// <param name="Audit">Number of the audit, from 1.</param>
/// <param name="Decided">Items decided by people.</param>
/// <param name="Accepted">Items whose proposed label stands without a person's decision.</param>
/// <param name="ErrorBound">At most so many of the accepted labels are wrong.</param>
/// <param name="FewestErrors">At least so many of them are.</param>
/// <param name="ExpectedErrors">So many of them are expected to be.</param>
/// <param name="Found">Wrong labels that the audit found, and that people mended.</param>
/// <param name="People">How right the reviewers themselves are, and what that makes of the statement; null where nothing was measured.</param>
/// <param name="CreatedAt">When it was made.</param>
public sealed record CertificateStatement(
    double Target, double Estimate, double LowerBound, double UpperBound, double Confidence, int Audited, long Items, int Audit, int Decided, int Accepted, int ErrorBound, int FewestErrors, double ExpectedErrors,
    int Found, PeopleStatement? People, DateTimeOffset CreatedAt);

/// <summary>How right people's own labels are, and the statement about truth that follows.</summary>
/// <param name="Gold">Items with a known label that they answered.</param>
/// <param name="Repeats">Items that were shown again.</param>
/// <param name="Estimate">Estimated accuracy of one decision.</param>
/// <param name="LowerBound">Its lower bound, at all times at once.</param>
/// <param name="UpperBound">Its upper bound, at all times at once.</param>
/// <param name="TruthEstimate">Estimated accuracy of all labels against the truth.</param>
/// <param name="TruthLowerBound">Lower bound of that.</param>
/// <param name="TruthUpperBound">Upper bound of that.</param>
/// <param name="TruthConfidence">Confidence of each of the two together with people's.</param>
public sealed record PeopleStatement(int Gold, int Repeats, double Estimate, double LowerBound, double UpperBound, double TruthEstimate, double TruthLowerBound, double TruthUpperBound, double TruthConfidence);

/// <summary>Reads the statement about a project's labels.</summary>
/// <remarks>
/// An audit asks people, so its bound speaks of agreement with them. Where known and repeated items say how often they are right, a second bound speaks of
/// truth: every decision is right with at least the lower bound of people's accuracy. It spends a share of the error probability of its own
/// (<see cref="AccuracyCertificate.PeopleShare"/>), so the confidence of both together is a little lower.
/// </remarks>
public sealed class CertificateReader(AnnotatorDatabase database, CheckReader checks)
{
    /// <summary>The newest statement; null before there is evidence.</summary>
    /// <param name="project">The project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<CertificateStatement?> FindAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var row = await database.ReadAsync(db => db.Certificates.Where(c => c.ProjectId == project.Id).OrderByDescending(c => c.Id).FirstOrDefaultAsync(cancellationToken), cancellationToken);
        if (row is null) return null;
        var detail = JsonSerializer.Deserialize<Detail>(row.Detail, ProjectJson.Options)!;
        var spent = (1 - row.Confidence) * AccuracyCertificate.PeopleShare;
        var people = await checks.PeopleAsync(project.Id, spent, cancellationToken);
        return new CertificateStatement(
            row.Target, row.Estimate, row.LowerBound, row.UpperBound, row.Confidence, row.Audited, row.Items, detail.Audit, detail.Decided, detail.Accepted, detail.ErrorBound, detail.FewestErrors, detail.ExpectedErrors,
            detail.Found, people.IsMeasured && row.Items > 0 ? Of(people, Truth(row, detail, people, row.Confidence - spent)) : null, row.CreatedAt);
    }

    // The same audit, with people who are not always right.
    private static AccuracyCertificate Truth(CertificateSnapshot row, Detail detail, PeopleAccuracy people, double confidence) => new()
    {
        Target = row.Target, Confidence = confidence, Items = checked((int)row.Items), Decided = detail.Decided, Accepted = detail.Accepted, Audited = row.Audited, Audit = detail.Audit,
        ExpectedErrors = detail.ExpectedErrors, ErrorBound = detail.ErrorBound, FewestErrors = detail.FewestErrors, People = people,
    };

    private static PeopleStatement Of(PeopleAccuracy people, AccuracyCertificate truth) => new(
        people.Gold, people.Repeats, people.Estimate, people.Lower, people.Upper, truth.Estimate, Math.Max(0, truth.LowerBound), Math.Min(1, truth.UpperBound), truth.Confidence);

    private sealed record Detail(int Audit, int Decided, int Accepted, int ErrorBound, int FewestErrors, double ExpectedErrors, int Found);
}
