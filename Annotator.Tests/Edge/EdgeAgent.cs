using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Edge;

/// <summary>A device for tests: the agent as a process of its own, in a folder of its own.</summary>
internal sealed class EdgeAgent : IAsyncDisposable
{
    private ChildProcess? _process;

    private EdgeAgent(string folder) => Folder = folder;

    /// <summary>Where it keeps what it keeps.</summary>
    public string Folder { get; }

    /// <summary>What the process has written.</summary>
    public string Output => _process?.Output ?? "";

    /// <summary>The process.</summary>
    public ChildProcess Process => _process ?? throw new InvalidOperationException("Not started.");

    // The agent of this build; or the published one, where ANNOTATOR_EDGE names it: so the trimmed program is tested as it is shipped.
    private static readonly string? s_published = Environment.GetEnvironmentVariable("ANNOTATOR_EDGE");

    /// <summary>Starts the agent's program.</summary>
    public static Task<ChildProcess> RunAsync(params string[] arguments) => s_published is { Length: > 0 } program
        ? ChildProcess.StartAsync(program, arguments)
        : ChildProcess.StartAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "annotator-edge.dll"), .. arguments]);

    /// <summary>Enrols a device.</summary>
    /// <param name="api">The API as a lead sees it.</param>
    /// <param name="centre">Address of the centre as the device reaches it.</param>
    /// <param name="project">The project.</param>
    /// <param name="name">Name of the device.</param>
    public static async Task<EdgeAgent> EnrolAsync(ApiClient api, Uri centre, string project, string name)
    {
        var code = (await api.PostAsync($"/api/v1/projects/{project}/edge/codes", new { minutes = 5 })).Expect(HttpStatusCode.OK)["code"]!.GetValue<string>();
        var agent = new EdgeAgent(Directory.CreateTempSubdirectory("annotator-edge-").FullName);
        await using var enrol = await RunAsync("enrol", "--server", centre.AbsoluteUri, "--code", code, "--name", name, "--data", agent.Folder);
        await enrol.LineAsync(l => l.Contains("Enrolled as device", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        return agent;
    }

    /// <summary>Starts it.</summary>
    public async Task StartAsync(params string[] arguments) => _process = await RunAsync(["run", "--data", Folder, .. arguments]);

    /// <summary>Ends it as a power cut does.</summary>
    public async Task KillAsync()
    {
        await Process.KillAsync();
        await Process.DisposeAsync();
        _process = null;
    }

    /// <summary>Ends it orderly.</summary>
    public async Task StopAsync()
    {
        await Process.StopAsync();
        await Process.DisposeAsync();
        _process = null;
    }

    /// <summary>Labels texts through its local port.</summary>
    public static async Task<IReadOnlyList<JsonNode>> LabelAsync(HttpClient port, IEnumerable<string> texts)
    {
        var items = new JsonArray([.. texts.Select(t => (JsonNode)new JsonObject { ["text"] = t })]);
        using var body = new StringContent(new JsonObject { ["items"] = items }.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await port.PostAsync("/annotate", body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return [.. JsonNode.Parse(text)!["items"]!.AsArray().Select(i => i!)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}

/// <summary>A project whose student tells refunds from deliveries.</summary>
internal static class EdgeProjects
{
    private static readonly string[] s_first = ["please", "hello", "urgent", "again", "today", "still", "sorry", "thanks"];
    private static readonly string[] s_refund = ["money back for my order", "refund the payment", "charged twice and want a refund", "return the item for money"];
    private static readonly string[] s_delivery = ["where is my parcel", "the delivery is late", "parcel did not arrive", "when does the courier come"];

    /// <summary>A text of one of the two kinds that the student knows.</summary>
    public static string Text(int number) => string.Create(
        CultureInfo.InvariantCulture, $"{s_first[number % s_first.Length]} {(number % 2 == 0 ? s_refund : s_delivery)[number / 2 % 4]} {s_first[number / 8 % s_first.Length]} number {number}");

    /// <summary>Its label.</summary>
    public static string Label(int number) => number % 2 == 0 ? "refund" : "delivery";

    /// <summary>Makes the project and waits for its student.</summary>
    public static async Task<string> CreateAsync(ApiClient api, object edge)
    {
        var project = await api.CreateProjectAsync(labels: ["refund", "delivery", "animal"], settings: new { groupDuplicates = false, auditShare = 0, edge });
        var csv = new StringBuilder("id,text,label\n");
        for (var i = 0; i < 160; i++) csv.Append(CultureInfo.InvariantCulture, $"t{i},{Text(i)},{Label(i)}\n");
        (await api.PostRawAsync($"/api/v1/projects/{project}/imports?format=csv&text=text&key=id&label=label", csv.ToString())).Expect(HttpStatusCode.Accepted);
        await api.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"] is not null);
        return project;
    }
}
