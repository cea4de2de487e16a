using Annotator.Tests.Support;

namespace Annotator.Tests.Browser;

/// <summary>Properties of the plane geometry that drawing stands on, over random boxes and polygons, in the browser that runs it.</summary>
[Collection(BrowserCollection.Name)]
public class CanvasGeometryTests(BrowserFixture browser)
{
    [Fact]
    public async Task BoxesStayInTheImage_PolygonsAreThinnedWithinTheTolerance_ZoomKeepsWhatIsUnderTheCursor()
    {
        await using var visitor = await browser.SignedInAsync();
        await visitor.Page.GotoAsync("/");
        Assert.Empty(await visitor.Page.EvaluateAsync<string[]>(
            """
            async () => {
              const { boxBetween, resizedBox, movedBox, simplified, inPolygon, movedPoints, boundsOf } = await import("/js/canvas/geometry.js");
              const { Viewport } = await import("/js/canvas/viewport.js");
              const failures = [];
              const check = (ok, what) => { if (!ok && failures.length < 10) failures.push(what); };
              let seed = 12345;
              const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
              const between = (a, b) => a + (random() * (b - a));
              const [W, H] = [640, 480];
              const inside = (b) => b.x >= 0 && b.y >= 0 && b.x + b.width <= W && b.y + b.height <= H;
              for (let i = 0; i < 2000; i++) {
                const b = boxBetween([between(-50, 700), between(-50, 550)], [between(-50, 700), between(-50, 550)], W, H);
                check(inside(b) && b.width >= 1 && b.height >= 1 && [b.x, b.y, b.width, b.height].every(Number.isInteger), `between ${JSON.stringify(b)}`);
                const handle = ["n", "ne", "e", "se", "s", "sw", "w", "nw"][i % 8];
                const r = resizedBox(b, handle, between(-50, 700), between(-50, 550), W, H);
                check(inside(r) && r.width >= 1 && r.height >= 1, `resized ${JSON.stringify(r)}`);
                if (handle === "n" || handle === "s") check(r.x === b.x && r.width === b.width, "an edge keeps the other axis");
                const m = movedBox(b, between(-900, 900), between(-900, 900), W, H);
                check(inside(m) && m.width === b.width && m.height === b.height, `moved ${JSON.stringify(m)}`);
                const n = 4 + Math.floor(between(0, 40));
                const points = Array.from({ length: n }, (_, k) => [320 + Math.cos((k / n) * 2 * Math.PI) * between(60, 200), 240 + Math.sin((k / n) * 2 * Math.PI) * between(60, 200)]);
                const s = simplified(points, 3);
                check(s.length >= 3 && s.length <= n && s.every((p) => points.includes(p)), `simplified ${n} ${s.length}`);
                // Nothing that was left out lies farther from the new outline than the tolerance.
                const off = (p) => Math.min(...s.map((a, k) => { const c = s[(k + 1) % s.length]; const l = Math.hypot(c[0] - a[0], c[1] - a[1]); const t = l === 0 ? 0 : Math.min(1, Math.max(0, (((p[0] - a[0]) * (c[0] - a[0])) + ((p[1] - a[1]) * (c[1] - a[1]))) / (l * l))); return Math.hypot(p[0] - a[0] - t * (c[0] - a[0]), p[1] - a[1] - t * (c[1] - a[1])); }));
                check(Math.max(...points.map(off)) <= 3 + 1e-9, "within the tolerance");
                check(inPolygon(points, 320, 240) && !inPolygon(points, 5, 5), "the middle is inside, a corner of the image is not");
                const q = boundsOf(movedPoints(points, between(-900, 900), 0, W, H));
                check(q.x >= -0.06 && q.x + q.width <= W + 0.06, "points stay in the image");
                const v = new Viewport();
                v.setRoom(800, 500);
                v.setImage(W, H);
                const at = [between(100, 700), between(100, 400)];
                const before = v.toImage(...at);
                v.zoom(between(1.01, 3), ...at);
                const after = v.toImage(...at);
                check(Math.hypot(before[0] - after[0], before[1] - after[1]) < 1e-6, "what is under the cursor stays there");
                const back = v.toScreen(...v.toImage(123, 45));
                check(Math.hypot(back[0] - 123, back[1] - 45) < 1e-6, "there and back");
              }
              return failures;
            }
            """));
    }
}
