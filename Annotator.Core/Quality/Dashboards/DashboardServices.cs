using Annotator.Core.Quality.Tallies;
using Annotator.Core.Runs;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Quality.Dashboards;

/// <summary>Wires the dashboards.</summary>
public static class DashboardServices
{
    /// <summary>Adds the readers of the dashboards and the run that counts anew.</summary>
    public static IServiceCollection AddDashboards(this IServiceCollection services)
    {
        services.AddSingleton<DashboardReader>();
        services.AddSingleton<AttentionReader>();
        services.AddSingleton<TallyRecount>();
        services.AddSingleton<TallyUpgrade>();
        services.AddSingleton<IRunHandler, RecountHandler>().AddStartableRun(RecountHandler.RunKind);
        return services;
    }
}
