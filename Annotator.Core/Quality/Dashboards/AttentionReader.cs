using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Review.Checks;
using Annotator.Core.Review.Work;

namespace Annotator.Core.Quality.Dashboards;

/// <summary>Reads what a lead has to see to: what waits for them, and whose or what's figures certainly stand out from the others.</summary>
public sealed class AttentionReader(DashboardReader dashboards, TeamQualityReader votes, CheckReader checks, AdjudicationReader disputes, Assignments work)
{
    private const int MostSlices = 6;
    private const int MostAssignments = 200;
    private const int MostOfAKind = 4;

    /// <summary>What there is, what waits for the lead first, then what stands out most.</summary>
    public async Task<IReadOnlyList<AttentionFinding>> ReadAsync(Project project, CancellationToken cancellationToken = default)
    {
        var found = new List<AttentionFinding>();
        if (await disputes.CountAsync(project.Id, cancellationToken) is > 0 and var waiting) found.Add(new AttentionFinding(AttentionKind.Disputes, "", Count: waiting));
        foreach (var person in (await checks.ReadAsync(project.Id, cancellationToken: cancellationToken)).Where(c => c.Pause is not null).Take(MostOfAKind))
            found.Add(new AttentionFinding(AttentionKind.Paused, person.Name, person.UserId, Count: person.Pause!.CreatedBy is null ? person.Pause.Answered : 0, Right: person.Pause.CreatedBy is null ? person.Pause.Correct : null));
        if ((await work.ListAsync(project, null, MostAssignments, cancellationToken)).Count(a => a.Overdue) is > 0 and var late) found.Add(new AttentionFinding(AttentionKind.Overdue, "", Count: late));
        var board = await dashboards.ReadAsync(project, DashboardFilter.None, cancellationToken);
        found.AddRange(await OfPeopleAsync(project, board, cancellationToken));
        found.AddRange(Attention.Below([.. board.Labels.Select(l => (l.Label, l.Shown))]).Take(MostOfAKind).Select(f => new AttentionFinding(AttentionKind.Label, f.Part, Share: f.Share, Others: f.Others, Count: f.Share.Count)));
        found.AddRange(Attention.Below([.. board.Sources.Where(s => s.Source is not null).Select(s => (Names.Of(s.Source!.Value), s.Work.Acceptance))]).Take(MostOfAKind)
            .Select(f => new AttentionFinding(AttentionKind.Source, f.Part, Share: f.Share, Others: f.Others, Count: f.Share.Count)));
        found.AddRange(await OfSlicesAsync(project, board, cancellationToken));
        if (board.Drift is { IsReal: true } drift) found.Add(new AttentionFinding(AttentionKind.Drift, "", Count: drift.After, At: drift.Split));
        return found;
    }

    // Those whom the page of people names, by all votes together; where these tell nothing, whose labels differ from the others' in pairs.
    private async Task<IEnumerable<AttentionFinding>> OfPeopleAsync(Project project, Dashboard board, CancellationToken cancellationToken)
    {
        if (await votes.EstimatesAsync(project, null, cancellationToken) is not { } estimates)
            return Attention.Below(board.Annotators.Select(a => (a, a.Others)).ToList()).Take(MostOfAKind).Select(f => new AttentionFinding(AttentionKind.Annotator, f.Part.Name, f.Part.UserId, f.Share, f.Others, f.Share.Count));
        var all = estimates.Annotators.Values;
        double RestOf(AnnotatorEstimate one) => all.Where(e => e != one).Sum(e => e.Accuracy * e.Count) / Math.Max(1, all.Where(e => e != one).Sum(e => e.Count));
        return board.Annotators.Select(a => (Who: a, Found: estimates.Annotators.GetValueOrDefault(a.UserId))).Where(a => a.Found is { Finding: not AnnotatorFinding.None }).OrderBy(a => a.Found!.Accuracy).Take(MostOfAKind)
            .Select(a => new AttentionFinding(AttentionKind.Annotator, a.Who.Name, a.Who.UserId, new MeasuredShare(a.Found!.Accuracy, a.Found.Lower, a.Found.Upper, a.Found.Count), RestOf(a.Found), a.Found.Count));
    }

    private async Task<List<AttentionFinding>> OfSlicesAsync(Project project, Dashboard board, CancellationToken cancellationToken)
    {
        var found = new List<AttentionFinding>();
        foreach (var slice in project.Settings.Slices.Take(MostSlices))
        {
            var part = (await dashboards.ReadAsync(project, new DashboardFilter(Slice: slice), cancellationToken)).Work;
            var rest = MeasuredShare.Of(Math.Max(0, board.Work.Accepted - part.Accepted), Math.Max(0, board.Work.Judged - part.Judged));
            var below = Attention.Below<Tallies.SliceSettings?>([(slice, part.Acceptance), (null, rest)]);
            if (below is [{ Part: { } worse } f, ..]) found.Add(new AttentionFinding(AttentionKind.Slice, $"{worse.Field}={worse.Value}", Share: f.Share, Others: f.Others, Count: f.Share.Count));
        }

        return found;
    }
}
