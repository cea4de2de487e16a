using System.Globalization;
using System.Text;
using Annotator.Core.Student;

namespace Annotator.Tests.Models;

/// <summary>
/// Small encoders of texts with a table of our own: each word has a meaning, words of one meaning share a row. What they say of a text is therefore known beforehand. Written with the product's own
/// writer of graphs; nobody's model is needed.
/// </summary>
internal sealed class ToyEncoder
{
    private static readonly string[] s_marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    private readonly List<string> _words = [.. s_marks];
    private readonly List<float[]> _rows;

    /// <summary>An encoder that knows words.</summary>
    /// <param name="dimensions">Numbers in a vector.</param>
    /// <param name="meanings">Words of one meaning, meaning by meaning.</param>
    public ToyEncoder(int dimensions, params IEnumerable<string>[] meanings)
    {
        Dimensions = dimensions;
        var random = new Random(5);

        // The row of what fills up is not zero: who does not leave it out is found out.
        _rows = [.. s_marks.Select((_, i) => i == 0 ? Enumerable.Repeat(3f, dimensions).ToArray() : new float[dimensions])];
        foreach (var words in meanings)
        {
            float[] row = [.. Enumerable.Range(0, dimensions).Select(_ => (float)((random.NextDouble() * 2) - 1))];
            foreach (var word in words)
            {
                _words.Add(word);
                _rows.Add(row);
            }
        }
    }

    public int Dimensions { get; }

    public byte[] Vocabulary => Encoding.UTF8.GetBytes(string.Join('\n', _words) + "\n");

    /// <summary>The row of a word.</summary>
    public float[] this[string word] => _rows[_words.IndexOf(word)];

    /// <summary>The mean of words with the marks around them, whose rows are zero.</summary>
    public float[] Mean(params string[] words) => [.. Enumerable.Range(0, Dimensions).Select(k => words.Sum(w => this[w][k]) / (words.Length + 2))];

    /// <summary>Writes the graph.</summary>
    /// <param name="pooled">Whether it says one vector for a text itself, of the name sentence_embedding; else one for a token, last_hidden_state.</param>
    /// <param name="narrow">Whether its inputs are of 32 bits.</param>
    /// <param name="types">Whether it has the input token_type_ids.</param>
    /// <param name="spoil">What is wrong with it: a name of an input, "nan", "fixed", "unmasked", "rows", "float", "domain", "positions"; null: nothing.</param>
    public byte[] Graph(bool pooled = false, bool narrow = false, bool types = true, string? spoil = null)
    {
        var type = spoil is "float" ? OnnxType.Float : narrow ? OnnxType.Int32 : OnnxType.Int64;
        var graph = new OnnxGraph("toy");
        string[] shape = spoil is "fixed" ? ["1", "16"] : ["batch", "sequence"];
        var ids = graph.Input(spoil is "ids" ? "tokens" : "input_ids", type, shape);
        if (spoil is "float") ids = graph.Node("Cast", [ids], ("to", (int)OnnxType.Int64));
        var mask = spoil is "mask" ? null : graph.Input("attention_mask", type, shape);
        if (types) graph.Input("token_type_ids", type, shape);
        if (spoil is "other") graph.Input("position_ids", type, shape);
        var kept = spoil is "rows" ? _rows[..^1] : _rows;
        var table = graph.Constant(kept.SelectMany(r => r).ToArray(), kept.Count, Dimensions);
        if (spoil is "nan") table = graph.Node("Log", [graph.Node("Sub", [table, graph.Constant([100f], 1)])]);
        var tokens = graph.Node(spoil is "domain" ? "example.org" : "", "Gather", [table, ids], ("axis", 0));
        if (spoil is "positions")
        {
            // A table of positions that is too short for long texts, as that of every BERT.
            var width = graph.Node("Gather", [graph.Node("Shape", [ids]), graph.Constant(1)], ("axis", 0));
            var places = graph.Node("Slice", [graph.Constant(new float[64 * Dimensions], 64, Dimensions), graph.Constant(0), width, graph.Constant(0)]);
            tokens = graph.Node("Add", [tokens, places]);
        }

        var d = Dimensions.ToString(CultureInfo.InvariantCulture);
        if (!pooled)
        {
            graph.Output("last_hidden_state", tokens, OnnxType.Float, "batch", "sequence", d);
            return graph.Build("test", "1");
        }

        var weights = graph.Node("Unsqueeze", [graph.Node("Cast", [mask ?? ids], ("to", (int)OnnxType.Float)), graph.Constant(2)]);
        if (spoil is "unmasked") weights = graph.Node("Add", [graph.Node("Mul", [weights, graph.Constant([0f], 1)]), graph.Constant([1f], 1)]);
        var sum = graph.Node("ReduceSum", [graph.Node("Mul", [tokens, weights]), graph.Constant(1)], ("keepdims", 0));
        var count = graph.Node("ReduceSum", [weights, graph.Constant(1)], ("keepdims", 0));
        graph.Output("sentence_embedding", graph.Node("Div", [sum, count]), OnnxType.Float, "batch", d);
        return graph.Build("test", "1");
    }

    /// <summary>The graph with its weights said to be in another file.</summary>
    public byte[] External(string path)
    {
        var proto = Core.Student.Onnx.ModelProto.Parser.ParseFrom(Graph());
        var tensor = proto.Graph.Initializer[0];
        tensor.RawData = Google.Protobuf.ByteString.Empty;
        tensor.DataLocation = 1;
        tensor.ExternalData.Add(new Core.Student.Onnx.StringStringEntryProto { Key = "location", Value = path });
        return Google.Protobuf.MessageExtensions.ToByteArray(proto);
    }

    /// <summary>A SentencePiece model of pieces that are equally likely, as its library writes one.</summary>
    public static byte[] SentencePiece(params string[] pieces)
    {
        using var memory = new MemoryStream();
        using (var writer = new Google.Protobuf.CodedOutputStream(memory, leaveOpen: true))
        {
            string[] all = ["<unk>", "<s>", "</s>", .. pieces];
            for (var i = 0; i < all.Length; i++)
            {
                var score = i < 3 ? 0 : -1f - (i * 0.01f);
                Write(writer, 1, piece =>
                {
                    piece.WriteTag(1, Google.Protobuf.WireFormat.WireType.LengthDelimited);
                    piece.WriteString(all[i]);
                    piece.WriteTag(2, Google.Protobuf.WireFormat.WireType.Fixed32);
                    piece.WriteFloat(score);
                    piece.WriteTag(3, Google.Protobuf.WireFormat.WireType.Varint);
                    piece.WriteEnum(i == 0 ? 2 : i < 3 ? 3 : 1);
                });
            }

            Write(writer, 2, trainer =>
            {
                foreach (var (field, value) in new[] { (3, 1), (40, 0), (41, 1), (42, 2) })
                {
                    trainer.WriteTag(field, Google.Protobuf.WireFormat.WireType.Varint);
                    trainer.WriteInt32(value);
                }
            });
            Write(writer, 3, normalizer =>
            {
                foreach (var field in new[] { 3, 4, 5 })
                {
                    normalizer.WriteTag(field, Google.Protobuf.WireFormat.WireType.Varint);
                    normalizer.WriteBool(true);
                }
            });
        }

        return memory.ToArray();
    }

    private static void Write(Google.Protobuf.CodedOutputStream writer, int field, Action<Google.Protobuf.CodedOutputStream> content)
    {
        using var memory = new MemoryStream();
        using (var inner = new Google.Protobuf.CodedOutputStream(memory, leaveOpen: true)) content(inner);
        writer.WriteTag(field, Google.Protobuf.WireFormat.WireType.LengthDelimited);
        writer.WriteBytes(Google.Protobuf.ByteString.CopyFrom(memory.ToArray()));
    }
}
