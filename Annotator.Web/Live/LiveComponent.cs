using Annotator.Core.Live;
using Microsoft.AspNetCore.Components;

namespace Annotator.Web.Live;

/// <summary>
/// A component that follows a project. Call <see cref="Listen"/> before the first read: what happens between the two is
/// then seen twice rather than never. Bursts reach <see cref="OnLiveAsync"/> as one list, at most once an
/// <see cref="Interval"/>; what the user did themselves the component shows at once, without waiting for the feed.
/// </summary>
public abstract class LiveComponent : ComponentBase, IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private LiveSubscription? _subscription;
    private Task _pump = Task.CompletedTask;
    private bool _listening;

    /// <summary>The feed.</summary>
    [Inject]
    public required ILiveFeed Feed { get; init; }

    /// <summary>The clock.</summary>
    [Inject]
    public required TimeProvider Time { get; init; }

    /// <summary>Ends when the component does.</summary>
    protected CancellationToken Stopping => _stop.Token;

    /// <summary>The least time between two calls of <see cref="OnLiveAsync"/>; the first comes at once.</summary>
    protected virtual TimeSpan Interval => TimeSpan.FromMilliseconds(100);

    /// <summary>Begins to listen; a call for another project ends the one before.</summary>
    /// <param name="projectId">The project; null: all.</param>
    protected void Listen(long? projectId)
    {
        if (_stop.IsCancellationRequested) return;
        _subscription?.Dispose();
        _subscription = Feed.Subscribe(projectId);
        _listening = true;

        // The pump starts here and not in the feed: it keeps this circuit's culture and user.
        _pump = PumpAsync(_subscription, _pump);
    }

    /// <summary>Whether <see cref="Listen"/> was called.</summary>
    protected bool IsListening => _listening;

    /// <summary>Takes over what happened. On the component's own thread of work; the component renders afterwards.</summary>
    /// <param name="events">What happened, in order.</param>
    /// <param name="missed">Whether events were lost: read everything again.</param>
    protected abstract Task OnLiveAsync(IReadOnlyList<LiveEvent> events, bool missed);

    /// <summary>Ends listening. A component with more to give back overrides this and calls it.</summary>
    public virtual async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _subscription?.Dispose();
        await _pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    private async Task PumpAsync(LiveSubscription subscription, Task before)
    {
        // Without this the first events could be handled inside the caller, before it has read anything.
        await Task.Yield();
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            while (await subscription.Events.WaitToReadAsync(_stop.Token))
            {
                var events = new List<LiveEvent>();
                while (events.Count < LiveSubscription.Capacity && subscription.Events.TryRead(out var e)) events.Add(e);
                var missed = subscription.TakeMissed();
                await InvokeAsync(async () =>
                {
                    if (_stop.IsCancellationRequested) return;
                    await OnLiveAsync(events, missed);
                    StateHasChanged();
                });
                await Task.Delay(Interval, Time, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The component is gone.
        }
        catch (ObjectDisposedException)
        {
            // The circuit ended between two events.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }
}
