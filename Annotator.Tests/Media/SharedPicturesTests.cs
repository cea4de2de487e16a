using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Core.Learning.Duplicates;
using Annotator.Core.Media;
using Annotator.Tests.Learning;
using Annotator.Tests.Support;
using NetVips;

namespace Annotator.Tests.Media;

/// <summary>Photographs of the public sets that lie beside the repository.</summary>
[Collection(ApiCollection.Name)]
public class SharedPicturesTests(SharedHost shared)
{
    [Theory]
    [InlineData("bccd")]
    [InlineData("coco128")]
    public async Task Sets_come_in_from_their_files(string set)
    {
        var folder = SharedData.Locate(set);
        if (!Directory.Exists(folder)) Programs.Missing($"{set} is not here");
        var coco = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "boxes.json"), TestContext.Current.CancellationToken))!;
        var first = coco["images"]!.AsArray().Take(10).ToList();
        var files = first.Select(i => i!["file_name"]!.GetValue<string>()).Select(f => (f, File.ReadAllBytes(Path.Combine(folder, f)))).Append(("boxes.json", await File.ReadAllBytesAsync(Path.Combine(folder, "boxes.json"), TestContext.Current.CancellationToken)));
        var project = (await shared.Host.Admin.PostAsync("/api/v1/projects", new { name = set, modality = "image", task = new { type = "boxes", labels = Array.Empty<object>() } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var body = new ByteArrayContent(Pictures.Zip(files));
        var run = await shared.Host.Admin.WaitRunAsync((await shared.Host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=coco&name={set}.zip", body)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>());
        Assert.Equal("succeeded", run["state"]!.GetValue<string>());
        Assert.Equal(10, run["result"]!["labelled"]!.GetValue<int>());

        // What is said of images that were not sent is refused, and nothing else.
        Assert.Equal(coco["images"]!.AsArray().Count - 10, run["rejected"]!.GetValue<int>());
        var exported = await shared.Host.Admin.Http.GetStringAsync($"/api/v1/projects/{project}/export?format=jsonl", TestContext.Current.CancellationToken);
        var ids = first.Select(i => i!["id"]!.GetValue<long>()).ToHashSet();
        var boxes = exported.Split('\n', StringSplitOptions.RemoveEmptyEntries).Sum(l => JsonNode.Parse(l)!["label"]!["boxes"]!.AsArray().Count);
        Assert.Equal(coco["annotations"]!.AsArray().Count(a => ids.Contains(a!["image_id"]!.GetValue<long>())), boxes);
    }

    [Fact]
    public async Task Labels_come_later_by_the_names_of_files()
    {
        var project = (await shared.Host.Admin.PostAsync("/api/v1/projects", new { name = "Later", modality = "image", task = new { type = "classification", labels = new[] { new { name = "7" }, new { name = "2" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var form = Pictures.Form(("x1.png", Pictures.Shape(0, 1)), ("x2.png", Pictures.Shape(1, 2)));
        (await shared.Host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
        using var table = new ByteArrayContent(Encoding.UTF8.GetBytes("id,file,label\na,x1.png,7\nb,x2.png,2\nc,x3.png,2\n"));
        var run = await shared.Host.Admin.WaitRunAsync((await shared.Host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=csv&key=file&label=label", table)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>());
        Assert.Equal((2, 1), (run["result"]!["labelled"]!.GetValue<int>(), run["rejected"]!.GetValue<int>()));
        var items = (await shared.Host.Admin.GetAsync($"/api/v1/projects/{project}/items?state=final&limit=10")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(["7", "2"], items.Select(i => i!["label"]!["choice"]!.GetValue<string>()));
    }

    [Fact]
    public void Planted_variants_of_photographs_are_found_and_others_are_not()
    {
        var folder = Path.Combine(SharedData.Locate("coco128"), "images");
        if (!Directory.Exists(folder)) Programs.Missing("coco128 is not here");
        var photographs = Directory.GetFiles(folder).Order(StringComparer.Ordinal).Take(24).ToList();
        var (hashes, ofPhotograph) = (new List<PerceptualHash>(), new List<int>());
        for (var i = 0; i < photographs.Count; i++)
        {
            var file = File.ReadAllBytes(photographs[i]);
            using var image = Image.NewFromBuffer(file);
            using var small = image.Resize(0.6);
            using var bright = image.Linear([1.1], [8]).Cast(Enums.BandFormat.Uchar);
            int x = image.Width * 4 / 100, y = image.Height * 4 / 100;
            using var cropped = image.Crop(x, y, image.Width - (2 * x), image.Height - (2 * y));
            foreach (var variant in (byte[][])[file, small.JpegsaveBuffer(q: 80), image.JpegsaveBuffer(q: 35), image.WebpsaveBuffer(q: 50), bright.PngsaveBuffer(), cropped.JpegsaveBuffer(q: 85)])
            {
                hashes.Add(ImageFiles.HashOf(ImageFiles.Thumbnail(variant, 320)));
                ofPhotograph.Add(i);
            }
        }

        var index = new ImageDuplicateIndex();
        for (var k = 0; k < hashes.Count; k++) index.Add(k, hashes[k]);
        int right = 0, wrong = 0, missed = 0;
        for (var a = 0; a < hashes.Count; a++)
        {
            for (var b = a + 1; b < hashes.Count; b++)
            {
                var (same, found) = (ofPhotograph[a] == ofPhotograph[b], index.GroupOf(a) == index.GroupOf(b));
                if (same && found) right++;
                else if (found) wrong++;
                else if (same) missed++;
            }
        }

        var (precision, recall) = ((double)right / (right + wrong), (double)right / (right + missed));
        Assert.True(precision >= 0.99 && recall >= 0.95, $"precision {precision:F3}, recall {recall:F3}");
    }
}
