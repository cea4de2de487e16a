using System.ComponentModel.DataAnnotations;

namespace Annotator.Core.Learning;

/// <summary>How projects learn; section <c>Annotator:Learning</c>.</summary>
public sealed class LearningOptions
{
    /// <summary>
    /// Up to this many items a project is steered as a whole: after each training every item's risk is known, people are asked about the riskiest, and an
    /// audit proves the rest. Larger projects accept by the student's own measured confidence. Costs about 2 kB of memory an item.
    /// </summary>
    /// <value>Default 50,000; 0 to 1,000,000.</value>
    [Range(0, 1_000_000)]
    public int SteeredItems { get; set; } = 50_000;

    /// <summary>Decisions that people may run ahead of the learning before the queue waits for it, as a share of those made so far.</summary>
    /// <value>Default 0.1; 0.01 to 1.</value>
    [Range(0.01, 1)]
    public double AheadShare { get; set; } = 0.1;

    /// <summary>The fewest decisions that people may run ahead; in proportion more beyond 10,000 items.</summary>
    /// <value>Default 50; 10 to 10,000.</value>
    [Range(10, 10_000)]
    public int AheadLeast { get; set; } = 50;

    /// <summary>The most decisions that people may run ahead; in proportion more beyond 10,000 items.</summary>
    /// <value>Default 200; 10 to 10,000.</value>
    [Range(10, 10_000)]
    public int AheadMost { get; set; } = 200;

    /// <summary>How often projects that got items by the API are looked at, in seconds: whether they have outgrown the representation that neighbours, the map and varied samples rest on.</summary>
    /// <value>Default 10; 1 to 3,600.</value>
    [Range(1, 3_600)]
    public int RepresentSeconds { get; set; } = 10;

    // The bounds are meant for so many items, and grow beyond that.
    private const int UsualItems = 10_000;

    /// <summary>In projects with fewer items nobody is made to wait for the learning.</summary>
    public const int PacedItems = 500;

    // Of the fewest decisions; while an LLM is asked hardly anybody knows yet what is worth a look.
    private const int AskingPart = 5;

    /// <summary>How many decisions people may run ahead while the first answers of an LLM come in.</summary>
    internal int AheadWhileAsking => Math.Max(1, AheadLeast / AskingPart);

    /// <summary>How many decisions people may run ahead of the learning; 0: any number.</summary>
    /// <param name="decisions">Decisions so far.</param>
    /// <param name="items">Items of the project.</param>
    public int AheadOf(long decisions, long items)
    {
        if (items < PacedItems || items > SteeredItems) return 0;

        // The learning takes time in proportion to the items, and so may people.
        var scale = Math.Max(1, items / (double)UsualItems);
        return (int)Math.Clamp(decisions * AheadShare, AheadLeast * scale, Math.Max(AheadLeast, AheadMost) * scale);
    }
}
