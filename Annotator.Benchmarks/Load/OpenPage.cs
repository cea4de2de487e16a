using System.Text.Json;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Benchmarks.Load;

/// <summary>A person's open review page in Chromium that notes when each new pre-label stands on it.</summary>
internal sealed class OpenPage : IAsyncDisposable
{
    private const string Chromium = "/usr/bin/chromium";

    private readonly Dictionary<string, DateTimeOffset> _sent = new(StringComparer.Ordinal);
    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;
    private readonly IPage _page;

    private OpenPage(IPlaywright playwright, IBrowser browser, IPage page) => (_playwright, _browser, _page) = (playwright, browser, page);

    /// <summary>Signs in and opens the page; null where there is no Chromium.</summary>
    public static async Task<OpenPage?> OpenAsync(Uri address, string project)
    {
        if (!File.Exists(Chromium))
        {
            await Console.Error.WriteLineAsync($"There is no {Chromium}: the open page is not measured.");
            return null;
        }

        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
        var page = await browser.NewPageAsync(new BrowserNewPageOptions { BaseURL = address.ToString(), Locale = "en-US" });
        await page.GotoAsync("/account/login");
        await page.Locator("input[name='Input.Email']").FillAsync(ProcessHost.Email);
        await page.Locator("input[name='Input.Password']").FillAsync(ProcessHost.Password);
        await page.Locator("form button[type=submit]").ClickAsync();
        await page.WaitForURLAsync(url => !url.Contains("/account/login", StringComparison.Ordinal));
        await page.GotoAsync($"/projects/{project}/review");
        await page.Locator(".rv[data-ready=true]").WaitForAsync();

        // Browser and program share a clock; a frame after the change the person sees it.
        await page.EvaluateAsync(
            """
            () => {
              window.seen = {};
              const look = () => {
                for (const row of document.querySelectorAll(".rv-live-text")) {
                  const key = row.textContent.trim().split(" ")[0];
                  if (!(key in window.seen)) { window.seen[key] = 0; requestAnimationFrame(() => { window.seen[key] = performance.timeOrigin + performance.now(); }); }
                }
              };
              new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
            }
            """);
        return new OpenPage(playwright, browser, page);
    }

    /// <summary>Says that an item whose text begins with this word is sent now.</summary>
    public void Sent(string word) => Sent(word, TimeProvider.System.GetUtcNow());

    /// <summary>Says that an item whose text begins with this word was sent then.</summary>
    public void Sent(string word, DateTimeOffset at) => _sent[word] = at;

    /// <summary>Waits for the last one, and says how long they took.</summary>
    public async Task<Latencies> SeenAsync()
    {
        var last = _sent.Keys.Last();
        await _page.WaitForFunctionAsync("key => window.seen[key] > 0", last, new PageWaitForFunctionOptions { Timeout = 30_000 });
        var seen = JsonSerializer.Deserialize<Dictionary<string, double>>(await _page.EvaluateAsync<string>("() => JSON.stringify(window.seen)"))!;
        var latencies = new Latencies();
        foreach (var (key, at) in _sent)
        {
            if (seen.TryGetValue(key, out var shown)) latencies.Add(TimeSpan.FromMilliseconds(shown - (at - DateTimeOffset.UnixEpoch).TotalMilliseconds));
        }

        return latencies;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
    }
}
