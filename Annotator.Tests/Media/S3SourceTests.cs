using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Tests.Support;
using Microsoft.Extensions.Options;

namespace Annotator.Tests.Media;

/// <summary>Tables of addresses in an object store.</summary>
public class S3SourceTests
{
    private const string Odd = "photos/2024/ä b+c%20 (1).png";

    [Fact]
    public async Task Objects_of_allowed_buckets_are_fetched_and_every_other_line_says_why_not()
    {
        await using var store = await S3Server.StartAsync();
        store.Objects["pictures/a.png"] = Pictures.Plain(30, 20);
        store.Objects[$"pictures/{Odd}"] = Pictures.Plain(31, 20);
        store.Objects["pictures/page.png"] = Encoding.UTF8.GetBytes("<html>" + S3Server.Inside);
        store.Objects["pictures/huge.png"] = Pictures.Plain(32, 20);
        store.Objects["pictures/damaged.png"] = Pictures.Plain(34, 20);
        store.Objects["private/b.png"] = Pictures.Plain(33, 20);
        await using var host = await AppHost.StartAsync(new AppHostOptions
        {
            Settings = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Annotator:Media:S3:Endpoint"] = store.Address,
                ["Annotator:Media:S3:Region"] = "eu-test-1",
                ["Annotator:Media:S3:Buckets:0"] = "pictures",
                ["Annotator:Media:S3:AccessKey"] = S3Server.AccessKey,
                ["Annotator:Media:S3:SecretKey"] = "not-so-secret",
            },
        });
        var project = (await host.Admin.PostAsync("/api/v1/projects", new { name = "Store", modality = "image", task = new { type = "classification", labels = new[] { new { name = "a" }, new { name = "b" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        (string Address, string? Reason)[] lines =
        [
            ("s3://pictures/a.png", null),
            ($"s3://pictures/{Odd}", null),
            ("s3://pictures/none.png", "no such object"),
            ("s3://pictures/page.png", "Not an image"),
            ("s3://pictures/huge.png", "larger than 100 MB"),
            ("s3://pictures/damaged.png", "checksum"),
            ("s3://pictures/away.png", "no object store"),
            ("s3://private/b.png", "\"private\" is none that the settings allow"),
            ("s3://pictures/../private/b.png", "parts \".\" or \"..\""),
            ("s3://pictures", "names no object"),
            ("s3://Not_A_Bucket/a.png", "names no bucket"),
        ];
        var table = string.Concat(lines.Select((l, i) => new JsonObject { ["id"] = $"{i + 1}", ["url"] = l.Address, ["class"] = "a" }.ToJsonString() + "\n"));
        using var body = new ByteArrayContent(Encoding.UTF8.GetBytes(table));
        var run = (await host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=jsonl&key=id&label=class", body)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        var ended = await host.Admin.WaitRunAsync(run);
        Assert.True(ended["state"]!.GetValue<string>() is "succeeded", ended.ToJsonString());
        Assert.Equal((2, lines.Length - 2), (ended["result"]!["labelled"]!.GetValue<int>(), ended["rejected"]!.GetValue<int>()));

        // Line by line, and nothing of what the store said beside.
        var rejections = (await host.Admin.GetAsync($"/api/v1/runs/{run}/rejections?limit=100")).Expect(HttpStatusCode.OK);
        Assert.DoesNotContain(S3Server.Inside, rejections.ToJsonString(), StringComparison.Ordinal);
        var reasons = rejections["items"]!.AsArray().ToDictionary(r => r!["line"]!.GetValue<int>(), r => r!["reason"]!.GetValue<string>());
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Reason is { } reason) Assert.Contains(reason, reasons[i + 1], StringComparison.Ordinal);
            else Assert.False(reasons.ContainsKey(i + 1));
        }

        // Kept here, as any upload; what was not allowed was not even asked for.
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=10")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(2, items.Count);
        foreach (var item in items)
        {
            using var picture = await host.Admin.Http.GetAsync(item!["url"]!.GetValue<string>(), TestContext.Current.CancellationToken);
            Assert.Equal("image/png", picture.Content.Headers.ContentType!.MediaType);
        }

        Assert.Contains($"pictures/{Odd}", store.Asked);
        Assert.DoesNotContain(store.Asked, a => a.Contains("private", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_store_that_is_no_store_of_the_settings_is_not_reached()
    {
        using var source = new S3Source(Options.Create(new MediaOptions { S3 = new S3Options { Buckets = ["pictures"], Endpoint = "http://169.254.169.254" } }));
        var (value, problem) = await source.ReadAsync("s3://pictures/latest/meta-data", 1_000, (_, _) => Task.FromResult("read"), TestContext.Current.CancellationToken);
        Assert.Null(value);
        Assert.Contains("may be reached", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Buckets")]
    [InlineData("Endpoint")]
    [InlineData("SecretKey")]
    [InlineData("Seconds")]
    public void Wrong_settings_are_named(string wrong)
    {
        var options = wrong switch
        {
            "Buckets" => new S3Options { Buckets = ["Upper_Case"] },
            "Endpoint" => new S3Options { Endpoint = "minio:9000" },
            "SecretKey" => new S3Options { AccessKey = "key" },
            _ => new S3Options { Seconds = 0 },
        };
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        Assert.Equal([wrong], results.SelectMany(r => r.MemberNames));
        var right = new S3Options { Buckets = ["my.bucket-1"], Endpoint = "https://minio:9000", AccessKey = "a", SecretKey = "b" };
        Assert.True(Validator.TryValidateObject(right, new ValidationContext(right), [], validateAllProperties: true));
    }
}
