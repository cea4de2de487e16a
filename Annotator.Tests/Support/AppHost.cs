using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using Annotator.Core.Accounts;
using Annotator.Core.Storage;
using Annotator.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Annotator.Tests.Support;

/// <summary>How a test wants the program.</summary>
public sealed record AppHostOptions
{
    /// <summary>Settings beyond those of a host of its own, by their names, e.g. <c>Annotator:Runs:Workers</c>. They win over the host's.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Changes the services before the program is built, for a fake clock and the like.</summary>
    public Action<WebApplicationBuilder>? Configure { get; init; }

    /// <summary>The folder of the data; null: a new one, removed with the host.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Whether the first administrator and a token are made by settings; else nobody can sign in yet.</summary>
    public bool Bootstrap { get; init; } = true;
}

/// <summary>
/// The real program in this process: its own Kestrel on a free port of loopback, its own database file in a folder of its own, its
/// administrator made by bootstrap settings. Started by the same composition root as the product.
/// </summary>
public sealed class AppHost : IAsyncDisposable
{
    /// <summary>Address of the administrator.</summary>
    public const string AdminEmail = "admin@example.org";

    /// <summary>Password of the administrator.</summary>
    public const string AdminPassword = "correct horse battery staple 42";

    /// <summary>Token of the administrator.</summary>
    public const string AdminToken = "bootstrap-token-of-the-tests-0123456789";

    private readonly AppHostOptions _options;
    private readonly bool _ownsData;
    private readonly ConcurrentQueue<LogLine> _logs = new();
    private WebApplication? _app;
    private ApiClient? _admin;
    private int _people;

    private AppHost(AppHostOptions options)
    {
        _options = options;
        _ownsData = options.DataDirectory is null;
        DataDirectory = options.DataDirectory ?? Directory.CreateTempSubdirectory("annotator-").FullName;
    }

    /// <summary>The root of the repository, where settings and web root stand.</summary>
    public static string RepoRoot { get; } = typeof(AppHost).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key is "RepoRoot").Value!;

    /// <summary>Where its data lie.</summary>
    public string DataDirectory { get; }

    /// <summary>The running program.</summary>
    public WebApplication App => _app ?? throw new InvalidOperationException("The program is stopped.");

    /// <summary>Its services.</summary>
    public IServiceProvider Services => App.Services;

    /// <summary>Its address, without a slash at the end.</summary>
    public Uri BaseAddress => new(Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Its database.</summary>
    public AnnotatorDatabase Database => Services.GetRequiredService<AnnotatorDatabase>();

    /// <summary>The API as the administrator sees it.</summary>
    public ApiClient Admin => _admin ??= Client(AdminToken);

    /// <summary>What the program logged from level Warning on, and what it logged at its start.</summary>
    public IReadOnlyCollection<LogLine> Logs => _logs;

    /// <summary>Starts the program.</summary>
    public static async Task<AppHost> StartAsync(AppHostOptions? options = null)
    {
        var host = new AppHost(options ?? new AppHostOptions());
        try
        {
            if (host._ownsData) await MigratedDatabase.WriteFileAsync(Path.Combine(host.DataDirectory, "annotator.db"));
            await host.StartAgainAsync();
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the program with a few settings of its own.</summary>
    public static Task<AppHost> StartAsync(params (string Name, string Value)[] settings) =>
        StartAsync(new AppHostOptions { Settings = settings.ToDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal) });

    /// <summary>Stops the program in good order; the data stay.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _app, null) is not { } app) return;
        _admin?.Dispose();
        _admin = null;
        await app.StopAsync();
        await app.DisposeAsync();
    }

    /// <summary>Starts the stopped program again, on the same data and another port.</summary>
    public async Task StartAgainAsync()
    {
        if (_app is not null) throw new InvalidOperationException("The program runs.");
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["urls"] = "http://127.0.0.1:0",
            ["Annotator:DataDirectory"] = DataDirectory,
            ["Annotator:Runs:OwnerTimeoutSeconds"] = "5",
        };
        if (_options.Bootstrap)
        {
            settings["Annotator:Bootstrap:AdminEmail"] = AdminEmail;
            settings["Annotator:Bootstrap:AdminPassword"] = AdminPassword;
            settings["Annotator:Bootstrap:ApiToken"] = AdminToken;
        }

        foreach (var (name, value) in _options.Settings) settings[name] = value;
        var app = AnnotatorApp.Build(
            [.. settings.Select(s => $"--{s.Key}={s.Value}")],
            RepoRoot,
            builder =>
            {
                builder.Logging.ClearProviders();
                builder.Logging.AddProvider(new Recorder(_logs));
                builder.Services.HashQuickly();
                _options.Configure?.Invoke(builder);
            });
        try
        {
            await AnnotatorApp.StartAsync(app);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        _app = app;
    }

    /// <summary>The API as a token sees it; null: without one.</summary>
    public ApiClient Client(string? token) => new(BaseAddress, token);

    /// <summary>Makes a person with a token.</summary>
    /// <param name="role">Their role in the installation.</param>
    /// <param name="projectId">A project of which they become a member.</param>
    /// <param name="inProject">What they are in it; null: a lead where they are one, else an annotator.</param>
    public async Task<Person> AddPersonAsync(Role role, string? projectId = null, Role? inProject = null)
    {
        var accounts = Services.GetRequiredService<AccountService>();
        var root = new Caller(0, Role.Admin);
        var number = Interlocked.Increment(ref _people);
        var email = string.Create(CultureInfo.InvariantCulture, $"person{number}-{Guid.NewGuid():n}@example.org");
        var made = await accounts.CreateUserAsync(root, email, $"Person {number}", role);
        var user = made.Value?.User ?? throw new InvalidOperationException(string.Join(", ", made.Errors));
        if (projectId is not null)
        {
            var membership = inProject ?? (role >= Role.Lead ? Role.Lead : Role.Annotator);
            await accounts.AddMemberAsync(root, long.Parse(projectId, CultureInfo.InvariantCulture), user.Id, membership);
        }

        var token = await accounts.CreateTokenAsync(root, user.Id, "test");
        return new Person(user.Id.ToString(CultureInfo.InvariantCulture), email, token.Value!.Plain, Client(token.Value.Plain));
    }

    /// <summary>Stops the program and removes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (!_ownsData || !Directory.Exists(DataDirectory)) return;
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(DataDirectory, recursive: true);
    }

    private sealed class Recorder(ConcurrentQueue<LogLine> lines) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new Logger(lines, categoryName);

        public void Dispose()
        {
        }

        private sealed class Logger(ConcurrentQueue<LogLine> lines, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                if (IsEnabled(logLevel)) lines.Enqueue(new LogLine(logLevel, category, formatter(state, exception), exception));
            }
        }
    }
}

/// <summary>Somebody with an account and a token.</summary>
/// <param name="Id">Their id as the API writes it.</param>
/// <param name="Email">Their address.</param>
/// <param name="Token">Their token.</param>
/// <param name="Api">The API as they see it.</param>
public sealed record Person(string Id, string Email, string Token, ApiClient Api);

/// <summary>A line that the program logged.</summary>
public sealed record LogLine(LogLevel Level, string Category, string Message, Exception? Exception);
