using Annotator.Core.Models;

namespace Annotator.Tests.Models;

/// <summary>Sessions that are lent: closed as soon as nobody uses them, and never before.</summary>
public sealed class SessionPoolTests
{
    private readonly List<Session> _opened = [];

    [Fact]
    public async Task What_is_put_out_is_closed_by_the_last_who_uses_it()
    {
        using var pool = new SessionPool<Session>(2);
        var (first, again) = (await LendAsync(pool, 1), await LendAsync(pool, 1));
        Assert.Same(first.Session, again.Session);
        (await LendAsync(pool, 2)).Dispose();

        // Room is made by what nobody uses, although it was used later.
        var third = await LendAsync(pool, 3);
        Assert.Equal([false, true, false], _opened.Select(s => s.IsClosed));
        third.Dispose();
        pool.Remove(1);
        Assert.False(first.Session.IsClosed);
        first.Dispose();
        first.Dispose();
        Assert.False(again.Session.IsClosed);
        again.Dispose();
        Assert.True(again.Session.IsClosed);

        // It is opened anew for the next; what is removed while nobody uses it is closed at once.
        using (var anew = await LendAsync(pool, 1)) Assert.NotSame(first.Session, anew.Session);
        pool.Remove(1);
        pool.Remove(77);
        Assert.Equal([true, true, false, true], _opened.Select(s => s.IsClosed));
    }

    [Fact]
    public async Task All_in_use_the_one_used_longest_ago_makes_room_and_goes_on()
    {
        using var pool = new SessionPool<Session>(1);
        var first = await LendAsync(pool, 1);
        var second = await LendAsync(pool, 2);
        Assert.Equal([false, false], _opened.Select(s => s.IsClosed));
        first.Dispose();
        second.Dispose();
        Assert.Equal([true, false], _opened.Select(s => s.IsClosed));
        using var kept = await LendAsync(pool, 2);
        Assert.Same(second.Session, kept.Session);
    }

    [Fact]
    public async Task At_the_end_all_is_closed_once_nobody_uses_it()
    {
        var pool = new SessionPool<Session>(2);
        var used = await LendAsync(pool, 1);
        (await LendAsync(pool, 2)).Dispose();
        pool.Dispose();
        Assert.Equal([false, true], _opened.Select(s => s.IsClosed));
        used.Dispose();
        Assert.True(used.Session.IsClosed);
    }

    [Fact]
    public async Task What_is_not_there_or_cannot_be_opened_is_not_kept()
    {
        using var pool = new SessionPool<Session>(1);
        Assert.Null(await pool.LendAsync<object>(1, () => Task.FromResult<object?>(null), _ => throw new InvalidOperationException("Nothing is there."), TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidDataException>(() => pool.LendAsync<object>(1, () => Task.FromResult<object?>(this), _ => throw new InvalidDataException("Broken."), TestContext.Current.CancellationToken));
        using var lent = await LendAsync(pool, 1);
        Assert.Single(_opened);
    }

    private async Task<SessionLease<Session>> LendAsync(SessionPool<Session> pool, long id) => (await pool.LendAsync(
        id,
        () => Task.FromResult<object?>(this),
        _ =>
        {
            var session = new Session();
            _opened.Add(session);
            return session;
        },
        TestContext.Current.CancellationToken))!;

    private sealed class Session : IDisposable
    {
        public bool IsClosed { get; private set; }

        public void Dispose() => IsClosed = !IsClosed ? true : throw new InvalidOperationException("Closed twice.");
    }
}
