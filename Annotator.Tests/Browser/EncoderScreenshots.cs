using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Tests.Models;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Pictures of encoders of texts, for docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class EncoderScreenshots(BrowserFixture browser)
{
    [Fact(Explicit = true)]
    public async Task Pages()
    {
        var folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");
        var encoder = await UploadAsync("Support messages", new { prefix = "query: " });
        await UploadAsync("Support messages", new { pooling = "cls", maxTokens = 128 });
        var project = (string)(await browser.Api.SendAsync(HttpMethod.Post, "/api/v1/projects", new JsonObject
        {
            ["name"] = "Messages to support",
            ["modality"] = "text",
            ["task"] = new JsonObject { ["type"] = "classification", ["labels"] = new JsonArray(new JsonObject { ["name"] = "delivery" }, new JsonObject { ["name"] = "payment" }) },
            ["settings"] = new JsonObject { ["representation"] = new JsonObject { ["encoder"] = encoder } },
        }))!["id"]!;
        foreach (var dark in (bool[])[false, true])
        {
            await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark));
            var page = visitor.Page;
            await PageScenes.OpenAsync(page, "/admin/models");
            if (!dark) await page.Locator(".te-head button").ClickAsync();
            await page.Locator(".te-panel tbody tr").First.WaitForAsync();
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, dark ? "encoders-dark.png" : "encoders.png"), Animations = ScreenshotAnimations.Disabled, FullPage = true });
            await PageScenes.OpenAsync(page, $"/projects/{project}/settings");
            await page.Locator("#representation-encoder").ScrollIntoViewIfNeededAsync();
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, dark ? "settings-encoder-dark.png" : "settings-encoder.png"), Animations = ScreenshotAnimations.Disabled });
        }
    }

    private async Task<string> UploadAsync(string name, object spec)
    {
        var toy = new ToyEncoder(48, ["parcel", "package"], ["card"], ["where"], ["is"], ["the"], ["order"], ["택배가"], ["아직"]);
        using var http = new HttpClient { BaseAddress = browser.Server.Address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", InProcessServer.AdminToken);
        using var form = new MultipartFormDataContent { { new StringContent(name), "name" }, { new StringContent(JsonSerializer.Serialize(spec)), "spec" }, { new ByteArrayContent(toy.Graph()), "model", "model.onnx" }, { new ByteArrayContent(toy.Vocabulary), "tokenizer", "vocab.txt" } };
        using var response = await http.PostAsync("/api/v1/encoders", form, TestContext.Current.CancellationToken);
        var answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, answer);
        return (string)JsonNode.Parse(answer)!["id"]!;
    }
}
