using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>
/// Pictures of pages. They go to docs/screenshots, light and dark. With SHOTS set to a folder they go there, and with them how each page looks on
/// a tablet, on a telephone and in Korean: those are looked at, not shown.
/// </summary>
internal static class Shots
{
    private static readonly string? s_elsewhere = Environment.GetEnvironmentVariable("SHOTS");

    /// <summary>Where pictures go.</summary>
    public static string Folder { get; } = Directory.CreateDirectory(s_elsewhere ?? Path.Combine(Repository.Root, "docs", "screenshots")).FullName;

    /// <summary>Whether more than the documents show is asked for.</summary>
    public static bool Everything => s_elsewhere is not null;

    /// <summary>How pages are looked at: what a picture's name ends with, and the browser.</summary>
    /// <param name="width">Width of the window.</param>
    /// <param name="height">Its height.</param>
    public static IReadOnlyList<(string Suffix, BrowserSettings Settings)> Variants(int width = 1280, int height = 720) =>
    [
        ("", new BrowserSettings(Width: width, Height: height)),
        ("-dark", new BrowserSettings(Dark: true, Width: width, Height: height)),
        .. Everything
            ? ((string, BrowserSettings)[])[("-tablet", new BrowserSettings(Width: 820, Height: 1180, Touch: true)), ("-narrow", new BrowserSettings(Width: 390, Height: 844, Touch: true)), ("-korean", new BrowserSettings("ko-KR", Width: width, Height: height))]
            : [],
    ];

    /// <summary>Takes one, once fonts are there and nothing moves.</summary>
    /// <param name="page">The page.</param>
    /// <param name="name">Name of the file, without its ending.</param>
    /// <param name="full">Whether all of the page is wanted, not what fits the window.</param>
    public static async Task TakeAsync(IPage page, string name, bool full = false)
    {
        await page.EvaluateAsync("() => document.fonts.ready");
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder, $"{name}.png"), Animations = ScreenshotAnimations.Disabled, FullPage = full });
    }
}
