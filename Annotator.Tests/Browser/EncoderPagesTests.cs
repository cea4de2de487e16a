using System.Text.Json.Nodes;
using Annotator.Tests.Models;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Encoders of texts on the page of models and in a project's settings.</summary>
[Collection(BrowserCollection.Name)]
public class EncoderPagesTests(BrowserFixture browser)
{
    private static readonly ToyEncoder s_toy = new(8, ["parcel", "package"], ["card"], ["where"]);

    [Fact]
    public async Task An_encoder_is_refused_with_a_reason_then_taken_and_chosen()
    {
        const string name = "Meanings of messages";
        await using var visitor = await browser.SignedInAsync(new BrowserSettings("ko-KR", Dark: true));
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, "/admin/models");
        await page.Locator(".te-head button").ClickAsync();
        await page.SetInputFilesAsync("#te-model", MediaPagesTests.File("model.onnx", s_toy.Graph()));
        await page.SetInputFilesAsync("#te-tokenizer", MediaPagesTests.File("vocab.txt", "word\n"u8.ToArray()));
        await page.FillAsync("#te-name", name);
        await page.Locator(".te-add .an-button-primary").ClickAsync();
        await Assertions.Expect(page.Locator(".te-add .an-notice-danger")).ToContainTextAsync("[UNK]");
        Assert.Empty(await page.BarriersAsync());
        await page.SetInputFilesAsync("#te-tokenizer", MediaPagesTests.File("vocab.txt", s_toy.Vocabulary));
        await page.Locator(".te-add .an-button-primary").ClickAsync();
        var row = page.Locator(".te-panel tbody tr", new PageLocatorOptions { HasText = name });
        await Assertions.Expect(row).ToContainTextAsync("WordPiece");
        Assert.Empty(await page.BarriersAsync());

        var project = (string)(await browser.Api.SendAsync(HttpMethod.Post, "/api/v1/projects", new JsonObject
        {
            ["name"] = "Messages", ["modality"] = "text", ["task"] = new JsonObject { ["type"] = "classification", ["labels"] = new JsonArray(new JsonObject { ["name"] = "a" }, new JsonObject { ["name"] = "b" }) },
        }))!["id"]!;
        await PageScenes.OpenAsync(page, $"/projects/{project}/settings");
        await page.Locator("#representation-encoder").SelectOptionAsync(new SelectOptionValue { Label = await page.Locator("#representation-encoder option", new PageLocatorOptions { HasText = name }).InnerTextAsync() });
        Assert.Empty(await page.BarriersAsync());
        await page.Locator(".an-form-foot .an-button-primary").ClickAsync();
        await Until.TrueAsync(async () => (await browser.Api.GetAsync($"/api/v1/projects/{project}"))!["settings"]!["representation"]!["encoder"] is not null, "the encoder is chosen");
        Assert.Empty(visitor.Troubles);
    }
}
