using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Annotator.Tests.Support;

/// <summary>
/// The product as a process of its own, as people start it: it can be killed in the middle of anything and started again on
/// the same data and port.
/// </summary>
public sealed class ProcessHost : IAsyncDisposable
{
    /// <summary>The first administrator.</summary>
    public const string Email = "admin@example.org";

    /// <summary>Their password.</summary>
    public const string Password = "correct-horse-battery";

    /// <summary>A token with their rights.</summary>
    public const string Token = "test-token-0123456789-0123456789-0123456789";

    private static readonly string s_root = typeof(ProcessHost).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key is "RepoRoot").Value!;

    private readonly Dictionary<string, string?> _environment;
    private ChildProcess? _process;

    private ProcessHost(Dictionary<string, string?> environment) => _environment = environment;

    /// <summary>Where it listens.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>A client that signs its requests with <see cref="Token"/>. Made anew at every start.</summary>
    public HttpClient Client { get; private set; } = new();

    /// <summary>What the process has written.</summary>
    public string Output => _process?.Output ?? "";

    /// <summary>The process.</summary>
    public ChildProcess Process => _process ?? throw new InvalidOperationException("Not started.");

    /// <summary>Starts the product on a database.</summary>
    /// <param name="database">The database; its folder becomes the data directory.</param>
    /// <param name="settings">More settings, in the form <c>Annotator:Runs:Workers</c>.</param>
    public static async Task<ProcessHost> StartAsync(TestDatabase database, params IEnumerable<(string Key, string? Value)> settings)
    {
        var environment = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Production",
            ["DOTNET_NOLOGO"] = "1",

            // It lives for seconds: what is compiled better on measurements would come too late.
            ["DOTNET_TieredPGO"] = "0",
            ["Annotator__DataDirectory"] = database.Folder,
            ["Annotator__Database__Provider"] = database.Provider,
            ["ConnectionStrings__Annotator"] = database.ConnectionString,
            ["Annotator__Bootstrap__AdminEmail"] = Email,
            ["Annotator__Bootstrap__AdminPassword"] = Password,
            ["Annotator__Bootstrap__ApiToken"] = Token,
        };
        foreach (var (key, value) in settings) environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        var host = new ProcessHost(environment);
        await host.StartAgainAsync();
        return host;
    }

    /// <summary>Starts the process again, after it was killed or stopped, on the same data and port.</summary>
    public async Task StartAgainAsync()
    {
        _environment["ASPNETCORE_URLS"] = Address.GetLeftPart(UriPartial.Authority);
        _process = await ChildProcess.StartAsync("dotnet", [ProgramPath()], _environment, s_root);
        const string listening = "Now listening on: ";
        var line = await _process.LineAsync(l => l.Contains(listening, StringComparison.Ordinal), TimeSpan.FromSeconds(120));
        Address = new Uri(line[(line.IndexOf(listening, StringComparison.Ordinal) + listening.Length)..].Trim());
        Client.Dispose();
        Client = NewClient(Token);
        await Eventually.TrueAsync(async () => (await Client.GetAsync("/health/ready")).IsSuccessStatusCode, TimeSpan.FromSeconds(60), () => Output);
    }

    /// <summary>Ends the process as a power cut does (SIGKILL).</summary>
    public Task KillAsync() => Process.KillAsync();

    /// <summary>Ends the process orderly.</summary>
    /// <returns>Its exit code.</returns>
    public Task<int> StopAsync() => Process.StopAsync();

    /// <summary>A client that signs its requests with a token.</summary>
    /// <param name="token">The token; null: none.</param>
    /// <param name="connections">Most connections; null: as many as requests are under way.</param>
    public HttpClient NewClient(string? token, int? connections = null)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(10), MaxConnectionsPerServer = connections ?? int.MaxValue }) { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(5) };
        if (token is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>Sends JSON and reads the answer, which must be a success.</summary>
    public async Task<JsonNode> PostAsync(string path, object body, HttpClient? client = null)
    {
        using var response = await (client ?? Client).PostAsJsonAsync(path, body, JsonSerializerOptions.Web);
        var text = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode) throw new HttpRequestException($"POST {path} answered {(int)response.StatusCode}: {text}", null, response.StatusCode);
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }

    /// <summary>Reads an answer, which must be a success.</summary>
    public async Task<JsonNode> GetAsync(string path, HttpClient? client = null)
    {
        using var response = await (client ?? Client).GetAsync(path);
        var text = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode) throw new HttpRequestException($"GET {path} answered {(int)response.StatusCode}: {text}", null, response.StatusCode);
        return JsonNode.Parse(text)!;
    }

    /// <summary>Makes a text project of single choice.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> NewProjectAsync(IEnumerable<string> labels, object? settings = null)
    {
        var made = await PostAsync("/api/v1/projects", new
        {
            name = "Test",
            modality = "text",
            task = new { type = "classification", multiple = false, labels = labels.Select(l => new { name = l }) },
            settings = settings ?? new { },
        });
        return made["id"]!.GetValue<string>();
    }

    /// <summary>Uploads a file.</summary>
    /// <returns>The run's id.</returns>
    public async Task<string> ImportAsync(string project, HttpContent content, string query)
    {
        using var response = await Client.PostAsync($"/api/v1/projects/{project}/imports?{query}", content);
        var text = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.Accepted) throw new HttpRequestException($"The upload answered {(int)response.StatusCode}: {text}", null, response.StatusCode);
        return JsonNode.Parse(text)!["id"]!.GetValue<string>();
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_process is not null) await _process.DisposeAsync();
    }

    // The build output of this configuration: bin/Debug/net10.0 of both projects.
    private static string ProgramPath()
    {
        var output = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory))!);
        return Path.Combine(s_root, "Annotator.Web", "bin", configuration, output, "Annotator.Web.dll");
    }
}

/// <summary>Waits for what must come, with a deadline.</summary>
public static class Eventually
{
    /// <summary>Asks until the answer is yes.</summary>
    /// <param name="condition">What must come; an error of the connection counts as no.</param>
    /// <param name="timeout">The deadline.</param>
    /// <param name="detail">What to tell where it does not come.</param>
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan timeout, Func<string>? detail = null)
    {
        using var deadline = new CancellationTokenSource(timeout);
        while (true)
        {
            try
            {
                if (await condition()) return;
            }
            catch (HttpRequestException e) when (e.StatusCode is null or HttpStatusCode.ServiceUnavailable)
            {
                // Not there yet.
            }

            if (deadline.IsCancellationRequested) throw new TimeoutException($"It did not come within {timeout}. {detail?.Invoke()}");
            await Task.Delay(20);
        }
    }
}
