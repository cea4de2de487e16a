namespace Annotator.Core.Learning.Acquisition;

/// <summary>The items of a request that may be picked, and how few of many are chosen for a closer look.</summary>
internal static class OpenItems
{
    public static int[] With(AcquisitionRequest request, ItemUse use)
    {
        var all = request.Use.Span;
        var count = 0;
        foreach (var one in all) count += one == use ? 1 : 0;
        var items = new int[count];
        count = 0;
        for (var i = 0; i < all.Length; i++)
        {
            if (all[i] == use) items[count++] = i;
        }

        return items;
    }

    /// <summary>A uniform sample without replacement, in random order (the beginning of a Fisher-Yates shuffle).</summary>
    public static int[] Sample(int[] items, int count, Random random)
    {
        count = Math.Min(count, items.Length);
        var rest = (int[])items.Clone();
        for (var i = 0; i < count; i++)
        {
            var j = random.Next(i, rest.Length);
            (rest[i], rest[j]) = (rest[j], rest[i]);
        }

        return rest[..count];
    }

    /// <summary>The <paramref name="count"/> items of the greatest values, greatest first, equals in random order.</summary>
    public static int[] Top(int[] items, float[] values, int count, Random random)
    {
        var order = Sample([.. Enumerable.Range(0, items.Length)], items.Length, random);
        var keys = Array.ConvertAll(order, i => -values[i]);
        Array.Sort(keys, order, null);
        return Array.ConvertAll(order[..Math.Min(count, order.Length)], i => items[i]);
    }
}
