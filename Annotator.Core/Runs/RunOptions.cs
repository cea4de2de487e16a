using System.ComponentModel.DataAnnotations;

namespace Annotator.Core.Runs;

/// <summary>How runs are executed; section <c>Annotator:Runs</c>.</summary>
public sealed class RunOptions
{
    /// <summary>Runs at a time in this process.</summary>
    /// <value>Default 4; 1 to 64.</value>
    [Range(1, 64)]
    public int Workers { get; set; } = 4;

    /// <summary>Seconds after which a run whose worker gives no sign is taken over.</summary>
    /// <value>Default 30; 5 to 3,600.</value>
    [Range(5, 3600)]
    public int OwnerTimeoutSeconds { get; set; } = 30;

    /// <summary>How often a run is tried again after an unexpected error, before it counts as failed.</summary>
    /// <value>Default 4; 0 to 20.</value>
    [Range(0, 20)]
    public int Retries { get; set; } = 4;
}
