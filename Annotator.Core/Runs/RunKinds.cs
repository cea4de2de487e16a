using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Annotator.Core.Projects;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Runs;

/// <summary>A kind of run that a person may start. Each feature registers its own with <see cref="StartableRuns.AddStartableRun"/>.</summary>
/// <param name="Kind">The kind, as in <see cref="Run.Kind"/>.</param>
/// <param name="Options">Type of its arguments; null where it takes none. Its validation attributes and <see cref="IValidatableObject"/> are checked.</param>
public sealed record StartableRun(string Kind, Type? Options);

/// <summary>Registers kinds of runs that a person may start.</summary>
public static class StartableRuns
{
    /// <summary>Lets people start runs of a kind without arguments.</summary>
    public static IServiceCollection AddStartableRun(this IServiceCollection services, string kind) => services.AddSingleton(new StartableRun(kind, null));

    /// <summary>Lets people start runs of a kind with arguments.</summary>
    public static IServiceCollection AddStartableRun<TOptions>(this IServiceCollection services, string kind)
        where TOptions : class => services.AddSingleton(new StartableRun(kind, typeof(TOptions)));
}

/// <summary>The kinds of runs that a person may start, with their arguments.</summary>
public sealed class RunKinds(IEnumerable<StartableRun> startable)
{
    private readonly Dictionary<string, Type?> _startable = startable.ToDictionary(s => s.Kind, s => s.Options, StringComparer.Ordinal);

    /// <summary>Names of the kinds.</summary>
    public IReadOnlyCollection<string> Known => _startable.Keys;

    /// <summary>Checks a kind and its arguments.</summary>
    /// <returns>The arguments; null for none.</returns>
    public Outcome<object?> Check(string? kind, JsonElement? options)
    {
        if (kind is null || !_startable.TryGetValue(kind, out var type)) return Outcome<object?>.Fail("kind", $"Must be one of: {string.Join(", ", _startable.Keys.Order(StringComparer.Ordinal))}.");
        if (options is null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined }) return (object?)null;
        if (options.Value.ValueKind != JsonValueKind.Object) return Outcome<object?>.Fail("options", "Must be an object.");
        if (type is null) return (object?)null;
        object read;
        try
        {
            read = options.Value.Deserialize(type, ProjectJson.Options)!;
        }
        catch (JsonException e)
        {
            return Outcome<object?>.Fail(e.Path is { Length: > 1 } path ? $"options{path[1..]}" : "options", MessageOf(type, e.Path));
        }

        var wrong = new List<ValidationResult>();
        if (Validator.TryValidateObject(read, new ValidationContext(read), wrong, validateAllProperties: true)) return read;
        return Outcome<object?>.Fail([.. wrong.SelectMany(w => w.MemberNames.DefaultIfEmpty("").Select(m => (m.Length == 0 ? "options" : $"options.{JsonNamingPolicy.CamelCase.ConvertName(m)}", w.ErrorMessage ?? "Is not valid.")))]);
    }

    // Of a choice among names, say which.
    private static string MessageOf(Type type, string? path)
    {
        var property = path is null ? null : type.GetProperties().FirstOrDefault(p => string.Equals(path, "$." + JsonNamingPolicy.CamelCase.ConvertName(p.Name), StringComparison.Ordinal));
        var kind = property is null ? null : Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        return kind is { IsEnum: true } ? $"Must be one of: {string.Join(", ", Enum.GetNames(kind).Select(JsonNamingPolicy.CamelCase.ConvertName))}." : "The value is of the wrong kind.";
    }
}
