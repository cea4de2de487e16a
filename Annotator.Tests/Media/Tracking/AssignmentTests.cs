using Annotator.Core.Media.Tracking;
using CsCheck;

namespace Annotator.Tests.Media.Tracking;

/// <summary>The assignment problem against trying everything.</summary>
public class AssignmentTests
{
    [Fact]
    public void A_known_answer()
    {
        // The textbook example: 2 + 3 + 3 + ... by hand, rows to columns 1, 0, 2 at a cost of 5.
        double[,] costs = { { 4, 1, 3 }, { 2, 0, 5 }, { 3, 2, 2 } };
        Assert.Equal([1, 0, 2], Assignment.Solve(costs));
    }

    [Fact]
    public void Nothing_costs_more_than_what_trying_everything_finds() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 5], Gen.Int[0, 1_000_000]).Sample((rows, columns, seed) =>
        {
            var random = new Random(seed);
            var costs = new double[rows, columns];
            for (var i = 0; i < rows; i++)
            {
                for (var j = 0; j < columns; j++) costs[i, j] = random.Next(-3, 8);
            }

            var assigned = Assignment.Solve(costs);
            Assert.Equal(Math.Min(rows, columns), assigned.Count(c => c >= 0));
            Assert.Equal(assigned.Count(c => c >= 0), assigned.Where(c => c >= 0).Distinct().Count());
            var cost = assigned.Select((c, i) => c < 0 ? 0 : costs[i, c]).Sum();
            Assert.Equal(rows <= columns ? Least(costs, 0, 0) : Least(Turned(costs), 0, 0), cost, 9);
        });

    [Fact]
    public void What_is_not_finite_is_refused() => Assert.Throws<ArgumentException>(() => Assignment.Solve(new double[,] { { double.NaN } }));

    // Every row to some column that is free.
    private static double Least(double[,] costs, int row, int taken)
    {
        if (row == costs.GetLength(0)) return 0;
        var least = double.PositiveInfinity;
        for (var column = 0; column < costs.GetLength(1); column++)
        {
            if ((taken & (1 << column)) == 0) least = Math.Min(least, costs[row, column] + Least(costs, row + 1, taken | (1 << column)));
        }

        return least;
    }

    private static double[,] Turned(double[,] costs)
    {
        var turned = new double[costs.GetLength(1), costs.GetLength(0)];
        for (var i = 0; i < costs.GetLength(0); i++)
        {
            for (var j = 0; j < costs.GetLength(1); j++) turned[j, i] = costs[i, j];
        }

        return turned;
    }
}
