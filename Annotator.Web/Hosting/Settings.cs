using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Options;

namespace Annotator.Web.Hosting;

/// <summary>Binds and checks settings. All errors are collected and reported together, before anything is opened.</summary>
internal static class Settings
{
    /// <summary>Reads a section into its options, checks them, and registers them as <see cref="IOptions{T}"/>.</summary>
    public static T AddSettings<T>(this WebApplicationBuilder builder, string section)
        where T : class, new()
    {
        var options = new T();
        var errors = builder.SettingErrors();
        try
        {
            builder.Configuration.GetSection(section).Bind(options);
            Validate(options, section, errors);
        }
        catch (InvalidOperationException e)
        {
            // "Failed to convert configuration value 'x' at 'Annotator:Runs:Workers' to type 'System.Int32'."
            errors.Add($"{section}: {e.Message}");
        }

        builder.Services.AddSingleton(Options.Create(options));
        return options;
    }

    /// <summary>Adds an error that only the whole shows.</summary>
    public static void AddSettingError(this WebApplicationBuilder builder, string key, string message) => builder.SettingErrors().Add(Line(key, message));

    /// <summary>Ends the start where something is wrong.</summary>
    /// <exception cref="StartException">Something is wrong; the message has a line for each.</exception>
    public static void ThrowIfSettingsAreWrong(this WebApplicationBuilder builder)
    {
        var errors = builder.SettingErrors();
        if (errors.Count > 0) throw new StartException(ExitCode.InvalidSettings, string.Join(Environment.NewLine, errors));
    }

    internal static void Validate(object options, string section, List<string> errors)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        foreach (var result in results)
        {
            foreach (var member in result.MemberNames.DefaultIfEmpty("")) errors.Add(Line(member.Length == 0 ? section : $"{section}:{member}", result.ErrorMessage ?? "Is not valid."));
        }

        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.PropertyType.Namespace?.StartsWith("Annotator.", StringComparison.Ordinal) == true && property.PropertyType.IsClass && property.GetValue(options) is { } inner)
                Validate(inner, $"{section}:{property.Name}", errors);
        }
    }

    private static string Line(string key, string message) => $"{key} (environment: {key.Replace(":", "__", StringComparison.Ordinal)}): {message}";

    private static List<string> SettingErrors(this WebApplicationBuilder builder)
    {
        var properties = ((IHostApplicationBuilder)builder).Properties;
        if (properties.TryGetValue(typeof(Settings), out var found)) return (List<string>)found;
        var errors = new List<string>();
        properties[typeof(Settings)] = errors;
        return errors;
    }
}

/// <summary>Why the process ended.</summary>
public enum ExitCode
{
    /// <summary>It was told to stop.</summary>
    Stopped = 0,

    /// <summary>Something unexpected; the log has it.</summary>
    Failed = 1,

    /// <summary>Settings are wrong; each is named on standard error.</summary>
    InvalidSettings = 2,

    /// <summary>Another process has the database file open.</summary>
    DataDirectoryInUse = 3,

    /// <summary>The data directory cannot be written, or lies on a network file system.</summary>
    DataDirectoryUnusable = 4,

    /// <summary>The database did not answer in time, or could not be brought up to this version.</summary>
    DatabaseUnavailable = 5,
}

/// <summary>The start cannot go on; the message is for people.</summary>
public sealed class StartException(ExitCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What the process ends with.</summary>
    public ExitCode Code { get; } = code;
}
