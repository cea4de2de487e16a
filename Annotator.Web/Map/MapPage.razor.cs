using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Map;
using Annotator.Core.Live;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Annotator.Web.Components.Charts;
using Annotator.Web.Components.Controls;
using Annotator.Web.Live;
using Annotator.Web.Quality;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.EntityFrameworkCore;
using Microsoft.JSInterop;

namespace Annotator.Web.Map;

/// <summary>The items of a project as points in a plane: to look at, and to choose from. For leads.</summary>
public sealed partial class MapPage : LiveComponent
{
    /// <summary>The most items that one choice has.</summary>
    public const int MostChosen = 20_000;

    private const int MostShown = 30;
    private const int ExcerptLength = 160;
    private const int Buckets = 8;

    private static readonly string[] s_ramp = ["#3b7ea1", "#4f93a0", "#6ea68f", "#95b36e", "#bfb54d", "#dba53a", "#dd7f35", "#cf5232"];

    private readonly HashSet<long> _chosen = [];
    private readonly Dictionary<long, string> _examples = [];
    private MapAddress _address = new(0);
    private Caller? _caller;
    private ProjectGrant? _grant;
    private MapVersion? _version;
    private MapVersion? _drawn;
    private ItemMap? _map;
    private MapMark?[] _marks = [];
    private Run? _run;
    private IReadOnlyList<MapRegion> _regions = [];
    private IReadOnlyList<Item> _shown = [];
    private IReadOnlyList<LegendEntry> _legend = [];
    private ElementReference _stage;
    private IJSObjectReference? _module;
    private IJSObjectReference? _view;
    private DotNetObjectReference<MapPage>? _self;
    private int _tooMany;
    private bool _loaded;
    private bool _known;
    private bool _represented;
    private bool _outdated;
    private bool _lasso;
    private bool _failed;

    /// <summary>The project.</summary>
    [Parameter]
    public long ProjectId { get; set; }

    /// <summary>What colours stand for.</summary>
    [SupplyParameterFromQuery]
    public string? Color { get; set; }

    /// <summary>The one class that stands out.</summary>
    [SupplyParameterFromQuery]
    public string? Only { get; set; }

    /// <summary>Who looks.</summary>
    [CascadingParameter]
    public Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <summary>Who may see which project.</summary>
    [Inject]
    public required ProjectAccess Access { get; init; }

    /// <summary>Maps.</summary>
    [Inject]
    public required ItemMaps Maps { get; init; }

    /// <summary>Representations.</summary>
    [Inject]
    public required Representations Representations { get; init; }

    /// <summary>Runs.</summary>
    [Inject]
    public required RunService Runs { get; init; }

    /// <summary>The database.</summary>
    [Inject]
    public required AnnotatorDatabase Database { get; init; }

    /// <summary>The browser.</summary>
    [Inject]
    public required IJSRuntime Js { get; init; }

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
        if (_grant is { IsLead: true }) await ReadAsync();
    }

    /// <inheritdoc />
    protected override async Task OnParametersSetAsync()
    {
        var asked = new MapAddress(ProjectId, Blank(Color), Blank(Only));
        if (asked == _address) return;
        _address = asked;
        Describe();
        if (_view is not null) await _view.InvokeVoidAsync("color", _address.By, OnlyIndex());
    }

    /// <inheritdoc />
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (_version is null || _drawn == _version || _grant is not { IsLead: true }) return;
        _drawn = _version;
        await LoadAsync();
        StateHasChanged();
    }

    /// <inheritdoc />
    protected override async Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed)
    {
        if (_grant is not { IsLead: true } || !_known) return;
        var ours = _run is { } run && events.OfType<RunChanged>().Any(e => e.RunId == run.Id);
        var labels = events.Any(e => e is ItemsDecided or ItemsPreLabelled);
        if (missed || ours || events.Any(e => e is RunChanged && _version is null)) await ReadAsync();
        else if (labels) await ChangedAsync();
    }

    /// <summary>Called by the script: a line was drawn around items.</summary>
    /// <param name="corners">x and y of each corner.</param>
    /// <param name="add">Whether what was chosen stays so.</param>
    [JSInvokable]
    public Task ChosenAsync(double[] corners, bool add) => InvokeAsync(async () =>
    {
        if (_map is null || corners.Length < 6) return;
        var inside = _map.Inside([.. corners.Chunk(2).Where(c => c.Length == 2).Select(c => (c[0], c[1]))]);
        await ChooseAsync(inside.Where(i => _marks[i] is { } mark && Stands(mark)).Select(i => _map.Ids[i]), add);
    });

    /// <summary>Called by the script: one item was chosen.</summary>
    [JSInvokable]
    public Task ChosenPointAsync(long item, bool add) => InvokeAsync(() => ChooseAsync([item], add));

    /// <summary>Called by the script: nothing is to be chosen.</summary>
    [JSInvokable]
    public Task ClearedAsync() => InvokeAsync(() => ChooseAsync([], add: false));

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _self?.Dispose();
        try
        {
            if (_view is not null)
            {
                await _view.InvokeVoidAsync("dispose");
                await _view.DisposeAsync();
            }

            if (_module is not null) await _module.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The page is gone, and the script with it.
        }

        GC.SuppressFinalize(this);
    }

    private async Task ReadAsync()
    {
        var latest = await Representations.LatestAsync(ProjectId, Stopping);
        var version = await Maps.LatestAsync(ProjectId, Stopping);
        var run = (await Runs.ListOfKindAsync(ProjectId, "map", 1, Stopping)).FirstOrDefault();
        _represented = latest is not null;
        if (version is null && run is null && _represented) run = await Runs.StartOnceAsync(ProjectId, "map", null, _caller!.UserId, Stopping);
        _run = run is { State: RunState.Succeeded } ? null : run;
        _outdated = version is not null && latest is not null && latest.Version > version.Representation;
        if (version is not null && version != _version)
        {
            _map = await Maps.ReadAsync(version, Stopping);
            _version = version;
            await MarkAsync();
        }

        _known = true;
    }

    private async Task MarkAsync()
    {
        if (_map is not { } map || _grant is not { } grant) return;
        _marks = await Maps.MarksAsync(grant.Project, map, Stopping);
        _regions = ItemMaps.Regions(map, _marks);
        var missing = _regions.Select(r => r.Example).Where(e => !_examples.ContainsKey(e)).ToList();
        foreach (var item in await Database.ReadAsync(db => db.Items.Where(i => i.ProjectId == ProjectId && missing.Contains(i.Id)).ToListAsync(Stopping), Stopping)) _examples[item.Id] = Excerpt(item);
        Describe();
    }

    private async Task LoadAsync()
    {
        _failed = false;
        try
        {
            _module ??= await Js.InvokeAsync<IJSObjectReference>("import", "./Map/MapPage.razor.js");
            _self ??= DotNetObjectReference.Create(this);
            if (_view is null)
            {
                var api = string.Create(CultureInfo.InvariantCulture, $"/api/v1/projects/{ProjectId}");
                _view = await _module.InvokeAsync<IJSObjectReference>(
                    "start",
                    _stage,
                    _self,
                    new
                    {
                        points = api + "/map/points",
                        items = api + "/items",
                        color = _address.By,
                        only = OnlyIndex(),
                        colors = new { label = LabelColors(), source = Enum.GetValues<LabelSource>().Select(Palette.Of), state = Enum.GetValues<ItemState>().Select(s => $"var(--an-state-{Names.Of(s)})") },
                    });
            }

            await _view.InvokeVoidAsync("load");
            if (_chosen.Count == 0 && await _view.InvokeAsync<long[]>("again") is { Length: > 0 } again) await ChooseAsync(again, add: false);
        }
        catch (JSException)
        {
            _failed = true;
        }
        catch (JSDisconnectedException)
        {
            // The page is gone.
        }
    }

    private async Task ChangedAsync()
    {
        await MarkAsync();
        await ShowChosenAsync();
        if (_view is not null) await LoadAsync();
    }

    private async Task DrawAsync() => _run = await Runs.StartOnceAsync(ProjectId, "map", null, _caller!.UserId, Stopping);

    private async Task ChooseAsync(IEnumerable<long> items, bool add)
    {
        if (!add) _chosen.Clear();
        _tooMany = 0;
        var all = items.ToList();
        foreach (var item in all.Take(Math.Max(0, MostChosen - _chosen.Count))) _chosen.Add(item);
        if (all.Count > MostChosen) _tooMany = all.Count;
        if (_view is not null) await _view.InvokeVoidAsync("keep", _chosen);
        await ShowChosenAsync();
        StateHasChanged();
    }

    private async Task ShowChosenAsync()
    {
        var first = _chosen.Order().Take(MostShown).ToList();
        _shown = first.Count == 0 ? [] : await Database.ReadAsync(db => db.Items.Where(i => i.ProjectId == ProjectId && first.Contains(i.Id)).OrderBy(i => i.Id).ToListAsync(Stopping), Stopping);
    }

    private async Task ChooseRegionAsync(MapRegion region)
    {
        if (_map is not { } map) return;
        if (_view is not null) await _view.InvokeVoidAsync("region", region.Number, region.X, region.Y);
        await ChooseAsync(Enumerable.Range(0, map.Ids.Count).Where(i => map.Region[i] == region.Number && _marks[i] is not null).Select(i => map.Ids[i]), add: false);
    }

    private async Task ClearAsync()
    {
        if (_view is not null) await _view.InvokeVoidAsync("clear");
        await ChooseAsync([], add: false);
    }

    private async Task ToolAsync(bool lasso)
    {
        _lasso = lasso;
        if (_view is not null) await _view.InvokeVoidAsync("tool", lasso ? "lasso" : "move");
    }

    private async Task CallAsync((string Name, object?[] Arguments) call)
    {
        if (_view is not null) await _view.InvokeVoidAsync(call.Name, call.Arguments);
    }

    private static (string Name, object?[] Arguments) Larger => ("zoom", [1.5]);

    private static (string Name, object?[] Arguments) Smaller => ("zoom", [1 / 1.5]);

    private static (string Name, object?[] Arguments) Fit => ("fit", []);

    private async Task PngAsync()
    {
        if (_view is not null) await _view.InvokeVoidAsync("picture", $"{T["Map.Title"]}.png");
    }

    private async Task CsvAsync()
    {
        var labels = _grant!.Project.Schema.Labels;
        var table = new ChartTable(
            [new(T["Map.Region"]), new(T["Map.Items"], true), new(T["Map.MainLabel"]), new(T["Map.Share"], true), new(T["Map.Uncertainty"], true), new(T["Map.Final"], true), new(T["Map.Example"])],
            [.. _regions.Select((r, i) => new ChartRow([ChartCell.Of(i + 1), ChartCell.Of(r.Items), ChartCell.Of(r.Label >= 0 ? labels[r.Label].Name : ""), ChartCell.Share(r.Share), ChartCell.Share(r.Uncertainty), ChartCell.Of(r.Final), ChartCell.Of(_examples.GetValueOrDefault(r.Example, ""))]))]);
        await using var charts = await Js.InvokeAsync<IJSObjectReference>("import", "/js/charts.js");
        await charts.InvokeVoidAsync("saveText", $"{T["Map.Regions"]}.csv", "text/csv", "\uFEFF" + await table.CsvAsync());
    }

    private List<string> LabelColors() => [.. _grant!.Project.Schema.Labels.Select((l, i) => l.Color ?? ColorAt(i))];

    // Labels without a colour of their own: the golden angle keeps neighbours in the list apart.
    private static string ColorAt(int i) => string.Create(CultureInfo.InvariantCulture, $"hsl({i * 137.508 % 360:0} 52% 50%)");

    private int Class(MapMark mark) => _address.By switch
    {
        "source" => mark.Source is { } source ? (int)source : -1,
        "state" => (int)mark.State,
        "uncertainty" => (int)Math.Round(mark.Uncertainty * 255) >> 5,
        _ => mark.Label,
    };

    private string NameOf(int of) => of < 0 ? "none" : _address.By switch
    {
        "source" => Names.Of((LabelSource)of),
        "state" => Names.Of((ItemState)of),
        "uncertainty" => of.ToString(CultureInfo.InvariantCulture),
        _ => _grant!.Project.Schema.Labels[of].Name,
    };

    private bool Stands(MapMark mark) => _address.Only is null || string.Equals(NameOf(Class(mark)), _address.Only, StringComparison.Ordinal);

    // As the script counts: -1 is all, and what nobody said anything of is the largest value of its column.
    private int OnlyIndex()
    {
        if (_address.Only is null || _grant is null) return -1;
        if (string.Equals(_address.Only, "none", StringComparison.Ordinal)) return string.Equals(_address.By, "source", StringComparison.Ordinal) ? byte.MaxValue : ushort.MaxValue;
        var classes = _address.By switch { "source" => Enum.GetValues<LabelSource>().Length, "state" => Enum.GetValues<ItemState>().Length, "uncertainty" => Buckets, _ => _grant.Project.Schema.Labels.Count };
        for (var of = 0; of < classes; of++)
        {
            if (string.Equals(NameOf(of), _address.Only, StringComparison.Ordinal)) return of;
        }

        return -1;
    }

    private void Describe()
    {
        if (_grant is not { } grant) return;
        var colors = LabelColors();
        var counts = _marks.Where(m => m is not null).CountBy(m => Class(m!.Value)).ToDictionary();
        var order = _address.By is "label" or "source" ? counts.Keys.OrderBy(k => k < 0).ThenByDescending(k => counts[k]) : counts.Keys.Order();
        _legend = [.. order.Select(of => new LegendEntry(
            NameOf(of),
            of < 0 ? T["Map.Nobody"] : _address.By switch
            {
                "source" => Shared[$"Source.{(LabelSource)of}"],
                "state" => Shared[$"State.{Names.Of((ItemState)of)}"],
                "uncertainty" => $"{Format.Percent(of / (double)Buckets, 0)} – {Format.Percent((of + 1) / (double)Buckets, 0)}",
                _ => grant.Project.Schema.Labels[of].Name,
            },
            of < 0 ? "var(--an-border-strong)" : _address.By switch { "source" => Palette.Of((LabelSource)of), "state" => $"var(--an-state-{Names.Of((ItemState)of)})", "uncertainty" => s_ramp[of], _ => colors[of] },
            counts[of]))];
    }

    private void Go(MapAddress address) => Navigation.NavigateTo(address.ToString());

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static string Excerpt(Item item)
    {
        var text = item.Text ?? item.Url ?? item.Key;
        return text.Length > ExcerptLength ? string.Concat(text.AsSpan(0, ExcerptLength), "…") : text;
    }

    private sealed record LegendEntry(string Name, string Shown, string Color, int Items);
}
