using Annotator.Core.Runs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Models;

/// <summary>Wires uploaded models.</summary>
public static class ModelServices
{
    /// <summary>Adds the registry. Without a <see cref="ModelCheckCommand"/> of the host no model is taken.</summary>
    public static IServiceCollection AddAnnotatorModels(this IServiceCollection services)
    {
        services.AddOptions<ModelOptions>();
        services.AddSingleton<ImageEncoders>();
        services.AddSingleton<DetectorTunings>();
        services.AddSingleton<Cascade.FilmReader>();
        services.AddSingleton<IRunHandler, TuneDetectorHandler>().AddStartableRun<TuneDetectorOptions>(TuneDetectorHandler.RunKind);
        services.AddSingleton(p => new ModelRegistry(
            p.GetRequiredService<Storage.AnnotatorDatabase>(), p.GetRequiredService<Storage.IBlobStore>(), p.GetRequiredService<IOptions<ModelOptions>>(), p.GetService<ModelCheckCommand>()));
        services.AddSingleton(p => new Encoders.TextEncoders(
            p.GetRequiredService<Storage.AnnotatorDatabase>(), p.GetRequiredService<Storage.IBlobStore>(), p.GetRequiredService<IOptions<ModelOptions>>(), p.GetService<ModelCheckCommand>()));
        return services;
    }
}
