using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Annotator.Tests.Support;

/// <summary>Tests in a real browser share one browser and one program, and run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class BrowserCollection : ICollectionFixture<BrowserFixture>
{
    /// <summary>The collection's name.</summary>
    public const string Name = "Browser";
}

/// <summary>As <see cref="BrowserCollection"/>, with a browser and a program of its own beside it: these wait much for their browser, and two can wait together.</summary>
[CollectionDefinition(Name)]
public sealed class PagesCollection : ICollectionFixture<BrowserFixture>
{
    /// <summary>The collection's name.</summary>
    public const string Name = "Pages";
}

/// <summary>How a person's browser is set up.</summary>
/// <param name="Locale">Language of the browser, <c>en-US</c> or <c>ko-KR</c>.</param>
/// <param name="Dark">Whether the system asks for dark colours.</param>
/// <param name="Width">Width of the window in CSS pixels.</param>
/// <param name="Height">Its height.</param>
/// <param name="Touch">Whether it is a tablet.</param>
public sealed record BrowserSettings(string Locale = "en-US", bool Dark = false, int Width = 1280, int Height = 720, bool Touch = false);

/// <summary>
/// The real program and one Chromium for all browser tests. A test asks for a <see cref="Visitor"/>, which is skipped with a
/// reason where there is no Chromium; never where CI is set, because there a missing browser is a fault of the set-up.
/// </summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    // The first has no windows to keep, and takes two thirds of the time of the whole browser.
    private static readonly string[] s_browsers = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

    private static readonly string[] s_arguments =
    [
        // Containers and root have no user namespaces for the sandbox, and little shared memory.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",

        // Several people sit at several pages here: none of them may sleep because another is in front.
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
    ];

    private readonly ConcurrentDictionary<string, string> _sessions = new(StringComparer.Ordinal);
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private InProcessServer? _server;
    private TestApi? _api;
    private string? _missing;

    /// <summary>The program that tests share; one that stops or changes it starts its own.</summary>
    public InProcessServer Server => _server ?? throw new InvalidOperationException("Ask for a visitor first: it says why there is no browser.");

    /// <summary>Its API, as the administrator.</summary>
    public TestApi Api
    {
        get
        {
            Assert.SkipWhen(_missing is not null, _missing ?? "");
            return _api!;
        }
    }

    /// <summary>Starts browser and program.</summary>
    public async ValueTask InitializeAsync()
    {
        var chromium = Array.Find(s_browsers, File.Exists);
        if (chromium is null)
        {
            _missing = $"There is neither {string.Join(" nor ", s_browsers)}; install the package chromium-headless-shell or chromium.";
            if (string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase)) throw new InvalidOperationException(_missing);
            return;
        }

        // A machine that is busy with others is no fault of the page.
        Assertions.SetDefaultExpectTimeout((float)Until.Patience.TotalMilliseconds);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = chromium, Args = s_arguments });
        _server = await InProcessServer.StartNewAsync();
        _api = new TestApi(_server.Address);
    }

    /// <summary>Opens a browser profile of its own, nobody signed in.</summary>
    /// <param name="settings">How it is set up.</param>
    /// <param name="address">Where the program is; null: the shared one.</param>
    public async Task<Visitor> OpenAsync(BrowserSettings? settings = null, Uri? address = null)
    {
        Assert.SkipWhen(_missing is not null, _missing ?? "");
        return await OpenAsync(settings ?? new BrowserSettings(), address ?? Server.Address, null);
    }

    /// <summary>Opens a browser profile of its own with somebody signed in.</summary>
    /// <param name="settings">How it is set up.</param>
    /// <param name="address">Where the program is; null: the shared one.</param>
    /// <param name="email">Who; the administrator by default.</param>
    /// <param name="password">Their password.</param>
    public async Task<Visitor> SignedInAsync(
        BrowserSettings? settings = null, Uri? address = null, string email = InProcessServer.AdminEmail, string password = InProcessServer.AdminPassword)
    {
        Assert.SkipWhen(_missing is not null, _missing ?? "");
        settings ??= new BrowserSettings();
        address ??= Server.Address;

        // Signing in costs a password hash on purpose: once a person is enough.
        var session = $"{address} {email}";
        if (!_sessions.TryGetValue(session, out var state))
        {
            await using var first = await OpenAsync(new BrowserSettings(), address, null);
            await first.SignInAsync(email, password);
            await first.Context.ClearCookiesAsync(new BrowserContextClearCookiesOptions { Name = "annotator-ui" });
            _sessions[session] = state = await first.Context.StorageStateAsync();
        }

        return await OpenAsync(settings, address, state);
    }

    /// <summary>Ends program and browser.</summary>
    public async ValueTask DisposeAsync()
    {
        _api?.Dispose();
        if (_browser is not null) await _browser.CloseAsync();
        _playwright?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
    }

    private async Task<Visitor> OpenAsync(BrowserSettings settings, Uri address, string? state)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = address.ToString(),
            Locale = settings.Locale,
            ColorScheme = settings.Dark ? ColorScheme.Dark : ColorScheme.Light,
            ViewportSize = new ViewportSize { Width = settings.Width, Height = settings.Height },
            HasTouch = settings.Touch,
            ReducedMotion = ReducedMotion.Reduce,
            StorageState = state,
        });
        context.SetDefaultTimeout((float)Until.Patience.TotalMilliseconds);
        return new Visitor(context, await context.NewPageAsync());
    }
}

/// <summary>A person at a browser of their own.</summary>
public sealed class Visitor : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _troubles = new();

    internal Visitor(IBrowserContext context, IPage page)
    {
        (Context, Page) = (context, page);
        context.WebError += (_, e) => _troubles.Enqueue(e.Error);
        context.Console += (_, m) =>
        {
            // What the network did is what tests are about; what a script says of itself is a fault.
            if (string.Equals(m.Type, "error", StringComparison.Ordinal) && !m.Text.StartsWith("Failed to load resource", StringComparison.Ordinal)) _troubles.Enqueue(m.Text);
        };
    }

    /// <summary>The profile: cookies, storage, being offline.</summary>
    public IBrowserContext Context { get; }

    /// <summary>The first tab.</summary>
    public IPage Page { get; }

    /// <summary>Errors of scripts and what they wrote to the console as an error.</summary>
    public IReadOnlyList<string> Troubles => [.. _troubles];

    /// <summary>Signs in through the page for it.</summary>
    public async Task SignInAsync(string email = InProcessServer.AdminEmail, string password = InProcessServer.AdminPassword)
    {
        await Page.GotoAsync("/account/login");
        await SignInOnAsync(Page, email, password);
        await Page.WaitForURLAsync(url => !url.Contains("/account/login", StringComparison.Ordinal));
    }

    /// <summary>Fills in and sends the form of a sign-in page that is open.</summary>
    public static async Task SignInOnAsync(IPage page, string email = InProcessServer.AdminEmail, string password = InProcessServer.AdminPassword)
    {
        await page.Locator("input[name='Input.Email']").FillAsync(email);
        await page.Locator("input[name='Input.Password']").FillAsync(password);
        await page.Locator("form button[type=submit]").ClickAsync();
    }

    /// <summary>Ends the profile.</summary>
    public async ValueTask DisposeAsync() => await Context.CloseAsync();
}
