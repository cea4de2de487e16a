using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Models;

/// <summary>Encoders of texts from outside: uploaded, chosen, used by what looks for likeness, and missed.</summary>
[Collection(ApiCollection.Name)]
public class EncodersApiTests(SharedHost shared)
{
    private const int Meanings = 5;
    private const int WordsOfMeaning = 64;
    private static readonly string[] s_topics = ["money", "travel", "weather"];
    private readonly AppHost _host = shared.Host;

    /// <summary>Three topics of five meanings, each of many words: a text has hardly a word that another has.</summary>
    private static readonly ToyEncoder s_toy = Synonyms();

    [Fact]
    public async Task Meaning_finds_what_words_do_not()
    {
        var encoder = (await UploadAsync("Meanings", s_toy.Graph(), [s_toy.Vocabulary], new { maxTokens = 32 })).Expect(HttpStatusCode.Created);
        Assert.Equal((1, 16, "mean", "wordPiece"), (encoder["version"]!.GetValue<int>(), encoder["report"]!["dimensions"]!.GetValue<int>(), encoder["report"]!["pooling"]!.GetValue<string>(), encoder["report"]!["tokenizer"]!.GetValue<string>()));
        var id = encoder["id"]!.GetValue<string>();
        var vectors = (await _host.Admin.PostAsync($"/api/v1/encoders/{id}/encode", new { texts = new[] { Word(0, 1), Word(0, 1) + " " + Word(0, 2) } })).Expect(HttpStatusCode.OK)["vectors"]!.AsArray();
        Assert.Equal((2, 16), (vectors.Count, vectors[0]!.AsArray().Count));

        // Every text is of words that few others have: only the meanings tell what belongs together.
        var texts = Enumerable.Range(0, 240).Select(i => (Topic: i % 3, Text: Text(i))).ToList();
        var project = await _host.Admin.CreateProjectAsync("Synonyms", s_topics, new { autoAccept = false, targetAccuracy = 0.9, confidence = 0.9 });
        var items = await _host.Admin.AddTextsAsync(project, texts.Select(t => t.Text));
        await RunAsync(project, "represent");
        Assert.Null((await _host.Admin.GetAsync($"/api/v1/projects/{project}/representation")).Expect(HttpStatusCode.OK)["encoder"]);
        var lexical = await SameTopicAsync();
        await DecideAsync(project, items, texts.Select(t => s_topics[t.Topic]).ToList(), 120);
        Assert.False((await RunAsync(project, "propagate"))["on"]!.GetValue<bool>());

        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { representation = new { encoder = id } } })).Expect(HttpStatusCode.OK);
        var represented = await _host.Admin.WaitAsync($"/api/v1/projects/{project}/representation", r => r["encoder"] is not null);
        Assert.Equal((id, "Meanings v1"), (represented["encoder"]!.GetValue<string>(), represented["encoderName"]!.GetValue<string>()));
        Assert.Null(represented["fallback"]);
        var meant = await SameTopicAsync(atLeast: 0.99);
        Assert.True(lexical < 0.7, $"{lexical} without the encoder");
        TestContext.Current.TestOutputHelper?.WriteLine($"Of the 10 most alike {lexical:P0} are of the same topic without the encoder, {meant:P0} with it.");

        var propagated = await RunAsync(project, "propagate");
        Assert.True(propagated["on"]!.GetValue<bool>(), propagated.ToJsonString());
        Assert.True(propagated["accuracy"]!.GetValue<double>() > propagated["studentAccuracy"]!.GetValue<double>(), propagated.ToJsonString());
        Assert.True(propagated["proposed"]!.GetValue<int>() >= 60, propagated.ToJsonString());

        // Of another name's encoder nobody knows; without one the words count again, and what was chosen and is gone is told of.
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { representation = new { encoder = "123456" } } })).ExpectProblem(HttpStatusCode.BadRequest, "settings.representation.encoder");
        (await _host.Admin.DeleteAsync($"/api/v1/encoders/{id}")).Expect(HttpStatusCode.NoContent);
        await RunAsync(project, "represent");
        var fallen = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/representation")).Expect(HttpStatusCode.OK);
        Assert.Null(fallen["encoder"]);
        Assert.Contains("not there any more", fallen["fallback"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(240, fallen["items"]!.GetValue<long>());

        // What was spread over neighbours by meaning is spread again over these, and does not hold there.
        var spread = _host.Services.GetRequiredService<Core.Learning.PropagationStates>();
        var now = await Until.HoldsAsync(() => spread.FindAsync(long.Parse(project, CultureInfo.InvariantCulture)), state => state is { On: false }, "propagation is off again");
        Assert.Equal(0, now!.Proposed);

        async Task<double> SameTopicAsync(double atLeast = 0)
        {
            // What is loaded is looked at again after some seconds.
            return await Until.HoldsAsync(
                async () =>
                {
                    var right = 0;
                    foreach (var place in (int[])[0, 1, 2, 100, 200])
                    {
                        var similar = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{items[place]}/similar?limit=10")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
                        right += similar.Count(s => TopicOf(s!) == place % 3);
                    }

                    return right / 50.0;
                },
                share => share >= atLeast, "what is alike is of one topic");
        }
    }

    [Fact]
    public async Task A_name_s_next_upload_is_its_next_version_and_only_administrators_send_one()
    {
        var toy = new ToyEncoder(4, ["a"], ["b"]);
        var vocabulary = toy.Vocabulary;
        Assert.Equal(1, (await UploadAsync("Twice", toy.Graph(pooled: true, narrow: true), [vocabulary], null)).Expect(HttpStatusCode.Created)["version"]!.GetValue<int>());
        var second = (await UploadAsync("Twice", toy.Graph(), [vocabulary], new { pooling = "cls" })).Expect(HttpStatusCode.Created);
        Assert.Equal((2, "cls"), (second["version"]!.GetValue<int>(), second["report"]!["pooling"]!.GetValue<string>()));
        var listed = (await _host.Admin.GetAsync("/api/v1/encoders")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(2, listed.Count(e => string.Equals(e!["name"]!.GetValue<string>(), "Twice", StringComparison.Ordinal)));
        var lead = await _host.AddPersonAsync(Core.Accounts.Role.Lead);
        (await UploadAsync("Twice", toy.Graph(), [vocabulary], null, lead.Api)).ExpectProblem(HttpStatusCode.Forbidden);
        (await lead.Api.GetAsync("/api/v1/encoders")).ExpectProblem(HttpStatusCode.Forbidden);
        (await _host.Admin.PostAsync("/api/v1/projects", new { name = "Images", modality = "image", task = new { type = "classification", labels = new[] { new { name = "a" }, new { name = "b" } } }, settings = new { representation = new { encoder = second["id"]!.GetValue<string>() } } }))
            .ExpectProblem(HttpStatusCode.BadRequest, "settings.representation.encoder");
    }

    [Fact]
    public async Task Of_two_uploads_that_want_one_version_one_is_told_and_leaves_no_file()
    {
        var toy = new ToyEncoder(4, ["a"], ["b"]);
        var before = await FilesAsync();

        // Somebody else is always a moment earlier.
        await SqlAsync("""
            CREATE TRIGGER earlier BEFORE INSERT ON text_encoders WHEN NEW.name = 'Raced' AND NEW.hash <> 'other' BEGIN
              INSERT INTO text_encoders (name, version, blob, files, hash, bytes, spec, report, created_at) VALUES (NEW.name, NEW.version, NEW.blob, NEW.files, 'other', 1, NEW.spec, NEW.report, NEW.created_at);
            END
            """);
        try
        {
            var refused = (await UploadAsync("Raced", toy.Graph(), [toy.Vocabulary], null)).ExpectProblem(HttpStatusCode.Conflict);
            Assert.Contains("Raced", refused["detail"]!.GetValue<string>(), StringComparison.Ordinal);
            Assert.Equal(before, await FilesAsync());
        }
        finally
        {
            await SqlAsync("DROP TRIGGER earlier");
        }

        Assert.Equal(1, (await UploadAsync("Raced", toy.Graph(), [toy.Vocabulary], null)).Expect(HttpStatusCode.Created)["version"]!.GetValue<int>());
        Assert.Equal(before.Count + 2, (await FilesAsync()).Count);

        Task SqlAsync(string sql) => _host.Database.WriteAsync(scope => scope.Db.Database.ExecuteSqlRawAsync(sql));
        async Task<HashSet<string>> FilesAsync()
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            await foreach (var name in _host.Services.GetRequiredService<IBlobStore>().ListAsync("text-encoders", DateTimeOffset.MaxValue, TestContext.Current.CancellationToken)) names.Add(name);
            return names;
        }
    }

    [Theory]
    [InlineData("nan", "{}", "model")]
    [InlineData("outside", "{}", "model")]
    [InlineData("pickle", "{}", "model")]
    [InlineData("empty", "{}", "model")]
    [InlineData("none", "{}", "tokenizer")]
    [InlineData("binary", "{}", "tokenizer")]
    [InlineData("three", "{}", "tokenizer")]
    [InlineData("", """{"maxTokens":7}""", "spec.maxTokens")]
    [InlineData("", """{"maxTokens":10000}""", "spec.maxTokens")]
    [InlineData("", """{"pooling":"max"}""", "spec.pooling")]
    [InlineData("", """{"prefix":"\u0000"}""", "spec.prefix")]
    [InlineData("", """{"output":" "}""", "spec.output")]
    [InlineData("", "{", "spec")]
    [InlineData("unnamed", "{}", "name")]
    public async Task What_is_no_encoder_is_refused_where_it_is_wrong(string kind, string spec, string field)
    {
        var model = kind switch
        {
            "nan" => s_toy.Graph(spoil: "nan"),
            "outside" => s_toy.External("../../../../etc/passwd"),
            "pickle" => [0x80, 0x04, .. "csklearn\nSVC\n"u8],
            "empty" => [],
            _ => s_toy.Graph(),
        };
        byte[][] tokenizer = kind switch { "none" => [], "binary" => [[1, 0, 2, 0]], "three" => [s_toy.Vocabulary, s_toy.Vocabulary, s_toy.Vocabulary], _ => [s_toy.Vocabulary] };
        (await UploadAsync(kind is "unnamed" ? " " : "Bad", model, tokenizer, JsonNode.Parse(spec is "{" ? "[]" : spec))).ExpectProblem(HttpStatusCode.BadRequest, field);
    }

    private static int TopicOf(JsonNode similar) => int.Parse(similar["key"]!.GetValue<string>()[1..], CultureInfo.InvariantCulture) % 3;

    private static ToyEncoder Synonyms() => new(16, [.. Enumerable.Range(0, s_topics.Length * Meanings).Select(m => Enumerable.Range(0, WordsOfMeaning).Select(w => Word(m, w)))]);

    // Four of a topic's meanings, each by a word that is said about once.
    private static string Text(int i) => string.Join(' ', Enumerable.Range(0, 4).Select(k => Word((i % 3 * Meanings) + (((i / 3) + k) % Meanings), ((i / 3 * 4) + k) / 5)));

    private static string Word(int meaning, int number)
    {
        var random = new Random((meaning * 1_000) + number + 17);
        return new string([.. Enumerable.Range(0, 7).Select(_ => (char)('a' + random.Next(26)))]);
    }

    private async Task<JsonNode> RunAsync(string project, string kind)
    {
        var run = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        var ended = await _host.Admin.WaitRunAsync(run);
        Assert.Equal("succeeded", ended["state"]!.GetValue<string>());
        return ended["result"]!;
    }

    private async Task DecideAsync(string project, IReadOnlyList<string> items, List<string> labels, int count)
    {
        var decisions = Enumerable.Range(0, count).Select(i => new { itemId = items[i], action = "correct", value = new { choice = labels[i] } });
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
    }

    private async Task<ApiAnswer> UploadAsync(string name, byte[] model, byte[][] tokenizer, object? spec, ApiClient? api = null)
    {
        using var form = new MultipartFormDataContent { { new StringContent(name), "name" }, { new ByteArrayContent(model), "model", "../../model.onnx" } };
        if (spec is not null) form.Add(new StringContent(JsonSerializer.Serialize(spec)), "spec");
        foreach (var file in tokenizer) form.Add(new ByteArrayContent(file), "tokenizer", "/etc/vocab.txt");
        return await (api ?? _host.Admin).SendAsync(HttpMethod.Post, "/api/v1/encoders", form);
    }
}
