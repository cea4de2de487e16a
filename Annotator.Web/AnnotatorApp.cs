using Annotator.Core;
using Annotator.Core.Live;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Annotator.Web.Components;
using Annotator.Web.Hosting;
using Annotator.Web.Import;
using Annotator.Web.Projects;
using Annotator.Web.Quality;
using Annotator.Web.Review;
using Annotator.Web.Runs;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web;

/// <summary>The composition root: the program and the tests start the same one.</summary>
public static class AnnotatorApp
{
    /// <summary>Runs the program until it is told to stop.</summary>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        await using var app = Build(args);
        await app.RunAsync();
        return 0;
    }

    /// <summary>Builds the program.</summary>
    /// <param name="args">Command line.</param>
    /// <param name="contentRoot">Where settings and wwwroot stand; null: beside the program when published, the current directory when developing.</param>
    /// <param name="configure">Changes the builder before it is built, for tests.</param>
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
        builder.Services.AddSingleton<ILiveFeed, InProcessLiveFeed>();
        builder.AddStorage();
        builder.Services.AddAnnotatorCore();
        builder.AddAccounts();
        builder.AddApi();
        builder.AddAnnotatorUi();

        var app = builder.Build();
        app.UseMiddleware<ApiErrors>();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseAnnotatorUi();
        app.UseMiddleware<ProjectMiddleware>();
        app.MapProjectsApi();
        app.MapItemsApi();
        app.MapImportApi();
        app.MapReviewApi();
        app.MapRunsApi();
        app.MapResultsApi();
        app.MapApiFallback();
        app.MapAnnotatorUi();
        return app;
    }
}
