using System.Globalization;
using System.Text.Json;
using Annotator.Tests.Support;

namespace Annotator.Tests.Browser;

/// <summary>Made-up pictures of parts on a conveyor belt, with the boxes of what lies on them.</summary>
internal static class BeltScenes
{
    private const int Width = 960;
    private const int Height = 600;

    /// <summary>The labels: name, key and colour.</summary>
    public static (string Name, string Key, string Color)[] Labels { get; } = [("washer", "1", "#7c3aed"), ("plate", "2", "#dc2626"), ("bolt", "3", "#0891b2")];

    /// <summary>A picture, as a PNG, and its parts.</summary>
    /// <param name="seed">Which.</param>
    /// <param name="most">So many parts at most.</param>
    public static (byte[] Png, IReadOnlyList<Part> Parts) Picture(int seed, int most = 12)
    {
        var random = new Random(seed);
        var parts = new List<Part>();
        for (var tries = 0; tries < 200 && parts.Count < most; tries++)
        {
            var (kind, size) = (random.Next(3), 34 + random.Next(30));
            var part = new Part(kind, 70 + random.Next(Width - 140), 110 + random.Next(Height - 220), size, random.NextDouble() * Math.PI);
            if (parts.TrueForAll(p => Math.Sqrt(Square(p.X - part.X) + Square(p.Y - part.Y)) > p.Reach + part.Reach + 12)) parts.Add(part);
        }

        var grain = new Random(seed + 1);
        return (TestPicture.Png(Width, Height, (x, y) => Paint(parts, x, y, grain.Next(12))), parts);
    }

    /// <summary>The boxes of parts as a label value.</summary>
    /// <param name="parts">The parts.</param>
    public static string Boxes(IEnumerable<Part> parts) => JsonSerializer.Serialize(new
    {
        boxes = parts.Select(p => new { label = Labels[p.Kind].Name, x = Math.Round(p.X - p.HalfWidth - 3), y = Math.Round(p.Y - p.HalfHeight - 3), width = Math.Round((2 * p.HalfWidth) + 6), height = Math.Round((2 * p.HalfHeight) + 6) }),
    });

    /// <summary>A film of parts that go by, for ffmpeg.</summary>
    /// <param name="seconds">Its length.</param>
    public static string Film(int seconds) => string.Create(
        CultureInfo.InvariantCulture,
        $"color=c=0x3b4046:s={Width}x{Height}:r=25:d={seconds},drawbox=x=0:y=70:w=iw:h=460:color=0x50565d:t=fill,drawbox=x='mod(t*90,1200)-160':y=150:w=70:h=150:color=0xc9d2d8:t=fill,drawbox=x='mod(t*90+420,1200)-160':y=250:w=120:h=90:color=0xd9a441:t=fill,drawbox=x='mod(t*90+800,1200)-160':y=330:w=80:h=150:color=0xaab4bb:t=fill");

    private static (byte Red, byte Green, byte Blue) Paint(List<Part> parts, int x, int y, int grain)
    {
        // The belt between its rails, lit from the left above.
        var light = 1.12 - (0.22 * x / Width) - (0.12 * y / Height);
        var (r, g, b) = y is < 60 or >= Height - 60 ? (126.0, 132.0, 138.0) : (64.0, 69.0, 75.0);
        if (y is >= 60 and < Height - 60 && (x + (y / 3)) % 48 == 0) (r, g, b) = (58, 62, 68);
        foreach (var part in parts)
        {
            if (part.Holds(x - 5, y - 6)) (r, g, b) = (r * 0.7, g * 0.7, b * 0.7);
        }

        foreach (var part in parts)
        {
            if (!part.Holds(x, y)) continue;
            (r, g, b) = part.Kind switch { 0 => (196, 202, 208), 1 => (214, 158, 66), _ => (150, 170, 184) };
            var shine = ((part.X - x) + (part.Y - y)) / (part.Size * 6.0);
            (r, g, b) = (r * (1 + shine), g * (1 + shine), b * (1 + shine));
        }

        byte Of(double value) => (byte)Math.Clamp((value * light) + grain - 6, 0, 255);
        return (Of(r), Of(g), Of(b));
    }

    private static readonly (int Along, int Across)[] s_corners = [(1, 1), (-1, 1), (-1, -1), (1, -1)];

    private static double Square(double value) => value * value;

    /// <summary>A part.</summary>
    /// <param name="Kind">Place of its label.</param>
    /// <param name="X">Its middle.</param>
    /// <param name="Y">Its middle.</param>
    /// <param name="Size">Half of its length, in pixels.</param>
    /// <param name="Turn">How it is turned, in radians.</param>
    internal sealed record Part(int Kind, double X, double Y, double Size, double Turn)
    {
        /// <summary>How far it reaches from its middle.</summary>
        public double Reach => Kind == 1 ? Size * 1.25 : Size;

        /// <summary>Half the width of its box.</summary>
        public double HalfWidth => Kind == 0 ? Size : (Math.Abs(Math.Cos(Turn)) * Size) + (Math.Abs(Math.Sin(Turn)) * Size * Broad);

        /// <summary>Half the height of its box.</summary>
        public double HalfHeight => Kind == 0 ? Size : (Math.Abs(Math.Sin(Turn)) * Size) + (Math.Abs(Math.Cos(Turn)) * Size * Broad);

        private double Slim => Kind == 1 ? 0.7 : 0.24;

        // A bolt is as broad as its head.
        private double Broad => Kind == 1 ? Slim : Slim * 1.9;

        /// <summary>The corners of a plate, one after the other.</summary>
        public IReadOnlyList<(double X, double Y)> Corners =>
            [.. s_corners.Select(c => (X + (c.Along * Size * Math.Cos(Turn)) - (c.Across * Size * Slim * Math.Sin(Turn)), Y + (c.Along * Size * Math.Sin(Turn)) + (c.Across * Size * Slim * Math.Cos(Turn))))];

        /// <summary>Whether a point is on it.</summary>
        public bool Holds(double x, double y)
        {
            var (dx, dy) = (x - X, y - Y);
            if (Kind == 0) return Square(dx) + Square(dy) is var d && d <= Square(Size) && d >= Square(Size * 0.42);
            var (along, across) = ((dx * Math.Cos(Turn)) + (dy * Math.Sin(Turn)), (dy * Math.Cos(Turn)) - (dx * Math.Sin(Turn)));
            return Math.Abs(along) <= Size && Math.Abs(across) <= Size * Slim * (Kind == 2 && along > Size * 0.6 ? 1.9 : 1);
        }
    }
}
