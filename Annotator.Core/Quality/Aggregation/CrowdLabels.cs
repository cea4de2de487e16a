namespace Annotator.Core.Quality.Aggregation;

/// <summary>Answers of several labellers to several tasks: one choice out of classes each.</summary>
public sealed class CrowdLabels
{
    private CrowdLabels(int[] starts, int[] workers, int[] labels, int workerCount, int classes)
    {
        Starts = starts;
        Workers = workers;
        Labels = labels;
        WorkerCount = workerCount;
        Classes = classes;
    }

    /// <summary>Number of tasks.</summary>
    public int Tasks => Starts.Length - 1;

    /// <summary>Number of labellers.</summary>
    public int WorkerCount { get; }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Number of answers.</summary>
    public int Count => Labels.Length;

    /// <summary>The answers to task t are from Starts[t] to Starts[t + 1].</summary>
    internal int[] Starts { get; }

    internal int[] Workers { get; }

    internal int[] Labels { get; }

    /// <summary>From one entry an answer, in any order. All answers count, two of one labeller to one task as well.</summary>
    /// <exception cref="ArgumentException">The arrays differ in length, or a number is out of its range.</exception>
    public static CrowdLabels Create(ReadOnlySpan<int> tasks, ReadOnlySpan<int> workers, ReadOnlySpan<int> labels, int taskCount, int workerCount, int classes)
    {
        if (tasks.Length != workers.Length || tasks.Length != labels.Length)
            throw new ArgumentException($"{tasks.Length} tasks, {workers.Length} labellers and {labels.Length} labels are no answers.");
        var starts = new int[taskCount + 1];
        for (var i = 0; i < tasks.Length; i++)
        {
            if ((uint)tasks[i] >= (uint)taskCount || (uint)workers[i] >= (uint)workerCount || (uint)labels[i] >= (uint)classes)
                throw new ArgumentException($"Answer {i} (task {tasks[i]}, labeller {workers[i]}, class {labels[i]}) is out of range.");
            starts[tasks[i] + 1]++;
        }

        for (var t = 0; t < taskCount; t++) starts[t + 1] += starts[t];
        var at = starts.AsSpan(0, taskCount).ToArray();
        var who = new int[tasks.Length];
        var what = new int[tasks.Length];
        for (var i = 0; i < tasks.Length; i++)
        {
            var place = at[tasks[i]]++;
            (who[place], what[place]) = (workers[i], labels[i]);
        }

        return new CrowdLabels(starts, who, what, workerCount, classes);
    }
}

/// <summary>What was made of a crowd's answers.</summary>
/// <param name="Classes">Number of classes.</param>
/// <param name="Probabilities">[task, class], row-major: how probable each class is; all 0 for a task without answers.</param>
/// <param name="Priors">Share of each class.</param>
/// <param name="Confusion">[labeller, true class, given class], row-major: how probable each answer is. Empty where the method has none.</param>
/// <param name="Trust">Of each labeller: the probability that its answer is right. Empty where the method has none.</param>
/// <param name="Rounds">Rounds of estimation.</param>
public sealed record CrowdResult(int Classes, float[] Probabilities, double[] Priors, double[] Confusion, double[] Trust, int Rounds)
{
    /// <summary>The most probable class of a task, the lowest among equals; -1 without answers.</summary>
    public int Best(int task)
    {
        var row = Probabilities.AsSpan(task * Classes, Classes);
        var best = -1;
        for (var c = 0; c < row.Length; c++)
        {
            if (row[c] > (best < 0 ? 0 : row[best])) best = c;
        }

        return best;
    }
}
