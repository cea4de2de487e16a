using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Benchmarks.Student;
using Annotator.Core.Student;
using Annotator.Tests.Support;

namespace Annotator.Benchmarks.Load;

/// <summary>
/// Plays a labelled set through the API with its labels as the reviewer, in random order: how right the student is on a fifth that nobody decides, how long
/// its trainings take, and how long one more decision takes to reach the student in service. <c>-- system-learn [DECISIONS=3000] [SET=banking77] [postgresql]</c>.
/// </summary>
internal static class LearnLoad
{
    private const int Part = 50;

    // Decisions that are timed one by one: the first comes after a jump, with beliefs that still move.
    private const int Single = 4;

    public static async Task<int> RunAsync(string[] args)
    {
        var decisions = LoadHost.Number(args, 0, 3_000);
        var set = LabelledTexts.Load(args.FirstOrDefault(a => Directory.Exists(Path.Combine(LabelledTexts.Folder, a))) ?? "banking77");
        var order = Enumerable.Range(0, set.Texts.Length).DistinctBy(i => set.Texts[i], StringComparer.Ordinal).ToArray();
        new SplitMix(1).Shuffle(order);
        var heldOut = order.Take(order.Length / 5).ToHashSet();
        var play = order.Skip(order.Length / 5).Take(decisions + Single).ToArray();

        await using var host = await LoadHost.StartAsync(args);
        var server = host.Server;
        var project = await server.NewProjectAsync(set.Classes, new { autoAccept = false });
        var rows = new StringBuilder();
        foreach (var i in order) rows.Append(new JsonObject { ["key"] = $"k{i}", ["text"] = set.Texts[i] }.ToJsonString()).Append('\n');
        var watch = Stopwatch.StartNew();
        await server.ImportAsync(project, new ByteArrayContent(Encoding.UTF8.GetBytes(rows.ToString())), "format=jsonl&text=text&key=key");
        Console.WriteLine($"{set.Name}: {order.Length:N0} items imported in {watch.Elapsed.TotalSeconds:F1} s");
        await host.IdleAsync(project);
        var ids = new Dictionary<int, string>();
        await foreach (var item in ItemsAsync(server, project)) ids[int.Parse(item["key"]!.GetValue<string>()[1..], null)] = item["id"]!.GetValue<string>();

        watch.Restart();
        foreach (var part in play[..^Single].Chunk(Part)) await DecideAsync(server, project, set, part, ids);
        Console.WriteLine($"{play.Length - Single:N0} decisions sent in {watch.Elapsed.TotalSeconds:F1} s");
        await Eventually.TrueAsync(async () => await TrainedOnAsync(server, project) >= play.Length - Single, TimeSpan.FromMinutes(5));
        Console.WriteLine($"the student had learned from all of them after {watch.Elapsed.TotalSeconds:F1} s");

        for (var i = play.Length - Single; i < play.Length; i++)
        {
            // Until nothing is under way, so that one decision is timed alone.
            await host.IdleAsync(project);
            watch.Restart();
            await DecideAsync(server, project, set, play[i..(i + 1)], ids);
            await Eventually.TrueAsync(async () => await TrainedOnAsync(server, project) >= i + 1, TimeSpan.FromMinutes(1));
            Console.WriteLine($"one more decision was in the student in service after {watch.Elapsed.TotalSeconds:F2} s");
        }

        await host.IdleAsync(project);

        var (right, all) = (0, 0);
        await foreach (var item in ItemsAsync(server, project))
        {
            var i = int.Parse(item["key"]!.GetValue<string>()[1..], null);
            if (!heldOut.Contains(i)) continue;

            // Near-duplicates of a decided item have its label, and are no measure of the student.
            if (item["label"] is not null) continue;
            all++;
            if (string.Equals((string?)item["prediction"]?["value"]?["choice"], set.Classes[set.Labels[i]], StringComparison.Ordinal)) right++;
        }

        using var model = StudentModel.Load(await server.Client.GetByteArrayAsync(new Uri($"/api/v1/projects/{project}/model.onnx", UriKind.Relative)));
        var test = heldOut.ToArray();
        var said = model.Predict([.. test.Select(i => set.Texts[i])]);
        var alone = Enumerable.Range(0, test.Length).Count(n => string.Equals(said.Classes[Probabilities.Best(said.Row(n))], set.Classes[set.Labels[test[n]]], StringComparison.Ordinal));
        Console.WriteLine($"accuracy on {all:N0} items that nobody decided: {(double)right / all:F4} as pre-labelled, {(double)alone / test.Length:F4} by the ONNX file alone");
        foreach (var run in (await server.GetAsync($"/api/v1/projects/{project}/runs?limit=200"))["items"]!.AsArray())
        {
            if (run!["kind"]!.GetValue<string>() is not "train" || run["finishedAt"] is null) continue;
            var took = run["finishedAt"]!.GetValue<DateTimeOffset>() - run["startedAt"]!.GetValue<DateTimeOffset>();
            Console.WriteLine($"  training on {run["result"]?["trainedOn"]} labels: in service after {run["result"]?["milliseconds"]} ms, the queue in its new order after {took.TotalMilliseconds:F0} ms");
        }

        return 0;
    }

    private static async Task<int> TrainedOnAsync(ProcessHost server, string project) => (int?)(await server.GetAsync($"/api/v1/projects/{project}/metrics"))["student"]?["trainedOn"] ?? 0;

    private static Task DecideAsync(ProcessHost server, string project, LabelledTexts set, IEnumerable<int> part, Dictionary<int, string> ids) => server.PostAsync(
        $"/api/v1/projects/{project}/decisions",
        new { decisions = part.Select(i => new { itemId = ids[i], action = "correct", value = new { choice = set.Classes[set.Labels[i]] }, seconds = 2 }) });

    private static async IAsyncEnumerable<JsonNode> ItemsAsync(ProcessHost server, string project)
    {
        string? cursor = null;
        do
        {
            var page = await server.GetAsync($"/api/v1/projects/{project}/items?limit=1000{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}");
            foreach (var item in page["items"]!.AsArray()) yield return item!;
            cursor = (string?)page["next"];
        }
        while (cursor is not null);
    }
}
