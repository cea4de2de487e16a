using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Bringing data in through the upload page.</summary>
[Collection(PagesCollection.Name)]
public class UploadTests(BrowserFixture browser)
{
    [Fact]
    public async Task Csv_IsShownSentAndFollowedToItsFinalCounts()
    {
        var project = await browser.Api.CreateProjectAsync("Upload", PageScenes.Labels);
        await using var visitor = await browser.SignedInAsync();
        var page = await OpenAsync(visitor, project);
        var rows = PageScenes.Messages.Select((m, i) => $"{i};{Quoted(m.Text)};{m.Intent}").ToList();
        rows.Insert(10, "x;\"never closed");
        await page.SetInputFilesAsync("input[type=file]", Csv("messages.csv", ["id;message;intent", .. rows.Take(10), .. rows.Skip(11), "z;;refund_request"]));

        // Delimiter and columns are found out; the preview shows what they mean.
        var card = page.Locator("article[aria-label='messages.csv']");
        await Assertions.Expect(card.Locator(".up-file-name")).ToContainTextAsync("semicolon");
        await Assertions.Expect(card.Locator("select[data-meaning=text]")).ToHaveValueAsync("message");
        await Assertions.Expect(card.Locator("select[data-meaning=label]")).ToHaveValueAsync("intent");
        await Assertions.Expect(card.Locator("tbody tr")).ToHaveCountAsync(8);
        await card.Locator("select[data-meaning=label]").SelectOptionAsync("");
        await card.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Import" }).ClickAsync();

        var done = page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "messages.csv" });
        await Assertions.Expect(done).ToContainTextAsync(string.Create(CultureInfo.InvariantCulture, $"{PageScenes.Messages.Count} new items"));
        await done.GetByRole(AriaRole.Button).ClickAsync();
        await Assertions.Expect(page.Locator(".an-rejections")).ToContainTextAsync("message");
        await Until.HoldsAsync(async () => (int)(await browser.Api.GetAsync($"/api/v1/projects/{project}/metrics"))!["items"]!["total"]!, n => n == PageScenes.Messages.Count, "all items are in");
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task SeveralFiles_ShareTheirColumnsAndGoInOneAfterTheOther()
    {
        var project = await browser.Api.CreateProjectAsync("Several", ["a", "b"]);
        await using var visitor = await browser.SignedInAsync();
        var page = await OpenAsync(visitor, project);
        await page.SetInputFilesAsync("input[type=file]", Csv("one.csv", ["first,second", "short,the longer of the two texts", "brief,another longer text of the file"]));
        await page.Locator("article[aria-label='one.csv'] select[data-meaning=text]").SelectOptionAsync("first");
        await page.SetInputFilesAsync("input[type=file]", Csv("two.csv", ["first,second", "tiny,once more a long text in here"]));
        await Assertions.Expect(page.Locator("article[aria-label='two.csv'] select[data-meaning=text]")).ToHaveValueAsync("first");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Import 2 files" }).ClickAsync();
        await Until.HoldsAsync(
            async () => (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?limit=10"))!["items"]!.AsArray().Select(i => (string)i!["text"]!).Order(StringComparer.Ordinal).ToList(),
            texts => texts.SequenceEqual(["brief", "short", "tiny"], StringComparer.Ordinal),
            "both files are in");
    }

    [Fact]
    public async Task WhatCannotBeImported_IsSaidBeforeAnythingIsSent()
    {
        var project = await browser.Api.CreateProjectAsync("Refused", ["a", "b"]);
        await using var visitor = await browser.SignedInAsync();
        var page = await OpenAsync(visitor, project);
        await page.SetInputFilesAsync("input[type=file]",
        [
            new FilePayload { Name = "book.xlsx", MimeType = "application/zip", Buffer = [0x50, 0x4b, 3, 4, 0, 0, 0, 0] },
            new FilePayload { Name = "nothing.csv", MimeType = "text/csv", Buffer = [] },
            Csv("labels.csv", ["text,label", "one text,a", "another text,c"]),
        ]);
        await Assertions.Expect(page.Locator("article[aria-label='book.xlsx']")).ToContainTextAsync("Excel");
        await Assertions.Expect(page.Locator("article[aria-label='nothing.csv']")).ToContainTextAsync("empty");
        var card = page.Locator("article[aria-label='labels.csv']");
        await card.Locator("select[data-meaning=label]").SelectOptionAsync("label");
        await Assertions.Expect(card.Locator(".an-notice-warn")).ToContainTextAsync("“c”");

        // Without a text column nothing can be sent, and it says so.
        await card.Locator("select[data-meaning=text]").SelectOptionAsync("");
        await Assertions.Expect(card.Locator(".an-error-text")).ToBeVisibleAsync();
        await Assertions.Expect(card.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Import" })).ToBeDisabledAsync();
        Assert.Equal(0, (int)(await browser.Api.GetAsync($"/api/v1/projects/{project}/metrics"))!["items"]!["total"]!);
    }

    [Fact]
    public async Task PastedTexts_BecomeItems()
    {
        var project = await browser.Api.CreateProjectAsync("Pasted", ["a", "b"]);
        await using var visitor = await browser.SignedInAsync();
        var page = await OpenAsync(visitor, project);
        await page.Locator(".up-paste summary").ClickAsync();
        await page.Locator("#up-paste").FillAsync("first text, with \"quotes\"\n\n  둘째 글  \nthird");
        await page.Locator(".up-paste button").ClickAsync();
        await page.Locator("article.up-file").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Import" }).ClickAsync();
        await Until.HoldsAsync(
            async () => (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?limit=10"))!["items"]!.AsArray().Select(i => (string)i!["text"]!).ToHashSet(StringComparer.Ordinal),
            texts => texts.SetEquals(["first text, with \"quotes\"", "둘째 글", "third"]),
            "the pasted texts are in");
    }

    [Fact]
    public async Task DroppedConnection_IsSaidAndTriedAgain()
    {
        var project = await browser.Api.CreateProjectAsync("Dropped", ["a", "b"]);
        await using var visitor = await browser.SignedInAsync();
        var page = await OpenAsync(visitor, project);
        await page.SetInputFilesAsync("input[type=file]", Csv("again.csv", ["text", "some text to be labelled", "some other text"]));
        var card = page.Locator("article[aria-label='again.csv']");
        await Assertions.Expect(card.Locator("select[data-meaning=text]")).ToHaveValueAsync("text");
        await page.RouteAsync("**/imports?*", route => route.AbortAsync("connectionreset"));
        await card.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Import" }).ClickAsync();
        await Assertions.Expect(card.GetByRole(AriaRole.Alert)).ToContainTextAsync("connection");
        await page.UnrouteAsync("**/imports?*");
        await card.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Try again" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "again.csv" })).ToContainTextAsync("2 new items");
    }

    private static async Task<IPage> OpenAsync(Visitor visitor, string project)
    {
        await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/upload");
        await visitor.Page.Locator(".up-drop").WaitForAsync();
        return visitor.Page;
    }

    private static FilePayload Csv(string name, IEnumerable<string> lines) => new() { Name = name, MimeType = "text/csv", Buffer = Encoding.UTF8.GetBytes(string.Join('\n', lines)) };

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
