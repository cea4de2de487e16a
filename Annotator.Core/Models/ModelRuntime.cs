using Microsoft.ML.OnnxRuntime;

namespace Annotator.Core.Models;

/// <summary>Where and how uploaded models run.</summary>
internal static class ModelRuntime
{
    private const string CudaProvider = "CUDAExecutionProvider";

    /// <summary>Options of a session by the settings.</summary>
    public static SessionOptions SessionOptions(ModelOptions options)
    {
        var made = new SessionOptions { IntraOpNumThreads = options.Threads, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        if (options.Provider != ModelProvider.Cuda || !OrtEnv.Instance().GetAvailableProviders().Contains(CudaProvider, StringComparer.Ordinal)) return made;
        try
        {
            made.AppendExecutionProvider_CUDA();
        }
        catch (OnnxRuntimeException)
        {
            // The library knows the card's kind, and there is none, or its driver is another one: the processor does the same, slower.
        }

        return made;
    }
}
