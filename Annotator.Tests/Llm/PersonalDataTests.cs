using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Llm;
using Annotator.Tests.Support;
using CsCheck;

namespace Annotator.Tests.Llm;

public class PersonalDataTests
{
    [Theory]
    [InlineData("Write to jane.doe+x@mail.example.co.uk please", "Write to [EMAIL] please")]
    [InlineData("메일은 홍길동@예시.한국 입니다", "메일은 [EMAIL] 입니다")]
    [InlineData("card 4111 1111 1111 1111, thanks", "card [CARD], thanks")]
    [InlineData("card 5500-0000-0000-0004.", "card [CARD].")]
    [InlineData("card 4111 1111 1111 1112 is no card", "card 4111 1111 1111 1112 is no card")]
    [InlineData("IBAN DE89 3704 0044 0532 0130 00 ok", "IBAN [IBAN] ok")]
    [InlineData("GB82WEST12345698765432", "[IBAN]")]
    [InlineData("주민번호 900101-1234567 입니다", "주민번호 [RRN] 입니다")]
    [InlineData("901301-1234567 has no such month", "901301-1234567 has no such month")]
    [InlineData("call +82 10-1234-5678 now", "call [PHONE] now")]
    [InlineData("010-1234-5678", "[PHONE]")]
    [InlineData("(02) 123-4567", "[PHONE]")]
    [InlineData("order 12345678 of 2024-05-06 for 1,299.00", "order 12345678 of 2024-05-06 for 1,299.00")]
    [InlineData("from 192.168.10.20, port 80", "from [IP], port 80")]
    [InlineData("서버 2001:db8::8a2e:370:7334 에서", "서버 [IP] 에서")]
    [InlineData("::1 and 10.0.0.1.", "[IP] and [IP].")]
    [InlineData("at 12:30:45, 1.2.3 or 999.1.1.1", "at 12:30:45, 1.2.3 or 999.1.1.1")]
    [InlineData("nothing at all", "nothing at all")]
    [InlineData("", "")]
    public void Mask_FindsWhatHasAForm_AndNothingElse(string text, string expected) => Assert.Equal(expected, PersonalData.Mask(text));

    [Fact]
    public void Hide_LeadsSpansThereAndBack()
    {
        // Emoji and marks move offsets in opposite directions.
        const string text = "😀 Jane (jane@example.com) and 홍길동, call 010-1234-5678 or +82 10-9876-5432 😀 Seoul";
        var hidden = PersonalData.Hide(text);
        Assert.Equal("😀 Jane ([EMAIL]) and 홍길동, call [PHONE] or [PHONE] 😀 Seoul", hidden.Text);
        foreach (var (masked, original) in ((string, string)[])[("Jane", "Jane"), ("[EMAIL]", "jane@example.com"), ("홍길동", "홍길동"), ("([EMAIL]) and", "(jane@example.com) and"), ("[PHONE] or [PHONE]", "010-1234-5678 or +82 10-9876-5432"), ("Seoul", "Seoul")])
        {
            var there = SpanAlignment.Find(hidden.Text, masked, 1)!.Value;
            var (start, end) = hidden.ToOriginal(there.Start, there.End);
            Assert.Equal(original, SpanAlignment.Piece(text, start, end));
            Assert.Equal(there, hidden.ToMasked(start, end));
        }

        // A span that ends within what is hidden takes the whole of it.
        var part = SpanAlignment.Find(hidden.Text, "and 홍길동, call [PH", 1)!.Value;
        var whole = hidden.ToOriginal(part.Start, part.End);
        Assert.Equal("and 홍길동, call 010-1234-5678", SpanAlignment.Piece(text, whole.Start, whole.End));
        var half = SpanAlignment.Find(text, "example", 1)!.Value;
        var mark = hidden.ToMasked(half.Start, half.End);
        Assert.Equal("[EMAIL]", SpanAlignment.Piece(hidden.Text, mark.Start, mark.End));
    }

    [Fact]
    public void Hide_AnyText_SpansOfWhatIsNotHiddenComeBackExactly() =>
        Gen.OneOf(Gen.String[0, 12], Gen.OneOfConst("a@b.co", "010-1234-5678", "10.1.2.3", "[EMAIL]", "😀", "한글", " ", "4111 1111 1111 1111")).Array[0, 12].Sample(parts =>
        {
            var text = string.Join(' ', parts);
            var hidden = PersonalData.Hide(text);
            var words = hidden.Text.Split(' ').Where(w => w.Length > 0 && !w.Contains('[', StringComparison.Ordinal) && !w.Any(char.IsSurrogate)).Distinct(StringComparer.Ordinal);
            foreach (var word in words)
            {
                if (SpanAlignment.Find(hidden.Text, word, 1) is not { } there || SpanAlignment.Piece(hidden.Text, there.Start, there.End) != word) continue;
                var (start, end) = hidden.ToOriginal(there.Start, there.End);
                var piece = SpanAlignment.Piece(text, start, end)!;
                Assert.True(piece == word || PersonalData.Mask(piece) != piece, $"{word} became {piece}");
            }
        }, iter: 2_000);

    [Fact]
    public async Task Spans_OfMaskedTexts_StandInTheTextsAsTheyAre_AndNothingHiddenLeaves()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Content(new JsonObject
        {
            ["results"] = new JsonArray([.. r.Items.Select(i => (JsonNode)new JsonObject
            {
                ["id"] = i.Id, ["confidence"] = 0.9,
                ["spans"] = new JsonArray([.. ((string[])["[EMAIL]", "[PHONE]", "Seoul"]).Where(i.Text.Contains).Select(q => (JsonNode)new JsonObject { ["quote"] = q, ["occurrence"] = 1, ["label"] = q == "Seoul" ? "CITY" : "CONTACT" })]),
            })]),
        }.ToJsonString()));
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = (await host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Contacts", modality = "text", task = new { type = "spans", labels = new[] { new { name = "CONTACT" }, new { name = "CITY" } } },
            settings = new { groupDuplicates = false, llm = new { enabled = true, maskPersonalData = true, examples = 3, itemsPerCall = 2 } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        string[] texts = ["😀 write to jane@example.com in Seoul", "😀 write to a@b.co in Seoul", "Seoul, call 010-1234-5678", "nobody"];
        await host.Admin.AddTextsAsync(project, texts);
        JsonArray items = [];
        await Until.TrueAsync(async () => (items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray()).All(i => i!["prediction"]?["source"]?.GetValue<string>() == "llm"), "all are labelled");
        string[][] expected = [["jane@example.com", "Seoul"], ["a@b.co", "Seoul"], ["Seoul", "010-1234-5678"], []];
        foreach (var (item, n) in items.Select((i, n) => (i!, n)))
        {
            var spans = item["prediction"]!["value"]!["spans"]!.AsArray();
            Assert.Equal(expected[n], spans.Select(s => SpanAlignment.Piece(texts[n], s!["start"]!.GetValue<int>(), s["end"]!.GetValue<int>())!), StringComparer.Ordinal);
        }

        // Decided, they are examples: with the quotes as a model sees them.
        var decisions = items.Take(3).Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = JsonNode.Parse(i["prediction"]!["value"]!.ToJsonString()) });
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        await host.Admin.AddTextsAsync(project, ["please write to x@y.org in Seoul"], "late");
        await Until.TrueAsync(() => Task.FromResult(llm.Requests[^1].Messages.Count > 2), "examples are shown");
        Assert.Contains("[EMAIL]", llm.Requests[^1].Messages[2].Content, StringComparison.Ordinal);
        foreach (var secret in (string[])["jane@example.com", "a@b.co", "x@y.org", "1234-5678"]) Assert.All(llm.Requests, r => Assert.DoesNotContain(secret, r.Body, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ExamplesOfAPrompt_AreMaskedToo()
    {
        await using var llm = await FakeLlmServer.StartAsync();
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = await host.Admin.CreateProjectAsync(labels: ["a", "b"], settings: new { llm = new { enabled = false, maskPersonalData = true } });
        var made = (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts", new { instructions = "Choose.", examples = new[] { new { text = "call 010-1234-5678 now", labels = new[] { "a" } } } })).Expect(HttpStatusCode.Created);
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/{made["version"]}/promote")).Expect(HttpStatusCode.OK);
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { llm = new { enabled = true } } })).Expect(HttpStatusCode.OK);
        await host.Admin.AddTextsAsync(project, ["x"]);
        await Until.TrueAsync(() => Task.FromResult(llm.Requests.Count > 0), "it is asked");
        Assert.Contains("call [PHONE] now", llm.Requests[0].Body, StringComparison.Ordinal);
        Assert.DoesNotContain("1234-5678", llm.Requests[0].Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Mask_HostileLength_Ends()
    {
        // What a careless expression would try in as many ways as there are pieces.
        foreach (var text in (string[])[new string('0', 100_000), string.Concat(Enumerable.Repeat("1 ", 50_000)), new string('a', 100_000) + "@", string.Concat(Enumerable.Repeat("a.", 50_000)) + "@x"])
            Assert.NotEmpty(PersonalData.Mask(text));
    }
}
