using Annotator.Core.Runs;
using Annotator.Web.Resources;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Runs;

/// <summary>Words for runs.</summary>
internal static class RunTexts
{
    /// <summary>What a run does; a kind without words of its own shows its name.</summary>
    public static string Kind(IStringLocalizer<Text> texts, Run run)
    {
        var text = texts[$"RunKind.{run.Kind}"];
        return text.ResourceNotFound ? run.Kind : text.Value;
    }

    /// <summary>A length of time in its one or two largest units.</summary>
    public static string Duration(IStringLocalizer<Text> texts, TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => texts["Duration.Seconds", 1],
        { TotalMinutes: < 1 } => texts["Duration.Seconds", (int)Math.Ceiling(time.TotalSeconds)],
        { TotalHours: < 1 } => texts["Duration.Minutes", (int)time.TotalMinutes, time.Seconds],
        { TotalDays: < 1 } => texts["Duration.Hours", (int)time.TotalHours, time.Minutes],
        _ => texts["Duration.Days", (int)time.TotalDays, time.Hours],
    };

    /// <summary>The badge of a state.</summary>
    public static string Badge(RunState state) => state switch
    {
        RunState.Succeeded => "an-badge an-badge-ok",
        RunState.Failed => "an-badge an-badge-danger",
        RunState.Cancelled => "an-badge an-badge-warn",
        RunState.Running => "an-badge an-badge-accent",
        RunState.Queued => "an-badge",
        _ => throw new ArgumentOutOfRangeException(nameof(state)),
    };
}
