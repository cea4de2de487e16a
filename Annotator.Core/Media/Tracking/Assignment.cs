namespace Annotator.Core.Media.Tracking;

/// <summary>
/// The assignment problem: which row goes with which column so that the costs sum to the least. Shortest augmenting paths with potentials
/// (Kuhn 1955; in the form of Jonker and Volgenant 1987), at most rows² · columns steps.
/// </summary>
public static class Assignment
{
    /// <summary>Assigns each row a column, or each column a row where there are fewer of them.</summary>
    /// <param name="costs">Costs, rows by columns; finite.</param>
    /// <returns>For each row its column, or -1.</returns>
    /// <exception cref="ArgumentException">A cost is not finite.</exception>
    public static int[] Solve(double[,] costs)
    {
        ArgumentNullException.ThrowIfNull(costs);
        int rows = costs.GetLength(0), columns = costs.GetLength(1);
        foreach (var cost in costs)
        {
            if (!double.IsFinite(cost)) throw new ArgumentException("Costs must be finite.", nameof(costs));
        }

        if (rows <= columns) return Rows(costs, rows, columns, transposed: false);
        var byColumn = Rows(costs, columns, rows, transposed: true);
        var assigned = new int[rows];
        Array.Fill(assigned, -1);
        for (var column = 0; column < columns; column++) assigned[byColumn[column]] = column;
        return assigned;
    }

    // No more rows than columns: every row gets one. Places count from 1; column 0 holds the row that looks for one.
    private static int[] Rows(double[,] costs, int rows, int columns, bool transposed)
    {
        var (rowPotential, columnPotential) = (new double[rows + 1], new double[columns + 1]);
        var (rowOf, before) = (new int[columns + 1], new int[columns + 1]);
        var (least, done) = (new double[columns + 1], new bool[columns + 1]);
        for (var row = 1; row <= rows; row++)
        {
            rowOf[0] = row;
            Array.Fill(least, double.PositiveInfinity);
            Array.Clear(done);
            var column = 0;
            do
            {
                done[column] = true;
                var (here, step, next) = (rowOf[column], double.PositiveInfinity, 0);
                for (var c = 1; c <= columns; c++)
                {
                    if (done[c]) continue;
                    var reduced = (transposed ? costs[c - 1, here - 1] : costs[here - 1, c - 1]) - rowPotential[here] - columnPotential[c];
                    if (reduced < least[c]) (least[c], before[c]) = (reduced, column);
                    if (least[c] < step) (step, next) = (least[c], c);
                }

                for (var c = 0; c <= columns; c++)
                {
                    if (done[c])
                    {
                        rowPotential[rowOf[c]] += step;
                        columnPotential[c] -= step;
                    }
                    else
                    {
                        least[c] -= step;
                    }
                }

                column = next;
            }
            while (rowOf[column] != 0);

            // Along the path each column passes to the row before it.
            do
            {
                var previous = before[column];
                rowOf[column] = rowOf[previous];
                column = previous;
            }
            while (column != 0);
        }

        var assigned = new int[rows];
        for (var column = 1; column <= columns; column++)
        {
            if (rowOf[column] > 0) assigned[rowOf[column] - 1] = column - 1;
        }

        return assigned;
    }
}
