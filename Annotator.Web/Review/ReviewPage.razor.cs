using Annotator.Web.Live;
using System.Globalization;
using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Web.Accounts;
using Annotator.Web.Resources;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.JSInterop;

namespace Annotator.Web.Review;

/// <summary>
/// The frame around the review loop. The loop itself is an ES module (ReviewPage.razor.js): it holds the items, the keys and the
/// outbox, and goes on while this component's circuit is away.
/// </summary>
public sealed partial class ReviewPage : LiveComponent
{
    private static readonly TimeSpan CountEvery = TimeSpan.FromSeconds(1);

    private readonly FreshPreLabels _fresh = new();
    private readonly HashSet<long> _shown = [];
    private ElementReference _host;
    private DotNetObjectReference<ReviewPage>? _self;
    private IJSObjectReference? _module;
    private IJSObjectReference? _review;
    private ProjectGrant? _grant;
    private Caller? _caller;
    private StudentMetrics? _student;
    private LabelSchema? _schema;
    private bool _missing;
    private bool _started;
    private bool _countDue;
    private long _counted;
    private Task _countLater = Task.CompletedTask;

    /// <summary>The project.</summary>
    [Parameter]
    public long Id { get; set; }

    /// <summary>Who looks.</summary>
    [CascadingParameter]
    public Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <summary>Script in the browser.</summary>
    [Inject]
    public required IJSRuntime Script { get; init; }

    /// <summary>Who may see which project.</summary>
    [Inject]
    public required ProjectAccess Access { get; init; }

    /// <summary>Where the project stands.</summary>
    [Inject]
    public required MetricsReader Metrics { get; init; }

    /// <summary>The person's own keys.</summary>
    [Inject]
    public required AccountService Accounts { get; init; }

    /// <summary>The annotator's own numbers.</summary>
    [Inject]
    public required ReviewFigures Figures { get; init; }

    /// <inheritdoc />
    protected override async Task OnInitializedAsync()
    {
        Listen(Id);
        _caller = (await Authentication).User.Caller();
        _grant = await Access.FindAsync(_caller, Id, Stopping);
        if (_grant is null)
        {
            _missing = true;
            return;
        }

        _schema = _grant.Project.Schema.WithDefaults();
        _student = (await Metrics.ReadAsync(Id, Stopping)).Student;
    }

    /// <inheritdoc />
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (_started || _grant is null) return;
        _started = true;
        var project = _grant.Project;
        _self = DotNetObjectReference.Create(this);
        try
        {
            _module = await Script.InvokeAsync<IJSObjectReference>("import", Stopping, "./Review/ReviewPage.razor.js");
            _review = await _module.InvokeAsync<IJSObjectReference>("start", Stopping, _host, _self, new ReviewOptions(
                _caller!.UserId.ToString(CultureInfo.InvariantCulture),
                project.Id.ToString(CultureInfo.InvariantCulture),
                _schema!.Labels,
                _schema.Multiple,
                Names.Of(_schema.Type),
                Names.Of(project.Modality),
                project.Settings.SkipNeedsReason,
                _grant.IsLead,
                "rv-guidelines",
                !string.IsNullOrWhiteSpace(project.Guidelines),
                (await Accounts.GetPreferencesAsync(_caller.UserId, Stopping)).Keys,
                new ReviewStart(await Figures.WaitingAsync(Id, Stopping)),
                Texts(project.Modality),
                Media.Value.TiledMegapixels * 1_000_000L));
        }
        catch (JSDisconnectedException)
        {
            // The tab was closed while it loaded.
        }
        catch (OperationCanceledException)
        {
            // Left before it was there.
        }
    }

    /// <inheritdoc />
    protected override async Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed)
    {
        if (_grant is null || _schema is null) return;
        var items = events.OfType<ItemsPreLabelled>().SelectMany(e => e.Items).ToList();
        if (items.Count > 0)
        {
            var newest = items.TakeLast(FreshPreLabels.Length).ToList();
            var audited = (await Figures.AuditedAsync(Id, [.. newest.Select(i => i.ItemId)], Stopping)).ToHashSet();
            _fresh.Add(newest.Where(i => !audited.Contains(i.ItemId)), _schema);
        }

        if (events.OfType<ModelTrained>().LastOrDefault() is { } trained) _student = new StudentMetrics(trained.Version, trained.TrainedOn, trained.Accuracy, trained.Ece);
        var stirred = missed || items.Count > 0 || events.Any(e => e is ProjectChanged or ItemsDecided or ModelTrained);
        if (events.Any(e => e is UrgentArrived)) await HurryAsync();
        await TellAsync(stirred && _shown.Count > 0 ? await HeldAsync() : [], stirred);
    }

    /// <summary>What the browser holds: news of these items is sent to it, and those it shows blind are left out of the list.</summary>
    [JSInvokable]
    public Task HoldAsync(string[] held, string[] blind)
    {
        _shown.Clear();
        _shown.UnionWith(Numbers(held).Except(Numbers(blind)));
        _fresh.Hide(Numbers(blind));
        StateHasChanged();
        return Task.CompletedTask;
    }

    /// <summary>Keeps the person's own keys.</summary>
    /// <returns>Whether they were kept.</returns>
    [JSInvokable]
    public async Task<bool> SaveKeysAsync(Dictionary<string, string> keys)
    {
        var preferences = await Accounts.GetPreferencesAsync(_caller!.UserId, Stopping);
        return (await Accounts.SavePreferencesAsync(_caller.UserId, preferences with { Keys = keys }, Stopping)).Succeeded;
    }

    /// <summary>What the annotator did since their midnight.</summary>
    [JSInvokable]
    public async Task<ReviewToday> TodayAsync(DateTimeOffset midnight)
    {
        var figures = await Figures.SinceAsync(Id, _caller!.UserId, midnight.ToUniversalTime(), Stopping);
        return new ReviewToday(figures.Decided, figures.Judged, figures.Accepted);
    }

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        try
        {
            if (_review is not null)
            {
                await _review.InvokeVoidAsync("dispose");
                await _review.DisposeAsync();
            }

            if (_module is not null) await _module.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The browser is gone, and with it what there was to dispose of; it gives its items back by itself.
        }
        catch (OperationCanceledException)
        {
            // So it was while it answered.
        }

        _self?.Dispose();
        GC.SuppressFinalize(this);
    }

    // Events are hints, and of a large batch only some are told: what the browser has is read as it stands. A few rows by their ids.
    private async Task<IReadOnlyList<PreLabelChange>> HeldAsync() =>
    [
        .. from item in await Figures.HeldAsync(Id, [.. _shown], Stopping)
           where item.Value is not null
           select new PreLabelChange(
               item.ItemId.ToString(CultureInfo.InvariantCulture), JsonSerializer.Deserialize<JsonElement>(item.Value!), item.Confidence ?? 0, Names.Of(item.Source!.Value), item.Version ?? 0, item.Final),
    ];

    private async Task TellAsync(IReadOnlyList<PreLabelChange> changes, bool stirred)
    {
        if (_review is null || (changes.Count == 0 && !stirred && !_countDue)) return;

        // The number of waiting items is read once a second at the most, however much happens.
        long? remaining = null;
        var now = Time.GetTimestamp();
        _countDue |= stirred;
        if (_countDue && (_counted == 0 || Time.GetElapsedTime(_counted, now) >= CountEvery))
        {
            remaining = await Figures.WaitingAsync(Id, Stopping);
            (_counted, _countDue) = (now, false);
        }
        else if (_countDue && _countLater.IsCompleted)
        {
            // Nothing else may happen for an hour: the last change counts too.
            _countLater = CountLaterAsync();
        }

        try
        {
            await _review.InvokeVoidAsync("live", Stopping, new { prelabelled = changes, remaining, stirred });
        }
        catch (JSDisconnectedException)
        {
            // It reads the truth when it is back.
        }
    }

    private async Task HurryAsync()
    {
        try
        {
            if (_review is not null) await _review.InvokeVoidAsync("urgent", Stopping);
        }
        catch (JSDisconnectedException)
        {
            // What is urgent stands at the front of the queue when it is back.
        }
    }

    private async Task CountLaterAsync()
    {
        try
        {
            await Task.Delay(CountEvery, Time, Stopping);
            await InvokeAsync(() => TellAsync([], stirred: false));
        }
        catch (OperationCanceledException)
        {
            // The page was left.
        }
    }

    private static IReadOnlyDictionary<string, string> Texts(Modality modality)
    {
        var texts = ReviewText.All(CultureInfo.CurrentUICulture, "Review.");
        if (modality == Modality.Text) return texts;
        return new Dictionary<string, string>(texts.Concat(TextTable.Of<CanvasText>(CultureInfo.CurrentUICulture, "Canvas.")), StringComparer.Ordinal);
    }

    private static IEnumerable<long> Numbers(string[] ids) =>
        ids.Take(200).Select(i => long.TryParse(i, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0).Where(i => i > 0);

    private sealed record ReviewOptions(
        string User, string Project, IReadOnlyList<LabelDefinition> Labels, bool Multiple, string Task, string Modality, bool SkipNeedsReason, bool CanManage, string Guidelines, bool HasGuidelines, IReadOnlyDictionary<string, string> Keys,
        ReviewStart Figures,
        IReadOnlyDictionary<string, string> Texts,
        long TiledPixels);

    private sealed record ReviewStart(long Remaining);

    private sealed record PreLabelChange(string ItemId, JsonElement Value, double Confidence, string Source, int Version, bool Final);
}

/// <summary>What an annotator did today; see <see cref="AnnotatorFigures"/>.</summary>
public sealed record ReviewToday(int Today, int Judged, int Accepted);
