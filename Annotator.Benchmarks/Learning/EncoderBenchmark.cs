using System.Diagnostics;
using System.Globalization;
using System.Text;
using Annotator.Core.Models;
using Annotator.Core.Models.Encoders;
using Annotator.Core.Student;

namespace Annotator.Benchmarks.Learning;

/// <summary>
/// <c>encoder [n]</c>: texts a second of a synthetic encoder with the tables and dense layers of a small BERT (30,000 tokens, 384 numbers, 6 layers of 1,536; attention, which is a small part of the work on
/// short texts, left out): cut alone, encoded one by one, in batches as they come, and in batches of like length as the product makes them.
/// </summary>
internal static class EncoderBenchmark
{
    private const int Width = 384;
    private const int Inner = 1_536;
    private const int Layers = 6;

    internal static Task<int> RunAsync(string[] args)
    {
        var count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 2_000;

        // One text in eight is ten times as long as the others, as among reviews and messages.
        var texts = PeerData.Texts(count * 2).Chunk(2).Select((pair, i) => i % 8 == 0 ? string.Join(' ', Enumerable.Repeat(pair[0], 10)) : pair[1]).ToArray();
        var words = texts.SelectMany(t => t.Split(' ')).Select(w => w.ToLowerInvariant()).Distinct(StringComparer.Ordinal).Take(29_000).ToArray();
        var vocabulary = TokenizerFile.Recognize(Encoding.UTF8.GetBytes(string.Join('\n', [.. (string[])["[PAD]", "[UNK]", "[CLS]", "[SEP]"], .. words])));
        var graph = Graph(words.Length + 4);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count:N0} texts, {texts.Average(t => t.Length):0} characters on average, longest {texts.Max(t => t.Length)}; model of {graph.Length / 1e6:0} MB."));
        foreach (var threads in (int[])[1, Environment.ProcessorCount])
        {
            using var encoder = TextEncoder.Open(graph, [vocabulary], new TextEncoderSpec(), new ModelOptions { Threads = threads });
            encoder.Encode(texts[..32]);
            Measure($"{threads} thread(s), cut into tokens only", count, () => Array.ForEach(texts, t => encoder.Tokenizer.Encode(t, 256)));
            Measure($"{threads} thread(s), one by one", Math.Min(count, 500), () => Array.ForEach(texts[..Math.Min(count, 500)], t => encoder.Encode([t])));
            Measure($"{threads} thread(s), 32 as they come", count, () =>
            {
                foreach (var part in texts.Chunk(32)) encoder.Encode(part);
            });
            Measure($"{threads} thread(s), of like length among 256", count, () =>
            {
                foreach (var part in texts.Chunk(256)) encoder.Encode(part);
            });
        }

        return Task.FromResult(0);
    }

    private static void Measure(string what, int count, Action work)
    {
        var started = Stopwatch.GetTimestamp();
        work();
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what,-48} {count / seconds,10:N0} texts/s"));
    }

    private static byte[] Graph(int known)
    {
        var random = new Random(1);
        float[] Weights(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)(((random.NextDouble() * 2) - 1) * scale))];
        var graph = new OnnxGraph("encoder");
        var ids = graph.Input("input_ids", OnnxType.Int64, "batch", "sequence");
        graph.Input("attention_mask", OnnxType.Int64, "batch", "sequence");
        var tokens = graph.Node("Gather", [graph.Constant(Weights(known * Width, 1), known, Width), ids], ("axis", 0));
        for (var layer = 0; layer < Layers; layer++)
        {
            // As many products as the projections of attention and the two dense layers have.
            for (var k = 0; k < 4; k++) tokens = graph.Node("Tanh", [graph.Node("MatMul", [tokens, graph.Constant(Weights(Width * Width, 0.1), Width, Width)])]);
            var inner = graph.Node("Relu", [graph.Node("MatMul", [tokens, graph.Constant(Weights(Width * Inner, 0.1), Width, Inner)])]);
            tokens = graph.Node("Add", [tokens, graph.Node("MatMul", [inner, graph.Constant(Weights(Inner * Width, 0.02), Inner, Width)])]);
        }

        graph.Output("last_hidden_state", tokens, OnnxType.Float, "batch", "sequence", Width.ToString(CultureInfo.InvariantCulture));
        return graph.Build(StudentGraph.Producer, "1");
    }
}
