using Annotator.Core.Runs;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Review.Checks;

/// <summary>Wires the measuring of people.</summary>
public static class CheckServices
{
    /// <summary>Adds known and repeated items, pauses, and what they say.</summary>
    public static IServiceCollection AddQualityChecks(this IServiceCollection services)
    {
        services.AddSingleton<GoldCatalog>();
        services.AddSingleton<CheckReader>();
        services.AddSingleton<Discussion.Discussions>();
        services.AddSingleton<IRunHandler, TakeBackHandler>();
        return services;
    }
}
