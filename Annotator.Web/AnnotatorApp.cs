using Annotator.Core;
using Annotator.Core.Learning;
using Annotator.Core.Llm;
using Annotator.Core.Media;
using Annotator.Core.Models;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Annotator.Web.Components;
using Annotator.Web.Edge;
using Annotator.Web.Hosting;
using Annotator.Web.Import;
using Annotator.Web.Items;
using Annotator.Web.Media;
using Annotator.Web.Models;
using Annotator.Web.Llm;
using Annotator.Web.Projects;
using Annotator.Web.Quality;
using Annotator.Web.Review;
using Annotator.Web.Runs;
using Annotator.Web.Streaming;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Live;
using Annotator.Web.Map;
using Annotator.Web.Team;
using Annotator.Web.Work;

namespace Annotator.Web;

/// <summary>The composition root: the program and the tests start the same one.</summary>
public static class AnnotatorApp
{
    /// <summary>Runs the program until it is told to stop.</summary>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (ModelCheck.Run(args) is { } check) return check;
        try
        {
            await using var app = Build(args);
            await StartAsync(app);
            await app.WaitForShutdownAsync();
            return (int)ExitCode.Stopped;
        }
        catch (StartException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return (int)e.Code;
        }
    }

    /// <summary>Starts a built program: database first, then everything that uses it.</summary>
    public static async Task StartAsync(WebApplication app)
    {
        await app.StartDatabaseAsync();
        await app.StartAsync();
    }

    /// <summary>Builds the program.</summary>
    /// <param name="args">Command line.</param>
    /// <param name="contentRoot">Where settings and wwwroot stand; null: beside the program when published, the current directory when developing.</param>
    /// <param name="configure">Changes the builder before it is built, for tests.</param>
    /// <exception cref="StartException">Settings are wrong.</exception>
    public static WebApplication Build(string[] args, string? contentRoot = null, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args,
            ApplicationName = typeof(AnnotatorApp).Assembly.GetName().Name,
            ContentRootPath = contentRoot ?? (File.Exists(Path.Combine(AppContext.BaseDirectory, "appsettings.json")) ? AppContext.BaseDirectory : null),
        });

        // Without this a run in the Production environment from the sources would not find the assets of packages.
        builder.WebHost.UseStaticWebAssets();
        configure?.Invoke(builder);

        builder.Services.AddSingleton(TimeProvider.System);
        var storage = builder.AddStorage();
        builder.AddAccounts();
        builder.AddEdgeDevices();
        builder.AddSettings<LlmProviderOptions>("Annotator:Llm");
        builder.AddSettings<LearningOptions>("Annotator:Learning");
        builder.AddSettings<MediaOptions>("Annotator:Media");
        builder.AddSettings<ModelOptions>("Annotator:Models");
        builder.Services.AddSingleton(ModelCheckCommand.Of(typeof(AnnotatorApp).Assembly.Location));
        builder.Services.AddAnnotatorCore();
        builder.AddJobs(storage);
        builder.AddApi();
        builder.AddLive();
        builder.AddPrometheus();
        builder.AddAnnotatorUi();
        builder.Services.AddSingleton<StartState>();
        builder.Services.AddHostedService<AfterStart>();
        builder.Services.AddHostedService<Housekeeping>();
        builder.AddApiDescription();
        builder.ThrowIfSettingsAreWrong();

        var app = builder.Build();
        app.UseSecurityHeaders();
        app.UseMiddleware<ApiErrors>();
        app.UseNotFoundPage();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<ProjectMiddleware>();
        app.UseMiddleware<IdempotencyMiddleware>();
        app.MapHealth();
        app.MapPrometheus();
        if (storage.Node.Role == NodeRole.Worker) return app;

        app.UseAnnotatorUi();
        app.MapOpenApi().RequireAuthorization(Policies.SignedIn);
        app.MapHub<LiveHub>("/hubs/live");
        app.MapJobs();
        app.MapAccountsApi();
        app.MapProjectsApi();
        app.MapItemsApi();
        app.MapReopeningApi();
        app.MapMapApi();
        app.MapWorkApi();
        app.MapImportApi();
        app.MapMediaApi();
        app.MapSignedMediaApi();
        app.MapTilesApi();
        app.MapVideoApi();
        app.MapPlayableFilmsApi();
        app.MapFramesApi();
        app.MapFrameSourcesApi();
        app.MapModelsApi();
        app.MapEncodersApi();
        app.MapRepresentationApi();
        app.MapReviewApi();
        app.MapRunsApi();
        app.MapResultsApi();
        app.MapQualityApi();
        app.MapDashboardApi();
        app.MapTeamApi();
        app.MapChecksApi();
        app.MapAuditApi();
        app.MapLlmApi();
        app.MapPromptsApi();
        app.MapEdgeApi();
        app.MapAnnotatorUi();
        return app;
    }
}
