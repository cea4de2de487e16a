using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Tests.Support;

namespace Annotator.Tests.Labels;

/// <summary>What two people drew is the same answer where it overlaps, not where it is the same to the pixel.</summary>
[Collection(ApiCollection.Name)]
public class LabelLikenessTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Theory]
    [InlineData("""{"choice":"a"}""", """{"choice":"b"}""", 0)]
    [InlineData("""{"choice":"a"}""", """{"choice":"a"}""", 1)]
    [InlineData("""{"boxes":[]}""", """{"boxes":[]}""", 1)]
    [InlineData("""{"boxes":[{"label":"a","x":0,"y":0,"width":10,"height":10}]}""", """{"boxes":[{"label":"a","x":1,"y":1,"width":10,"height":10}]}""", 1)]
    [InlineData("""{"boxes":[{"label":"a","x":0,"y":0,"width":10,"height":10}]}""", """{"boxes":[{"label":"b","x":0,"y":0,"width":10,"height":10}]}""", 0)]
    [InlineData("""{"boxes":[{"label":"a","x":0,"y":0,"width":10,"height":10},{"label":"a","x":50,"y":0,"width":10,"height":10}]}""", """{"boxes":[{"label":"a","x":0,"y":0,"width":10,"height":10}]}""", 2 / 3.0)]
    [InlineData("""{"spans":[{"start":0,"end":5,"label":"PER"},{"start":7,"end":9,"label":"LOC"}]}""", """{"spans":[{"start":0,"end":5,"label":"PER"},{"start":7,"end":9,"label":"ORG"}]}""", 0.5)]
    [InlineData("""{"segments":[{"label":"a","start":1,"end":3}]}""", """{"segments":[{"label":"a","start":1.2,"end":3.1}]}""", 1)]
    [InlineData("""{"segments":[{"label":"a","start":1,"end":3}]}""", """{"segments":[{"label":"a","start":2.9,"end":5}]}""", 0)]
    [InlineData("""{"tracks":[{"id":"t1","label":"a","keyframes":[{"frame":0,"x":0,"y":0,"width":10,"height":10,"outside":false},{"frame":10,"x":20,"y":0,"width":10,"height":10,"outside":false}]}]}""",
        """{"tracks":[{"id":"other","label":"a","keyframes":[{"frame":0,"x":0,"y":1,"width":10,"height":10,"outside":false},{"frame":5,"x":10,"y":1,"width":10,"height":10,"outside":false},{"frame":10,"x":20,"y":1,"width":10,"height":10,"outside":false}]}]}""", 1)]
    public void Likeness_is_what_it_should_be_either_way_round(string first, string second, double likeness)
    {
        Assert.Equal(likeness, LabelLikeness.Of(first, second), 9);
        Assert.Equal(likeness, LabelLikeness.Of(second, first), 9);
        Assert.Equal(likeness >= 1, LabelLikeness.Same(first, second));
    }

    [Fact]
    public void Alpha_of_drawn_labels_is_1_where_all_agree_and_about_0_where_nobody_looks()
    {
        string Box(int x) => LabelJson.Write(new BoxesValue([new Box("a", x, 0, 10, 10)]));
        var alike = DrawnAgreement.Of([.. Enumerable.Range(0, 30).Select(i => (IReadOnlyList<string>)[Box(i * 20), Box((i * 20) + 1)])]);
        Assert.Equal((1.0, 1.0), (alike.KrippendorffAlpha, alike.Percent));
        var random = new Random(4);
        var blind = DrawnAgreement.Of([.. Enumerable.Range(0, 400).Select(_ => (IReadOnlyList<string>)[Box(random.Next(4) * 20), Box(random.Next(4) * 20)])]);
        Assert.InRange(blind.KrippendorffAlpha!.Value, -0.12, 0.12);
        Assert.InRange(blind.Percent!.Value, 0.15, 0.35);
    }

    [Fact]
    public async Task Two_who_draw_the_same_box_a_pixel_apart_are_of_one_mind()
    {
        var project = (await _host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Pairs", modality = "image", task = new { type = "boxes", labels = new[] { new { name = "a" } } }, settings = new { overlap = 2, auditShare = 0, llm = new { enabled = false } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items = new[] { new { key = "one", url = "https://example.org/1.png" } } })).Expect(HttpStatusCode.OK);
        var (first, second) = (await _host.AddPersonAsync(Role.Annotator, project), await _host.AddPersonAsync(Role.Annotator, project));
        foreach (var (person, x) in ((Person, int)[])[(first, 10), (second, 11)])
        {
            var item = (await person.Api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 1 })).Expect(HttpStatusCode.OK)["items"]![0]!;
            var value = JsonNode.Parse($$"""{"boxes":[{"label":"a","x":{{x}},"y":5,"width":40,"height":40}]}""");
            (await person.Api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { new { itemId = item["itemId"], lease = item["lease"], action = "correct", value } } })).Expect(HttpStatusCode.OK);
        }

        var items = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal("final", items[0]!["state"]!.GetValue<string>());
        Assert.Equal(10, items[0]!["label"]!["boxes"]![0]!["x"]!.GetValue<double>());
        var agreement = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["agreement"]!;
        Assert.Equal(1, agreement["percent"]!.GetValue<double>());
    }
}
