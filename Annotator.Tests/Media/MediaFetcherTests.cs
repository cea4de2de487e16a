using System.Net;
using System.Text;
using Annotator.Core.Media;
using Annotator.Tests.Support;
using Microsoft.Extensions.Options;

namespace Annotator.Tests.Media;

/// <summary>Addresses of images in tables.</summary>
[Collection(ApiCollection.Name)]
public class MediaFetcherTests(SharedHost shared)
{
    [Theory]
    [InlineData("https://images.example.org/a.png", true)]
    [InlineData("https://a.b.example.net/a.png", true)]
    [InlineData("https://example.net/a.png", false)]
    [InlineData("https://evilexample.net/a.png", false)]
    [InlineData("https://images.example.org.evil.test/a.png", false)]
    [InlineData("https://images.example.org@evil.test/a.png", false)]
    [InlineData("ftp://images.example.org/a.png", false)]
    [InlineData("http://127.0.0.1/a.png", false)]
    public void Only_allowed_hosts_are_fetched(string address, bool fetched)
    {
        using var fetcher = new MediaFetcher(null!, null!, Options.Create(new MediaOptions { FetchedHosts = ["images.example.org", "*.example.net"] }));
        Assert.Equal(fetched, fetcher.Fetches(address));
    }

    [Fact]
    public async Task An_allowed_name_that_leads_inside_is_not_reached()
    {
        using var fetcher = new MediaFetcher(null!, null!, Options.Create(new MediaOptions { FetchedHosts = ["localhost", "169.254.169.254"] }));
        foreach (var address in (string[])["http://localhost:1/a.png", "http://169.254.169.254/latest/meta-data"])
        {
            var kept = await fetcher.FetchAsync(null!, address, TestContext.Current.CancellationToken);
            Assert.Contains("may be reached", kept.Refused, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_table_of_addresses_makes_items_that_stay_where_they_are()
    {
        var host = shared.Host;
        var project = (await host.Admin.PostAsync("/api/v1/projects", new { name = "Addresses", modality = "image", task = new { type = "classification", labels = new[] { new { name = "a" }, new { name = "b" } } } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var body = new ByteArrayContent(Encoding.UTF8.GetBytes("id,url,class\n1,https://example.org/1.jpg,a\n2,http://example.org/2.jpg,b\n3,javascript:alert(1),a\n4,s3://bucket/4.jpg,b\n"));
        var run = (await host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=csv&key=id&label=class", body)).Expect(HttpStatusCode.Accepted);
        var ended = await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());

        // No browser shows what lies in an object store: a bucket that may not be fetched from is an error.
        Assert.Equal((2, 2), (ended["result"]!["labelled"]!.GetValue<int>(), ended["rejected"]!.GetValue<int>()));
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=10")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(["https://example.org/1.jpg", "http://example.org/2.jpg"], items.Select(i => i!["url"]!.GetValue<string>()));
    }
}
