using System.Text.Json;
using Annotator.Core.Projects;

namespace Annotator.Core.Accounts;

/// <summary>How a person wants the product to look and to be driven.</summary>
public sealed record UserPreferences
{
    /// <summary><c>system</c>, <c>light</c> or <c>dark</c>.</summary>
    public string Theme { get; init; } = "system";

    /// <summary><c>en</c>, <c>ko</c>, or null to follow the browser.</summary>
    public string? Language { get; init; }

    /// <summary><c>compact</c> or <c>comfortable</c>.</summary>
    public string Density { get; init; } = "compact";

    /// <summary>Keys by command, where they differ from the product's.</summary>
    public IReadOnlyDictionary<string, string> Keys { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Views of items that were saved: addresses by <c>project/name</c>.</summary>
    public IReadOnlyDictionary<string, string> Views { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    internal static UserPreferences Read(string? json) => json is null ? new() : JsonSerializer.Deserialize<UserPreferences>(json, ProjectJson.Options) ?? new();

    internal string Write() => JsonSerializer.Serialize(this, ProjectJson.Options);

    internal IReadOnlyList<(string Field, string Message)> Validate()
    {
        var errors = new List<(string, string)>();
        if (Theme is not ("system" or "light" or "dark")) errors.Add(("theme", "Must be system, light or dark."));
        if (Language is not (null or "en" or "ko")) errors.Add(("language", "Must be en or ko."));
        if (Density is not ("compact" or "comfortable")) errors.Add(("density", "Must be compact or comfortable."));
        if (Keys.Count > 200 || Keys.Any(k => k.Key.Length > 100 || k.Value.Length > 50)) errors.Add(("keys", "Too many or too long."));
        if (Views.Count > 500 || Views.Any(v => v.Key.Length > 100 || v.Value.Length > 2_000 || !v.Value.StartsWith("/projects/", StringComparison.Ordinal))) errors.Add(("views", "Too many, too long, or no address of this product."));
        if (Keys.GroupBy(k => k.Value, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice) errors.Add(("keys", $"The key {twice.Key} is given twice."));
        return errors;
    }
}
