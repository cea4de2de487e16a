using System.Globalization;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Runs;

namespace Annotator.Core.Learning;

/// <summary>Arguments of a diverse sample.</summary>
public sealed record SampleOptions
{
    /// <summary>How many items, 1 to 10,000.</summary>
    /// <value>Default 100.</value>
    public int Count { get; init; } = 100;
}

/// <summary>Picks items that represent a huge set: the typical one of each of as many clusters, the most telling first.</summary>
internal sealed class SampleHandler(Representations representations) : IRunHandler
{
    public const string RunKind = "sample";

    private const int MostItems = 10_000;

    // Of more rows than this an even part is clustered: what they represent is the same, and memory stays bounded.
    private const int MostRows = 300_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<SampleOptions>();
        if (options.Count is < 1 or > MostItems) throw new RunFailedException($"count: must be 1 to {MostItems}.");
        if (await representations.FindAsync(run.ProjectId, cancellationToken) is not { } loaded)
            throw new RunFailedException("The project has no representation yet; a run of kind 'represent' makes it.");
        var vectors = loaded.Vectors;
        var stride = (vectors.Count + MostRows - 1) / MostRows;
        var rows = Enumerable.Range(0, vectors.Count).Where(r => r % stride == 0).ToList();
        var picks = await Task.Run(() => DiverseSample.Pick(vectors.ToFloats(rows), vectors.Dimensions, options.Count, cancellationToken: cancellationToken), cancellationToken);
        var ids = new List<string>(picks.Length);
        foreach (var pick in picks) ids.Add(vectors.Ids[rows[pick]].ToString(CultureInfo.InvariantCulture));
        run.SetResult(new { of = vectors.Count, items = ids });
    }
}
