using Annotator.Core.Items;
using Annotator.Core.Learning.Routing;
using Annotator.Core.Student;

namespace Annotator.Core.Learning.Steering;

/// <summary>
/// What near-duplicates say of each other, as the answers of labellers whose reliability is measured like any other's: how far the label of one member of a group
/// holds for the next differs between data sets, from nearly always to four times in five.
/// </summary>
internal static class GroupVoices
{
    /// <summary>The answers, one labeller after the other: members with the same features, members that are merely alike, and what the LLM said of those.</summary>
    /// <param name="items">All items.</param>
    /// <param name="rowOf">Row of an item.</param>
    /// <param name="rows">Features.</param>
    /// <param name="decided">Class by row that people decided; -1 where nobody has.</param>
    /// <param name="llm">The LLM's answers by row. A member with the same features takes the answer over.</param>
    /// <param name="groups">Number of each row's group; -1 for rows that are alone.</param>
    public static IReadOnlyList<LabellerAnswers> Of(IReadOnlyList<Item> items, Func<long, int> rowOf, SparseRows rows, int[] decided, LabellerAnswers llm, out int[] groups)
    {
        groups = new int[decided.Length];
        Array.Fill(groups, -1);
        var (same, alike, asked) = (Silent(decided.Length), Silent(decided.Length), Silent(decided.Length));
        var number = 0;
        foreach (var group in items.Where(i => i.GroupId is not null).GroupBy(i => i.GroupId!.Value))
        {
            var members = group.Select(i => rowOf(i.Id)).ToArray();
            if (members.Length < 2) continue;
            foreach (var row in members) groups[row] = number;
            number++;
            foreach (var row in members)
            {
                // Decided members are left out: those that people labelled differently have left the group, and the rest would praise it.
                if (decided[row] >= 0) continue;
                if (Find(rows, members, row, decided) is var (teller, exact) && teller >= 0) (exact ? same : alike)[row] = decided[teller];
                else if (llm[row] < 0 && Find(rows, members, row, llm.Classes) is var (other, identical) && other >= 0)
                {
                    (identical ? llm.Classes : asked)[row] = llm[other];
                    if (identical && llm.Levels is { } levels) levels[row] = levels[other];
                }
            }
        }

        return number == 0 ? [] : [new(same), new(alike), new(asked)];
    }

    // Another member of which something is known, one with the same features before all.
    private static (int Row, bool Exact) Find(SparseRows rows, int[] members, int row, int[] known)
    {
        var first = -1;
        foreach (var other in members)
        {
            if (other == row || known[other] < 0) continue;
            if (rows[row].SequenceEqual(rows[other]) && rows.ValuesOf(row).SequenceEqual(rows.ValuesOf(other))) return (other, true);
            if (first < 0) first = other;
        }

        return (first, false);
    }

    private static int[] Silent(int count)
    {
        var answers = new int[count];
        Array.Fill(answers, -1);
        return answers;
    }
}
