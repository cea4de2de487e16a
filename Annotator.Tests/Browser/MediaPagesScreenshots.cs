using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Detection;
using Annotator.Core.Storage;
using Annotator.Tests.Media;
using Annotator.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Pictures of the pages for images and models, for docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class MediaPagesScreenshots(BrowserFixture browser)
{
    [Fact(Explicit = true)]
    public async Task Pages()
    {
        var project = await MediaPagesTests.ProjectAsync(browser);
        await browser.Api.SendAsync(HttpMethod.Patch, $"/api/v1/projects/{project}", new JsonObject { ["name"] = "Shapes" });
        var taught = await TaughtAsync();
        foreach (var (suffix, settings) in Shots.Variants())
        {
            await using var visitor = await browser.SignedInAsync(settings);
            var page = visitor.Page;
            await PageScenes.OpenAsync(page, $"/projects/{project}/upload");
            await page.Locator(".mu-drop").WaitForAsync();
            await page.SetInputFilesAsync(".mu-drop input[type=file] >> nth=0", [MediaPagesTests.File("one.png", Pictures.Shape(0, 1)), MediaPagesTests.File("two.png", Pictures.Shape(1, 2)), MediaPagesTests.File("page.png", "<html>"u8.ToArray())]);
            await Assertions.Expect(page.Locator(".mu-refused")).ToContainTextAsync("page.png");
            await Shots.TakeAsync(page, "upload-images" + suffix, full: true);
            await PageScenes.OpenAsync(page, "/admin/models");
            await page.Locator(".an-page-head button").ClickAsync();
            await page.Locator("#md-labels").WaitForAsync();
            await Shots.TakeAsync(page, "models" + suffix, full: true);
            await PageScenes.OpenAsync(page, $"/projects/{taught}/settings");
            await page.Locator("#vision-model").ScrollIntoViewIfNeededAsync();
            await Shots.TakeAsync(page, "settings-model" + suffix);
            await PageScenes.OpenAsync(page, $"/projects/{project}/export?format=coco");
            await Shots.TakeAsync(page, "export-images" + suffix, full: true);
        }
    }

    // A project of boxes whose people have taught its detector something.
    private async Task<string> TaughtAsync()
    {
        var model = await MediaPagesTests.DetectorAsync(browser);
        var project = await MediaPagesTests.ProjectAsync(browser, "image", "boxes");
        await browser.Api.SendAsync(HttpMethod.Patch, $"/api/v1/projects/{project}", new JsonObject { ["name"] = "Parts on a belt", ["settings"] = new JsonObject { ["vision"] = new JsonObject { ["model"] = model } } });
        IReadOnlyList<TunedLabel> labels = [new("disc", 0.52, 318, 0.93, 0.88, 0.71, 0.904), new("square", 0.24, 142, 0.84, 0.79, 0.66, 0.814), new("cross", 0.3, 57, 0.91, 0.74, 0.816, 0.816)];
        await browser.Server.Services.GetRequiredService<AnnotatorDatabase>().WriteAsync(async scope =>
        {
            scope.Db.DetectorTunings.Add(new DetectorTuning
            {
                ProjectId = long.Parse(project, CultureInfo.InvariantCulture), ModelId = long.Parse(model, CultureInfo.InvariantCulture), Images = 214, Decided = 214,
                Labels = JsonSerializer.Serialize(labels, ProjectJson.Options), UpdatedAt = scope.Now,
            });
            await scope.Db.SaveChangesAsync();
        });
        return project;
    }
}
