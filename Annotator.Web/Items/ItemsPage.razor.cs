using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Items.Search;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Live;
using Annotator.Core.Quality;
using Annotator.Web.Accounts;
using Annotator.Web.Live;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;

namespace Annotator.Web.Items;

/// <summary>The data of a project: filtered, paged by key, each item with all that is known of it. For leads.</summary>
public sealed partial class ItemsPage : LiveComponent
{
    private const int PageSize = 100;

    // More rows than anybody scrolls through would only make the page slow; the next page begins behind them.
    private const int MostRows = 1_000;

    private const int ExcerptLength = 300;

    private ItemAddress _address = new(0);
    private ProjectGrant? _grant;
    private Caller? _caller;
    private ItemMetrics? _metrics;
    private List<(Item Item, bool InReview)>? _rows;
    private CancellationTokenSource? _read;
    private SearchQuery? _query;
    private readonly HashSet<long> _chosen = [];
    private IReadOnlyDictionary<long, WorkListRow>? _list;
    private string _text = "";
    private int _place;
    private bool _loaded;
    private bool _more;
    private bool _reading;
    private int _stirred;

    /// <summary>The project.</summary>
    [Parameter]
    public long ProjectId { get; set; }

    /// <summary>A state as the API names it.</summary>
    [SupplyParameterFromQuery]
    public string? State { get; set; }

    /// <summary>A label's name.</summary>
    [SupplyParameterFromQuery]
    public string? Label { get; set; }

    /// <summary>A source as the API names it.</summary>
    [SupplyParameterFromQuery]
    public string? Source { get; set; }

    /// <summary>Words and phrases that occur in text or key.</summary>
    [SupplyParameterFromQuery(Name = "q")]
    public string? Text { get; set; }

    /// <summary>Only items set aside for a lead.</summary>
    [SupplyParameterFromQuery]
    public bool? Flagged { get; set; }

    /// <summary>Only members of this near-duplicate group.</summary>
    [SupplyParameterFromQuery]
    public long? Group { get; set; }

    /// <summary>Only items that somebody decided when this pre-label was shown.</summary>
    [SupplyParameterFromQuery]
    public string? Shown { get; set; }

    /// <summary>Only items to which somebody gave this label.</summary>
    [SupplyParameterFromQuery]
    public string? Given { get; set; }

    /// <summary>Only items that this annotator decided.</summary>
    [SupplyParameterFromQuery]
    public long? By { get; set; }

    /// <summary>Only items to which this other annotator gave another label.</summary>
    [SupplyParameterFromQuery]
    public long? With { get; set; }

    /// <summary>Only items that were decided with this outcome.</summary>
    [SupplyParameterFromQuery]
    public string? Outcome { get; set; }

    /// <summary>Only items that were decided when this label was shown, or given it.</summary>
    [SupplyParameterFromQuery]
    public string? About { get; set; }

    /// <summary>Only items that were decided when a pre-label of this source was shown.</summary>
    [SupplyParameterFromQuery]
    public string? ShownBy { get; set; }

    /// <summary>Only items to which somebody else gave this label.</summary>
    [SupplyParameterFromQuery]
    public string? Against { get; set; }

    /// <summary>Only items of this slice, as <c>field=value</c>.</summary>
    [SupplyParameterFromQuery]
    public string? Slice { get; set; }

    /// <summary>A length of time up to now.</summary>
    [SupplyParameterFromQuery]
    public string? Period { get; set; }

    /// <summary>First day.</summary>
    [SupplyParameterFromQuery]
    public string? From { get; set; }

    /// <summary>Last day.</summary>
    [SupplyParameterFromQuery]
    public string? To { get; set; }

    /// <summary>Only items that are like this one.</summary>
    [SupplyParameterFromQuery]
    public long? Like { get; set; }

    /// <summary>Only items of this list, in its order.</summary>
    [SupplyParameterFromQuery]
    public string? List { get; set; }

    /// <summary>Only items behind this one.</summary>
    [SupplyParameterFromQuery]
    public long? After { get; set; }

    /// <summary>The item that is open.</summary>
    [SupplyParameterFromQuery]
    public long? Item { get; set; }

    /// <summary>Who looks.</summary>
    [CascadingParameter]
    public Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <summary>Who may see which project.</summary>
    [Inject]
    public required ProjectAccess Access { get; init; }

    /// <summary>Items.</summary>
    [Inject]
    public required ItemQueries Queries { get; init; }

    /// <summary>What items are like each other.</summary>
    [Inject]
    public required Representations Representations { get; init; }

    /// <summary>Labels that are probably wrong.</summary>
    [Inject]
    public required SuspectReader Suspects { get; init; }

    /// <summary>What all votes together say.</summary>
    [Inject]
    public required TeamQualityReader Votes { get; init; }

    /// <summary>The index of the texts.</summary>
    [Inject]
    public required TextIndexing Indexing { get; init; }

    /// <summary>Counts.</summary>
    [Inject]
    public required MetricsReader Metrics { get; init; }

    /// <summary>Where the page is.</summary>
    [Inject]
    public required NavigationManager Navigation { get; init; }

    /// <inheritdoc />
    protected override TimeSpan Interval => TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    protected override async Task OnInitializedAsync()
    {
        Listen(ProjectId);
        _caller = (await Authentication).User.Caller();
        _grant = await Access.FindAsync(_caller, ProjectId, Stopping);
        _loaded = true;
        if (_grant is { IsLead: true }) await ShowAsync(Asked());
    }

    /// <inheritdoc />
    protected override async Task OnParametersSetAsync()
    {
        var asked = Asked();
        if (_grant is not { IsLead: true } || _rows is null || asked == _address) return;
        var sameList = asked with { Item = null } == _address with { Item = null };
        if (sameList) _address = asked;
        else await ShowAsync(asked);
    }

    /// <inheritdoc />
    protected override async Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed)
    {
        if (_grant is not { IsLead: true } || _rows is null) return;

        // A search reads many rows: it is done again only where something that it shows has changed.
        var shown = _rows.Select(r => r.Item.Id).ToHashSet();
        var touched = events.OfType<ItemsDecided>().SelectMany(e => e.Items).Select(i => i.ItemId).Concat(events.OfType<ItemsPreLabelled>().SelectMany(e => e.Items).Select(i => i.ItemId));
        if (missed || touched.Any(shown.Contains) || (_address.Text is null && events.Any(e => e is ItemsDecided or ItemsPreLabelled or ProjectChanged))) await RefreshAsync();
    }

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_read is not null) await _read.CancelAsync();
        _read?.Dispose();
        GC.SuppressFinalize(this);
    }

    private ItemAddress Asked() => new(ProjectId, Blank(State), Blank(Label), Blank(Source), Blank(Text), Flagged ?? false, Group, After, Item, Blank(Shown), Blank(Given), By, With, Blank(Outcome), Blank(About),
        Blank(ShownBy), Blank(Against), Quality.QualityAddress.SliceOf(Slice) is null ? null : Slice, AddressTime.Of(Period, From, To), Like, WorkList.IsKnown(List) ? List : null);

    private Task ShowAsync(ItemAddress address)
    {
        // Whoever goes through a list keeps it as it was when they came: what they decide must not turn it over.
        if (!string.Equals(address.List, _address.List, StringComparison.Ordinal)) _list = null;
        _address = address;
        _text = address.Text ?? "";
        _query = SearchQuery.Parse(address.Text);
        _chosen.Clear();
        return ReadAsync(PageSize);
    }

    // The same rows again, with what changed in them.
    private Task RefreshAsync()
    {
        _stirred++;
        return ReadAsync(Math.Clamp(_rows?.Count ?? 0, PageSize, MostRows));
    }

    private async Task MoreAsync()
    {
        if (_rows is not { Count: > 0 } rows) return;
        var more = await FindAsync(rows[^1].Item.Id, PageSize);
        if (more is null) return;
        _more = more.Count > PageSize;
        rows.AddRange(more.Take(PageSize));
    }

    private async Task ReadAsync(int count)
    {
        var rows = await FindAsync(_address.After, count);
        if (rows is null) return;
        if (_address.Item is { } open && _rows?.FindIndex(r => r.Item.Id == open) is >= 0 and var place) _place = place;
        _more = rows.Count > count;
        _rows = _more ? rows[..count] : rows;
        _metrics = (await Metrics.SummaryAsync(ProjectId, Stopping)).Items;
        if (_query is not null) await Indexing.KeepUpAsync(ProjectId, Stopping);
    }

    // Null where somebody asked for something else meanwhile: only the last question counts.
    private async Task<List<(Item Item, bool InReview)>?> FindAsync(long? after, int count)
    {
        if (_read is not null) await _read.CancelAsync();
        var read = _read = CancellationTokenSource.CreateLinkedTokenSource(Stopping);
        _reading = true;
        try
        {
            var filter = _address.FilterAt(Time.GetUtcNow());
            if (_address.List is { } list) return await ListedAsync(list, filter, read.Token);
            if (_address.Like is not { } like) return await Queries.ListAsync(ProjectId, filter, after, count + 1, read.Token);

            // Those most like one stand in that order, and are one page.
            var similar = await Representations.SimilarAsync(ProjectId, like, PageSize, read.Token) ?? [];
            var place = similar.Select((s, i) => (s.Id, i)).ToDictionary(s => s.Id, s => s.i + 1);
            place[like] = 0;
            var found = await Queries.ListAsync(ProjectId, filter with { Among = place.Keys }, null, place.Count, read.Token);
            return [.. found.OrderBy(f => place[f.Item.Id])];
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        finally
        {
            if (_read == read)
            {
                _reading = false;
                _read = null;
            }

            read.Dispose();
        }
    }

    // A list of its own order is one page; what has another label since was looked at already.
    private async Task<List<(Item Item, bool InReview)>> ListedAsync(string name, ItemFilter filter, CancellationToken cancellationToken)
    {
        var list = _list ??= (await WorkList.ReadAsync(name, _grant!.Project, Suspects, Votes, cancellationToken)).ToDictionary(r => r.ItemId);
        var place = list.Values.Where(r => filter.Label is not { } label || WorkList.IsAbout(r, label)).Select((r, i) => (r.ItemId, i)).ToDictionary(r => r.ItemId, r => r.i);
        if (place.Count == 0) return [];
        var found = await Queries.ListAsync(ProjectId, filter with { Label = null, Among = place.Keys }, null, place.Count, cancellationToken);
        return [.. found.Where(f => string.Equals(f.Item.LabelValue, list[f.Item.Id].Given, StringComparison.Ordinal)).OrderBy(f => place[f.Item.Id])];
    }

    private void Choose(long item, ChangeEventArgs e)
    {
        if (e.Value is true && _chosen.Count < BulkActions.MostAtOnce) _chosen.Add(item);
        else _chosen.Remove(item);
    }

    private void ChooseAll(ChangeEventArgs e)
    {
        _chosen.Clear();
        if (e.Value is true) _chosen.UnionWith((_rows ?? []).Select(r => r.Item.Id).Take(BulkActions.MostAtOnce));
    }

    private void ClearChosen() => _chosen.Clear();

    private Task SearchAsync()
    {
        var text = Blank(_text);
        if (!string.Equals(text, _address.Text, StringComparison.Ordinal)) Go(_address with { Text = text, After = null, Item = null });
        return Task.CompletedTask;
    }

    // Where what was open has left the list by what was decided, the place it had is gone on from.
    private long? Beside(long item, int step)
    {
        if (_rows is not { } rows) return null;
        var at = rows.FindIndex(r => r.Item.Id == item);
        var to = at >= 0 ? at + step : step > 0 ? _place : _place - 1;
        return to >= 0 && to < rows.Count ? rows[to].Item.Id : null;
    }

    private void Go(ItemAddress address) => Navigation.NavigateTo(address.ToString());

    private string At(string page) => string.Create(CultureInfo.InvariantCulture, $"/projects/{ProjectId}{page}");

    private static string? Chosen(ChangeEventArgs e) => Blank(e.Value as string);

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static string StateOf((Item Item, bool InReview) row) => row.InReview ? "inReview" : Names.Of(row.Item.State);

    private static string StateColor((Item Item, bool InReview) row) => row.InReview ? "var(--an-source-human)" : $"var(--an-state-{Names.Of(row.Item.State)})";

    private IReadOnlyList<(string Text, bool Found)> Excerpt(Item item)
    {
        var text = item.Text ?? item.Url ?? item.Key;
        if (_query is not null) return _query.Excerpt(text, ExcerptLength);
        return [(text.Length > ExcerptLength ? string.Concat(text.AsSpan(0, ExcerptLength), "…") : text, false)];
    }
}
