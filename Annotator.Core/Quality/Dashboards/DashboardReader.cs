using System.Linq.Expressions;
using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality.Dashboards;

/// <summary>
/// Reads dashboards from the tallies: what it costs depends on people, labels and days, not on the number of items and decisions. What the tallies are not kept by is counted
/// from the newest items of the part that is looked at, see <see cref="WorkPart"/>.
/// </summary>
public sealed class DashboardReader(AnnotatorDatabase database, TimeProvider time)
{
    private const int Day = 24;

    // Up to this many hours a chart shows hours, beyond it days.
    private const int MostHours = 72;

    private const int MostDays = 120;

    /// <summary>Reads the dashboard of a project.</summary>
    /// <param name="project">The project.</param>
    /// <param name="filter">What part of it.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<Dashboard> ReadAsync(Project project, DashboardFilter filter, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var under = project.Id;
            if (filter.Slice is { } slice) under = -await db.Set<Slice>().Where(s => s.ProjectId == project.Id && s.Field == slice.Field && s.Value == slice.Value).Select(s => s.Id).FirstOrDefaultAsync(cancellationToken);
            var everything = under == 0 || WorkPart.AsksWithin(project, filter);
            var part = everything || filter.Label is not null || filter.UserId is not null || filter.Source is not null ? await WorkPart.ReadAsync(db, project, filter, cancellationToken) : null;
            var counted = part?.Count(under).AsQueryable();
            var tallies = db.Tallies.Where(t => t.ProjectId == under);
            var read = new Reading(kind => everything || !IsKept(kind, filter) ? counted! : tallies, WorkPart.AsksWithin(project, filter) ? filter with { Label = null } : filter, cancellationToken);
            var states = await db.Counters.Where(c => c.ProjectId == project.Id && c.Name.StartsWith("state:")).ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal, cancellationToken);
            var items = Math.Max(0, states.Values.Sum());
            var final = Math.Max(0, states.GetValueOrDefault(CounterNames.State(ItemState.Final)));
            if (filter.Slice is not null)
            {
                var slices = under == 0 ? counted! : tallies;
                items = await slices.Where(t => t.Kind == TallyKind.Items).TotalAsync(t => t.Count, cancellationToken);
                final = await slices.Where(t => t.Kind == TallyKind.Final).TotalAsync(t => t.Count, cancellationToken);
            }

            var now = time.GetUtcNow();
            var (first, last) = await SpanAsync(read, filter, now);
            var length = last - first <= MostHours && filter.Label is null ? 1 : last - first <= MostDays * Day ? Day : 7 * Day;
            var cells = await read.WorkAsync(length >= Day);
            var lengths = await read.SecondsAsync();
            var finals = await read.FinalAsync(length >= Day);
            var pairs = await read.LabelPairsAsync();
            var looked = await read.FirstPassAsync();
            var people = await read.PeopleAsync();
            var names = await NamesAsync(db, cells, people, cancellationToken);
            var drawn = cells.Where(c => c.Hour >= first && c.Hour < last).ToList();
            return new Dashboard
            {
                Filter = filter,
                BucketLength = TimeSpan.FromHours(length),
                Counted = part is null ? null : new CountedPart(part.Items, part.Whole),
                Items = items,
                Final = final,
                FinalBefore = finals.Where(f => f.Hour < first).GroupBy(f => f.Source).ToDictionary(g => g.Key, g => g.Sum(f => f.Count)),
                DecisionsBefore = filter.From is null ? 0 : await read.DecisionsBeforeAsync(first),
                Work = WorkSum.Of(cells),
                OverTime = Buckets(drawn, lengths, finals, first, last, length),
                Made = TimeOf(WorkSum.Of(cells), lengths),
                Sources = [.. cells.Where(c => c.Outcome != WorkOutcome.Imported).GroupBy(c => c.Source).OrderBy(g => g.Key == Tally.NoSource ? int.MaxValue : g.Key)
                    .Select(g => new SourceWork(g.Key == Tally.NoSource ? null : (LabelSource)g.Key, WorkSum.Of(g)))],
                Labels = LabelsOf(pairs),
                Confusion = [.. pairs.Where(p => p.Shown.Length > 0 && p.Given.Length > 0 && p.Outcome is WorkOutcome.Accepted or WorkOutcome.Corrected)
                    .GroupBy(p => (p.Shown, p.Given)).Select(g => new ConfusedPair(g.Key.Shown, g.Key.Given, g.Sum(p => p.Count))).Where(p => p.Count > 0)
                    .OrderByDescending(p => p.Count).ThenBy(p => p.Shown, StringComparer.Ordinal).ThenBy(p => p.Given, StringComparer.Ordinal)],
                Annotators = AnnotatorsOf(cells, lengths, looked, people, names),
                Calibration = await read.CalibrationAsync(),
                Distribution = await read.DistributionAsync(),
                Drift = await DriftAsync(read, filter, now),
                FirstPass = MeasuredShare.Of(looked.Where(l => l.Taken).Sum(l => l.Count), looked.Sum(l => l.Count)),
                Agreement = await AgreementAsync(read, people, filter),
                Forecast = ForecastOf(await read.FinalEverAsync(under == 0 ? counted! : tallies), items - final, now),
            };
        },
        cancellationToken);

    /// <summary>Everybody who decided something in a project, by name.</summary>
    public Task<List<(long Id, string Name)>> PeopleAsync(Project project, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var ids = await db.Tallies.Where(t => t.ProjectId == project.Id && t.Kind == TallyKind.LabelsEver && t.Hour == 0 && t.UserId > 0).Select(t => t.UserId).Distinct().ToListAsync(cancellationToken);
            var users = await db.Users.Where(u => ids.Contains(u.Id)).Select(u => new { u.Id, Name = u.DisplayName == null || u.DisplayName == "" ? u.Email ?? "" : u.DisplayName }).ToListAsync(cancellationToken);
            return users.OrderBy(u => u.Name, StringComparer.OrdinalIgnoreCase).ThenBy(u => u.Id).Select(u => (u.Id, u.Name)).ToList();
        },
        cancellationToken);

    /// <summary>What people said of the items of a part of a project, for statistics over it; see <see cref="WorkPart"/> for its bounds.</summary>
    internal Task<IReadOnlyDictionary<long, Vote[]>> VotesAsync(Project project, DashboardFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync(async db => (await WorkPart.ReadAsync(db, project, filter, cancellationToken)).Votes(), cancellationToken);

    /// <summary>All that was said of the items of a part, see <see cref="WorkPart.Compared"/>.</summary>
    internal Task<List<(Vote Vote, DateTimeOffset At, bool Counts)[]>> ComparedAsync(Project project, DashboardFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync(async db => (await WorkPart.ReadAsync(db, project, filter, cancellationToken)).Compared().ToList(), cancellationToken);

    // Whether the tallies of a kind can be split by what a filter asks for.
    private static bool IsKept(TallyKind kind, DashboardFilter filter) => kind switch
    {
        TallyKind.Final or TallyKind.FinalLabels => filter is { UserId: null, Source: null },
        TallyKind.FirstPass or TallyKind.People => filter is { Label: null, Source: null },
        TallyKind.Coincidences => filter is { UserId: null, Source: null },
        TallyKind.Calibration => filter is { Label: null, UserId: null },
        TallyKind.Seconds => filter.Label is null,
        _ => true,
    };

    /// <summary>All work on a project, without any filter.</summary>
    public Task<WorkSum> WorkEverAsync(Project project, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db => WorkSum.Of(await new Reading(_ => db.Tallies.Where(t => t.ProjectId == project.Id), DashboardFilter.None, cancellationToken).WorkAsync(daily: true)), cancellationToken);

    // The hours that charts show: those asked for, else from the first thing that happened to now.
    private static async Task<(int First, int Last)> SpanAsync(Reading read, DashboardFilter filter, DateTimeOffset now)
    {
        var last = filter.To is { } to ? Math.Min(TallyRules.Hour(to), TallyRules.Hour(now) + 1) : TallyRules.Hour(now) + 1;
        var first = filter.From is { } from ? TallyRules.Hour(from) : await read.FirstHourAsync() ?? last - 1;
        if (last - first > MostHours || filter.Label is not null) first -= first % Day;
        return (Math.Min(first, last - 1), last);
    }

    private static List<TimeBucket> Buckets(List<WorkCell> cells, List<SecondsCell> lengths, List<FinalCell> finals, int first, int last, int length)
    {
        var work = cells.ToLookup(c => (c.Hour - first) / length);

        // Lengths are kept by days: an hour has the spread of its day.
        var timed = lengths.ToLookup(c => length < Day ? c.Hour : (c.Hour - first + Day - 1) / length);
        IEnumerable<SecondsCell> TimedIn(int bucket) => timed[length < Day ? first + bucket - ((first + bucket) % Day) : bucket];
        var final = finals.Where(f => f.Hour >= first && f.Hour < last).ToLookup(f => (f.Hour - first) / length);
        var count = ((last - first) + length - 1) / length;
        return
        [
            .. Enumerable.Range(0, count).Select(i => (Index: i, Work: WorkSum.Of(work[i]))).Select(b => new TimeBucket(
                At(first + (b.Index * length)), b.Work, final[b.Index].GroupBy(f => f.Source).ToDictionary(g => g.Key, g => g.Sum(f => f.Count))) { Made = TimeOf(b.Work, [.. TimedIn(b.Index)]) }),
        ];
    }

    private static List<LabelWork> LabelsOf(List<PairCell> pairs)
    {
        var shown = pairs.Where(p => p.Shown.Length > 0).ToLookup(p => p.Shown, StringComparer.Ordinal);
        var given = pairs.Where(p => p.Given.Length > 0 && p.Shown.Length > 0 && p.Outcome is WorkOutcome.Accepted or WorkOutcome.Corrected).ToLookup(p => p.Given, StringComparer.Ordinal);
        return
        [
            .. shown.Select(g => g.Key).Union(given.Select(g => g.Key), StringComparer.Ordinal).Select(label =>
            {
                var judged = shown[label].Where(p => p.Outcome is WorkOutcome.Accepted or WorkOutcome.Corrected or WorkOutcome.Rejected).ToList();
                return new LabelWork(
                    label,
                    MeasuredShare.Of(judged.Where(p => p.Outcome == WorkOutcome.Accepted).Sum(p => p.Count), judged.Sum(p => p.Count)),
                    MeasuredShare.Of(given[label].Where(p => p.Outcome == WorkOutcome.Accepted).Sum(p => p.Count), given[label].Sum(p => p.Count)),
                    shown[label].Where(p => p.Outcome is WorkOutcome.Skipped or WorkOutcome.Flagged).Sum(p => p.Count));
            }).OrderByDescending(l => l.Shown.Count - (l.Shown.Share ?? 0) * l.Shown.Count).ThenBy(l => l.Label, StringComparer.Ordinal),
        ];
    }

    private static List<AnnotatorWork> AnnotatorsOf(List<WorkCell> cells, List<SecondsCell> lengths, List<FirstPassCell> looked, List<PeopleCell> pairs, Dictionary<long, (string Name, bool Imported)> names)
    {
        var work = cells.ToLookup(c => c.UserId);
        var first = looked.ToLookup(l => l.UserId);
        var timed = lengths.ToLookup(l => l.UserId);
        var with = pairs.SelectMany(p => new[] { (User: p.UserId, p.Equal, p.Count), (User: p.OtherId, p.Equal, p.Count) }).ToLookup(p => p.User);
        return
        [
            .. work.Select(w => w.Key).Select(user => new AnnotatorWork(
                user,
                names.TryGetValue(user, out var known) ? known.Name : "",
                known.Imported,
                WorkSum.Of(work[user]),
                MeasuredShare.Of(first[user].Where(l => l.Taken).Sum(l => l.Count), first[user].Sum(l => l.Count)),
                MeasuredShare.Of(with[user].Where(p => p.Equal).Sum(p => p.Count), with[user].Sum(p => p.Count))) { Made = TimeOf(WorkSum.Of(work[user]), [.. timed[user]]) })
                .OrderBy(a => a.Name, StringComparer.OrdinalIgnoreCase).ThenBy(a => a.UserId),
        ];
    }

    private static async Task<TeamAgreementFigures?> AgreementAsync(Reading read, List<PeopleCell> people, DashboardFilter filter)
    {
        var compared = people.Sum(p => p.Count);
        if (compared == 0) return null;
        var coincidences = await read.CoincidencesAsync();
        var (first, last) = (people.Min(p => p.Hour), people.Max(p => p.Hour));
        var length = last - first <= 45 * Day ? Day : 7 * Day;
        var byTime = coincidences.ToLookup(c => (c.Hour - first) / length);
        var over = people.GroupBy(p => (p.Hour - first) / length).OrderBy(g => g.Key)
            .Select(g => new AgreementBucket(At(first + (g.Key * length)), Share(g), AlphaOf([.. byTime[g.Key]])) { Made = IntervalOf([.. byTime[g.Key]]) }).ToList();
        return new TeamAgreementFigures(
            Share(people), AlphaOf(coincidences), over,
            [.. people.GroupBy(p => (p.UserId, p.OtherId)).Select(g => new PairAgreement(g.Key.UserId, g.Key.OtherId, Share(g))).OrderBy(p => p.UserId).ThenBy(p => p.OtherId)],
            [.. coincidences.Where(c => !c.Equal && c.Label.Length > 0).GroupBy(c => (c.Label, c.Other)).Select(g => new ConfusedPair(g.Key.Label, g.Key.Other, g.Sum(c => c.Count)))
                .Where(p => p.Count > 0).OrderByDescending(p => p.Count).ThenBy(p => p.Shown, StringComparer.Ordinal).ThenBy(p => p.Given, StringComparer.Ordinal)]) { Made = IntervalOf(coincidences) };

        static MeasuredShare Share(IEnumerable<PeopleCell> cells)
        {
            var list = cells.ToList();
            return MeasuredShare.Of(list.Where(p => p.Equal).Sum(p => p.Count), list.Sum(p => p.Count));
        }

        // Labels with parts of their own have no names to count coincidences of.
        static bool HasNames(List<CoincidenceCell> cells) => !cells.Exists(c => c.Label.Length == 0 || (!c.Equal && string.Equals(c.Label, c.Other, StringComparison.Ordinal)));

        static double? AlphaOf(List<CoincidenceCell> cells) => HasNames(cells) ? CoincidenceAlpha.Of(cells.Select(c => (c.Label, c.Other, c.Weight))) : null;

        static Lazy<Interval?> IntervalOf(List<CoincidenceCell> cells) => new(() => HasNames(cells)
            ? CoincidenceAlpha.IntervalOf([.. cells.GroupBy(c => (c.Label, c.Other)).Select(g => (g.Key.Label, g.Key.Other, g.Sum(c => c.Count), g.Sum(c => c.Weight)))])
            : null);
    }

    // The last week, or the later half of less, against what was before.
    private static async Task<LabelDrift?> DriftAsync(Reading read, DashboardFilter filter, DateTimeOffset now)
    {
        const int fewest = 50;
        var days = await read.FinalLabelDaysAsync();

        // Of one label: its share among all the others, where those are known.
        if (filter.Label is { } one) days = days.Exists(d => !string.Equals(d.Label, one, StringComparison.Ordinal)) ? days.ConvertAll(d => string.Equals(d.Label, one, StringComparison.Ordinal) ? d : d with { Label = "…" }) : [];
        if (days.Count == 0) return null;
        var (first, last) = (days.Min(d => d.Hour), Math.Min(days.Max(d => d.Hour), TallyRules.Day(now)));
        if (last == first) return null;
        var split = last - first >= 14 * Day ? last - (6 * Day) : first + (((last - first) / Day + 1) / 2 * Day);
        var labels = days.Select(d => d.Label).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var (before, after) = (new long[labels.Length], new long[labels.Length]);
        var index = labels.Select((l, i) => (l, i)).ToDictionary(l => l.l, l => l.i, StringComparer.Ordinal);
        foreach (var day in days) (day.Hour < split ? before : after)[index[day.Label]] += day.Count;
        var (b, a) = (before.Sum(), after.Sum());
        if (b < fewest || a < fewest) return null;
        var moved = labels.Select((l, i) => (l, Before: (double)before[i] / b, After: (double)after[i] / a)).Where(m => filter.Label is null || string.Equals(m.l, filter.Label, StringComparison.Ordinal)).OrderByDescending(m => Math.Abs(m.After - m.Before)).Take(5).ToList();
        return new LabelDrift(Drift.Distance(before, after), Drift.ByChance(before, after), At(split), b, a, moved);
    }

    private static ProjectForecast? ForecastOf(List<FinalCell> finals, long remaining, DateTimeOffset now)
    {
        if (remaining <= 0 || finals.Count == 0) return null;

        // What came with the data says nothing of the pace.
        var made = finals.Where(f => f.Source != LabelSource.Import).ToList();
        if (made.Count == 0) return null;
        var end = TallyRules.Hour(now) + 1;
        var first = Math.Max(made.Min(f => f.Hour), end - (28 * Day));
        var hourly = end - first < 4 * Day;
        var length = hourly ? 1 : Day;
        var past = new long[Math.Max(1, (end - first) / length)];

        // The newest stretch is whole, the oldest may lack its beginning.
        foreach (var cell in made.Where(f => f.Hour >= end - (past.Length * length))) past[(cell.Hour - (end - (past.Length * length))) / length] += cell.Count;
        if (Forecast.Of(remaining, past, hourly ? 24 * 365 * 10 : 3_650) is not var (early, middle, late)) return null;
        var most = hourly ? 24 * 365 * 10 : 3_650;
        DateTimeOffset After(int steps) => now + TimeSpan.FromHours((double)steps * length);
        return middle >= most ? null : new ProjectForecast(remaining, After(early), After(middle), late >= most ? null : After(late), past.Sum() / (past.Length * (double)length / Day), past.Length * (double)length / Day);
    }

    private static async Task<Dictionary<long, (string Name, bool Imported)>> NamesAsync(AnnotatorDbContext db, List<WorkCell> cells, List<PeopleCell> pairs, CancellationToken cancellationToken)
    {
        var ids = cells.Select(c => c.UserId).Concat(pairs.SelectMany(p => new[] { p.UserId, p.OtherId })).Distinct().ToList();
        return await db.Users.Where(u => ids.Contains(u.Id)).Select(u => new { u.Id, u.DisplayName, u.Email, u.IsImported })
            .ToDictionaryAsync(u => u.Id, u => (string.IsNullOrEmpty(u.DisplayName) ? u.Email ?? "" : u.DisplayName, u.IsImported), cancellationToken);
    }

    private static Lazy<Interval?> TimeOf(WorkSum work, IReadOnlyCollection<SecondsCell> lengths) =>
        new(() => work.SecondsEach is not { } mean ? null : ActiveTime.IntervalOf(mean, work.Timed, lengths.GroupBy(l => l.Bin).OrderBy(g => g.Key).Select(g => new TimedDecisions(g.Sum(l => l.Count), g.Sum(l => l.Milliseconds)))));

    private static DateTimeOffset At(int hour) => DateTimeOffset.FromUnixTimeSeconds(hour * 3_600L);

    private sealed record SecondsCell(int Hour, long UserId, int Bin, long Count, long Milliseconds);

    private sealed record FinalCell(int Hour, LabelSource Source, long Count);

    private sealed record PairCell(WorkOutcome Outcome, string Given, string Shown, long Count);

    private sealed record FirstPassCell(long UserId, bool Taken, long Count);

    private sealed record PeopleCell(int Hour, long UserId, long OtherId, bool Equal, long Count);

    private sealed record CoincidenceCell(int Hour, bool Equal, string Label, string Other, long Count, long Weight);

    private sealed record LabelDay(int Hour, string Label, long Count);

    /// <summary>The queries, each by the key of the table; of rows in memory where a part was counted.</summary>
    private sealed class Reading(Func<TallyKind, IQueryable<Tally>> tallies, DashboardFilter filter, CancellationToken cancellationToken)
    {
        private readonly int _from = filter.From is { } from ? TallyRules.Hour(from) : int.MinValue;
        private readonly int _to = filter.To is { } to ? TallyRules.Hour(to) : int.MaxValue;

        private bool Timed => filter.From is not null || filter.To is not null;

        // What is kept by days is asked for by whole days.
        private int FromDay => _from == int.MinValue ? _from : _from - (_from % Day);

        public async Task<int?> FirstHourAsync()
        {
            var begins = new List<int?>();
            foreach (var kind in (TallyKind[])[TallyKind.Work, TallyKind.Final])
                begins.AddRange(await tallies(kind).Where(t => t.Kind == kind).OrderBy(t => t.Hour).Take(1).Select(t => (int?)t.Hour).AllAsync(cancellationToken));
            return begins.Min();
        }

        public async Task<List<WorkCell>> WorkAsync(bool daily)
        {
            var rows = Of(filter.Label is null ? TallyKind.Work : TallyKind.Labels);
            if (filter.UserId is { } user) rows = rows.Where(t => t.UserId == user);
            if (filter.Source is { } source) rows = rows.Where(t => t.Source == (int)source);
            if (filter.Label is { } label) rows = rows.Where(t => t.Label == label || t.Other == label);
            var groups = await rows.GroupBy(t => new { Hour = daily ? t.Hour - (t.Hour % Day) : t.Hour, t.UserId, t.Source, t.Outcome })
                .Select(g => new { g.Key.Hour, g.Key.UserId, g.Key.Source, g.Key.Outcome, Count = g.Sum(t => t.Count), Timed = g.Sum(t => t.Extra), Amount = g.Sum(t => t.Amount) }).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new WorkCell(g.Hour, g.UserId, g.Source, (WorkOutcome)g.Outcome, g.Count, g.Timed, g.Amount));
        }

        public async Task<List<SecondsCell>> SecondsAsync()
        {
            var rows = Of(TallyKind.Seconds);
            if (filter.UserId is { } user) rows = rows.Where(t => t.UserId == user);
            if (filter.Source is { } source) rows = rows.Where(t => t.Source == (int)source);
            var groups = await rows.GroupBy(t => new { t.Hour, t.UserId, Bin = t.Outcome })
                .Select(g => new { g.Key.Hour, g.Key.UserId, g.Key.Bin, Count = g.Sum(t => t.Count), Amount = g.Sum(t => t.Amount) }).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new SecondsCell(g.Hour, g.UserId, g.Bin, g.Count, g.Amount));
        }

        public Task<long> DecisionsBeforeAsync(int hour)
        {
            var rows = tallies(TallyKind.Work).Where(t => t.Kind == TallyKind.Work && t.Hour < hour && t.Outcome != (int)WorkOutcome.Imported);
            if (filter.UserId is { } user) rows = rows.Where(t => t.UserId == user);
            return rows.TotalAsync(t => t.Count, cancellationToken);
        }

        public async Task<List<FinalCell>> FinalAsync(bool daily)
        {
            // Of one label they are kept by days.
            var (to, kind) = (_to, filter.Label is null ? TallyKind.Final : TallyKind.FinalLabels);
            var rows = tallies(kind).Where(t => t.Kind == kind && t.Hour < to);
            if (filter.Label is { } label) rows = rows.Where(t => t.Label == label);
            var groups = await rows.GroupBy(t => new { Hour = daily ? t.Hour - (t.Hour % Day) : t.Hour, t.Source })
                .Select(g => new { g.Key.Hour, g.Key.Source, Count = g.Sum(t => t.Count) }).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new FinalCell(g.Hour, (LabelSource)g.Source, g.Count));
        }

        public async Task<List<FinalCell>> FinalEverAsync(IQueryable<Tally> finals) =>
            (await finals.Where(t => t.Kind == TallyKind.Final && t.Count > 0).Select(t => new { t.Hour, t.Source, t.Count }).AllAsync(cancellationToken)).ConvertAll(t => new FinalCell(t.Hour, (LabelSource)t.Source, t.Count));

        public async Task<List<PairCell>> LabelPairsAsync()
        {
            var user = filter.UserId ?? Tally.Everybody;
            var rows = Timed ? Of(TallyKind.Labels).Where(t => filter.UserId == null || t.UserId == user) : tallies(TallyKind.LabelsEver).Where(t => t.Kind == TallyKind.LabelsEver && t.Hour == 0 && t.UserId == user);
            if (filter.Source is { } source) rows = rows.Where(t => t.Source == (int)source);
            if (filter.Label is { } label) rows = rows.Where(t => t.Label == label || t.Other == label);
            var groups = await rows.Where(t => t.Source != Tally.NoSource).GroupBy(t => new { t.Outcome, t.Label, t.Other })
                .Select(g => new { g.Key.Outcome, g.Key.Label, g.Key.Other, Count = g.Sum(t => t.Count) }).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new PairCell((WorkOutcome)g.Outcome, g.Label, g.Other, g.Count));
        }

        public async Task<List<FirstPassCell>> FirstPassAsync()
        {
            var rows = Of(TallyKind.FirstPass);
            if (filter.UserId is { } user) rows = rows.Where(t => t.UserId == user);
            var groups = await rows.GroupBy(t => new { t.UserId, t.Outcome }).Select(g => new { g.Key.UserId, g.Key.Outcome, Count = g.Sum(t => t.Count) }).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new FirstPassCell(g.UserId, g.Outcome == 1, g.Count));
        }

        public async Task<List<PeopleCell>> PeopleAsync()
        {
            var rows = Of(TallyKind.People);
            if (filter.UserId is { } user) rows = rows.Where(t => t.UserId == user || t.OtherId == user);
            var groups = await rows.Where(t => t.Count != 0).Select(t => new { t.Hour, t.UserId, t.OtherId, t.Outcome, t.Count }).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new PeopleCell(g.Hour, g.UserId, g.OtherId, g.Outcome == 1, g.Count));
        }

        public async Task<List<CoincidenceCell>> CoincidencesAsync()
        {
            var rows = Of(TallyKind.Coincidences);
            if (filter.Label is { } label) rows = rows.Where(t => t.Label == label || t.Other == label);
            var groups = await rows.Where(t => t.Count != 0).Select(t => new { t.Hour, t.Outcome, t.Label, t.Other, t.Count, t.Amount }).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new CoincidenceCell(g.Hour, g.Outcome == 1, g.Label, g.Other, g.Count, g.Amount));
        }

        public async Task<List<SourceCalibration>> CalibrationAsync()
        {
            var rows = Of(TallyKind.Calibration);
            if (filter.Source is { } source) rows = rows.Where(t => t.Source == (int)source);
            var groups = await rows.GroupBy(t => new { t.Source, t.Outcome })
                .Select(g => new { g.Key.Source, Bin = g.Key.Outcome, Count = g.Sum(t => t.Count), Right = g.Sum(t => t.Extra), Amount = g.Sum(t => t.Amount) }).AllAsync(cancellationToken);
            return
            [
                .. groups.Where(g => g.Count > 0).GroupBy(g => g.Source).OrderBy(g => g.Key).Select(g =>
                {
                    var bins = g.OrderBy(b => b.Bin).Select(b => new CalibrationBin(b.Amount / 1e6 / b.Count, MeasuredShare.Of(b.Right, b.Count))).ToList();
                    var all = (double)g.Sum(b => b.Count);
                    return new SourceCalibration((LabelSource)g.Key, bins, bins.Sum(b => b.Right.Count / all * Math.Abs(b.Confidence - b.Right.Share!.Value)));
                }),
            ];
        }

        public async Task<List<LabelCount>> DistributionAsync()
        {
            var rows = Of(TallyKind.FinalLabels);
            if (filter.Label is { } label) rows = rows.Where(t => t.Label == label);
            var groups = await rows.GroupBy(t => new { t.Label, t.Source }).Select(g => new { g.Key.Label, g.Key.Source, Count = g.Sum(t => t.Count) }).AllAsync(cancellationToken);
            return
            [
                .. groups.Where(g => g.Count > 0).GroupBy(g => g.Label, StringComparer.Ordinal)
                    .Select(g => new LabelCount(g.Key, g.Sum(x => x.Count), g.ToDictionary(x => (LabelSource)x.Source, x => x.Count)))
                    .OrderByDescending(l => l.Count).ThenBy(l => l.Label, StringComparer.Ordinal),
            ];
        }

        public async Task<List<LabelDay>> FinalLabelDaysAsync()
        {
            var groups = await Of(TallyKind.FinalLabels).GroupBy(t => new { t.Hour, t.Label }).Select(g => new { g.Key.Hour, g.Key.Label, Count = g.Sum(t => t.Count) }).Where(g => g.Count > 0).AllAsync(cancellationToken);
            return groups.ConvertAll(g => new LabelDay(g.Hour, g.Label, g.Count));
        }

        private IQueryable<Tally> Of(TallyKind kind)
        {
            var from = kind is TallyKind.Work or TallyKind.Final ? _from : FromDay;
            var to = _to;
            var rows = tallies(kind).Where(t => t.Kind == kind);
            if (from != int.MinValue) rows = rows.Where(t => t.Hour >= from);
            return to == int.MaxValue ? rows : rows.Where(t => t.Hour < to);
        }
    }
}

/// <summary>The same questions to the database and to rows that are in memory already.</summary>
internal static class TallyQueries
{
    /// <summary>All rows.</summary>
    public static async Task<List<T>> AllAsync<T>(this IQueryable<T> rows, CancellationToken cancellationToken) => rows is IAsyncEnumerable<T> ? await rows.ToListAsync(cancellationToken) : [.. rows];

    /// <summary>A sum over all rows.</summary>
    public static async Task<long> TotalAsync(this IQueryable<Tally> rows, Expression<Func<Tally, long>> what, CancellationToken cancellationToken) =>
        rows is IAsyncEnumerable<Tally> ? await rows.SumAsync(what, cancellationToken) : rows.Sum(what);
}
