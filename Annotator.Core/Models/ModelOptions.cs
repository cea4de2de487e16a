using System.ComponentModel.DataAnnotations;

namespace Annotator.Core.Models;

/// <summary>Bounds on uploaded models; section <c>Annotator:Models</c>.</summary>
public sealed class ModelOptions
{
    /// <summary>Largest file in megabytes.</summary>
    /// <value>Default 500; 1 to 10,000.</value>
    [Range(1, 10_000)]
    public int Megabytes { get; set; } = 500;

    /// <summary>Seconds that the check of a model may take.</summary>
    /// <value>Default 60; 1 to 3,600.</value>
    [Range(1, 3_600)]
    public int CheckSeconds { get; set; } = 60;

    /// <summary>Megabytes of memory that the check of a model may take.</summary>
    /// <value>Default 3,000; 100 to 1,000,000.</value>
    [Range(100, 1_000_000)]
    public int CheckMegabytes { get; set; } = 3_000;

    /// <summary>Where models run. <see cref="ModelProvider.Cuda"/> needs a build with ONNX Runtime's package for it; where that, the card or its driver is not there, models run on the processor.</summary>
    /// <value>Default <see cref="ModelProvider.Cpu"/>.</value>
    [EnumDataType(typeof(ModelProvider))]
    public ModelProvider Provider { get; set; }

    /// <summary>Threads that one image, or one batch of texts, of a model may use.</summary>
    /// <value>Default 1; 1 to 64.</value>
    [Range(1, 64)]
    public int Threads { get; set; } = 1;

    /// <summary>Largest file of a text encoder's tokenizer in megabytes.</summary>
    /// <value>Default 50; 1 to 1,000.</value>
    [Range(1, 1_000)]
    public int TokenizerMegabytes { get; set; } = 50;

    /// <summary>Tokens that a text encoder works on at a time, padding included: more need more memory. A text that is longer goes alone.</summary>
    /// <value>Default 4,096; 64 to 1,000,000.</value>
    [Range(64, 1_000_000)]
    public int EncoderBatchTokens { get; set; } = 4_096;
}

/// <summary>What models run on.</summary>
public enum ModelProvider
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>A card of NVIDIA, where one is there.</summary>
    Cuda,
}

/// <summary>How the program that checks models is started: a process of its own, which may die without harm.</summary>
/// <param name="Program">The executable.</param>
/// <param name="Arguments">Arguments before what is checked (<see cref="Verb"/> or <see cref="EncoderVerb"/>), which the paths of the model and of its spec follow.</param>
public sealed record ModelCheckCommand(string Program, IReadOnlyList<string> Arguments)
{
    /// <summary>The argument that makes the program check a model of images in place of serving.</summary>
    public const string Verb = "check-model";

    /// <summary>The argument that makes the program check an encoder of texts in place of serving.</summary>
    public const string EncoderVerb = "check-encoder";

    /// <summary>This program, by the assembly of its entry point.</summary>
    /// <param name="assembly">Path of the program's assembly.</param>
    public static ModelCheckCommand Of(string assembly)
    {
        // A published program is started by its own host; from sources and in tests by dotnet.
        var own = Environment.ProcessPath;
        if (own is not null && string.Equals(Path.GetFileNameWithoutExtension(own), Path.GetFileNameWithoutExtension(assembly), StringComparison.OrdinalIgnoreCase)) return new ModelCheckCommand(own, []);
        var dotnet = own is not null && string.Equals(Path.GetFileNameWithoutExtension(own), "dotnet", StringComparison.OrdinalIgnoreCase) ? own : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        return new ModelCheckCommand(dotnet, ["exec", assembly]);
    }
}
