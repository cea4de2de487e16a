using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Media;

/// <summary>Wires what keeps and reads images and videos.</summary>
public static class MediaServices
{
    /// <summary>Adds the services.</summary>
    public static IServiceCollection AddAnnotatorMedia(this IServiceCollection services)
    {
        services.AddOptions<MediaOptions>();
        services.AddSingleton<MediaService>();
        services.AddSingleton<MediaLinks>();
        services.AddSingleton<MediaCache>();
        services.AddSingleton<ImageTiles>();
        services.AddSingleton<PlayableFilms>();
        services.AddSingleton<ItemImages>();
        services.AddSingleton<VideoProbe>();
        services.AddSingleton<S3Source>();
        services.AddSingleton<MediaFetcher>();
        services.AddSingleton<Cascade.FrameDoubt>();
        services.AddSingleton<Cascade.FrameSources>();
        services.AddSingleton<Sampling.FrameSampling>();
        services.AddSingleton<Runs.IRunHandler, Sampling.SampleFramesHandler>();
        return services;
    }
}
