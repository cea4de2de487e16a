using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Learning;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;

namespace Annotator.Core.Runs;

/// <summary>The kinds of runs that a person may start, with their arguments.</summary>
public sealed class RunKinds
{
    private static readonly Dictionary<string, Type?> Startable = new(StringComparer.Ordinal)
    {
        [PrelabelHandler.RunKind] = typeof(PrelabelOptions),
        [TrainHandler.RunKind] = null,
        [DeduplicateHandler.RunKind] = null,
        [MeasurePromptHandler.RunKind] = typeof(MeasurePromptOptions),
        [RefinePromptHandler.RunKind] = typeof(RefineOptions),
        [ProposeTaxonomyHandler.RunKind] = typeof(ProposeTaxonomyOptions),
    };

    /// <summary>Names of the kinds.</summary>
    public static IReadOnlyCollection<string> Known => Startable.Keys;

    /// <summary>Checks a kind and its arguments.</summary>
    /// <returns>The arguments; null for none.</returns>
    public Outcome<object?> Check(string? kind, JsonElement? options)
    {
        if (kind is null || !Startable.TryGetValue(kind, out var type)) return Outcome<object?>.Fail("kind", $"Must be one of: {string.Join(", ", Startable.Keys)}.");
        if (type is null || options is null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined }) return (object?)null;
        try
        {
            return options.Value.Deserialize(type, ProjectJson.Options);
        }
        catch (JsonException e)
        {
            return Outcome<object?>.Fail(e.Path is { Length: > 1 } path ? $"options{path[1..]}" : "options", "The value is of the wrong kind.");
        }
    }
}
