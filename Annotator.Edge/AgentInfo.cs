using System.Runtime.InteropServices;

namespace Annotator.Edge;

/// <summary>What the agent says of itself.</summary>
internal static class AgentInfo
{
    /// <summary>Its version.</summary>
    public static string Version { get; } = typeof(AgentInfo).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <summary>Operating system and processor.</summary>
    public static string Platform { get; } = $"{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}";
}
