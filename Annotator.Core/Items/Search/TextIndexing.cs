using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Items.Search;

/// <summary>
/// Has projects indexed when it is of use: once somebody looks through one that has many items behind its index. A project in which nobody searches costs
/// nothing, and no import waits for an index.
/// </summary>
public sealed class TextIndexing(AnnotatorDatabase database, RunService runs, ITextIndex index)
{
    /// <summary>Up to so many items are read one by one at each search instead.</summary>
    public const int Few = 1_000;

    /// <summary>Starts the run that brings a project's index up to its items, where there are many behind it.</summary>
    /// <returns>Whether one was started, or waits already.</returns>
    public async Task<bool> KeepUpAsync(long projectId, CancellationToken cancellationToken = default)
    {
        var many = await database.ReadAsync(
            async db =>
            {
                var through = await index.ThroughAsync(db, projectId, cancellationToken) ?? 0;
                return await db.Items.Where(i => i.ProjectId == projectId && i.Id > through).Take(Few + 1).CountAsync(cancellationToken) > Few
                    && !await db.Runs.AnyAsync(r => r.ProjectId == projectId && r.Kind == IndexTextHandler.RunKind && r.State < RunState.Succeeded, cancellationToken);
            },
            cancellationToken);
        if (many) await runs.StartOnceAsync(projectId, IndexTextHandler.RunKind, cancellationToken: cancellationToken);
        return many;
    }
}

/// <summary>Wires the search.</summary>
public static class SearchServices
{
    /// <summary>Adds the search; the database's index comes with the storage.</summary>
    public static IServiceCollection AddItemSearch(this IServiceCollection services)
    {
        services.AddSingleton<TextIndexing>();
        services.AddSingleton<IRunHandler, IndexTextHandler>().AddStartableRun(IndexTextHandler.RunKind);
        return services;
    }
}
