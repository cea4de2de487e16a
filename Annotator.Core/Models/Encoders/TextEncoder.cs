using System.Globalization;
using System.Numerics.Tensors;
using Annotator.Core.Student;
using Annotator.Core.Student.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Annotator.Core.Models.Encoders;

/// <summary>An uploaded encoder of texts in service: cuts texts into tokens, runs the model on several of like length at a time and makes one vector of each. Thread-safe.</summary>
public sealed class TextEncoder : IDisposable
{
    /// <summary>The most numbers that a vector may have.</summary>
    public const int MostDimensions = 2_048;

    // More than one text at a time is worth it up to here; what a batch holds is bounded by its tokens.
    private const int MostTexts = 128;

    private const string Ids = "input_ids";
    private const string Mask = "attention_mask";
    private const string Types = "token_type_ids";

    // By name, the surest first: vectors of texts, and vectors of tokens.
    private static readonly string[] s_texts = ["sentence_embedding", "sentence_embeddings", "text_embeds", "pooled", "embedding", "embeddings"];
    private static readonly string[] s_tokens = ["last_hidden_state", "token_embeddings", "hidden_states"];

    private readonly InferenceSession _session;
    private readonly TextTokenizer _tokenizer;
    private readonly TextEncoderSpec _spec;
    private readonly int _batchTokens;
    private readonly (string Name, bool Wide)[] _inputs;

    private TextEncoder(InferenceSession session, TextTokenizer tokenizer, TextEncoderSpec spec, int batchTokens)
    {
        (_session, _tokenizer, _spec, _batchTokens) = (session, tokenizer, spec, batchTokens);
        _inputs = InputsOf(session);
        (Output, Pooling, Dimensions) = Settle();
    }

    /// <summary>Numbers in a vector.</summary>
    public int Dimensions { get; }

    /// <summary>The output that is read.</summary>
    public string Output { get; }

    /// <summary>How a text's vector is made of it.</summary>
    public Pooling Pooling { get; }

    internal TextTokenizer Tokenizer => _tokenizer;

    /// <summary>Opens an encoder.</summary>
    /// <param name="model">The ONNX file.</param>
    /// <param name="tokenizer">The files of its tokenizer.</param>
    /// <param name="spec">How texts go in and a vector comes out.</param>
    /// <param name="runtime">Where and how models run.</param>
    /// <exception cref="EncoderRefusedException">It is no such encoder; the message says which file, input or output is wrong, and what is needed.</exception>
    internal static TextEncoder Open(byte[] model, IReadOnlyList<TokenizerFile> tokenizer, TextEncoderSpec spec, ModelOptions runtime)
    {
        ArgumentNullException.ThrowIfNull(spec);
        try
        {
            var read = OnnxFiles.Read(model);
            var rows = TableRows(read.Graph);
            var opened = TextTokenizer.Open(tokenizer, spec.Lowercase, spec.XlmRoberta, rows);
            if (rows > 0 && opened.Highest >= rows) throw new EncoderRefusedException("tokenizer", string.Create(CultureInfo.InvariantCulture, $"The tokenizer numbers its tokens up to {opened.Highest}, and the model's table of tokens has {rows} rows: the two do not go together."));
            using var options = ModelRuntime.SessionOptions(runtime);
            var session = new InferenceSession(model, options);
            try
            {
                return new TextEncoder(session, opened, spec, runtime.EncoderBatchTokens);
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
        catch (ModelRefusedException e)
        {
            throw new EncoderRefusedException("model", e.Message, e);
        }
        catch (OnnxRuntimeException e)
        {
            throw new EncoderRefusedException("model", $"ONNX Runtime cannot run the model: {e.Message}", e);
        }
    }

    /// <summary>The vectors of texts, row by row in their order.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>As many times <see cref="Dimensions"/> numbers as there are texts.</returns>
    /// <exception cref="EncoderRefusedException">The model failed, or said what is not a number.</exception>
    public float[] Encode(IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var rows = new float[checked(texts.Count * Dimensions)];
        var tokens = new int[texts.Count][];
        for (var i = 0; i < tokens.Length; i++) tokens[i] = _tokenizer.Encode(_spec.Prefix + texts[i], _spec.MaxTokens);

        // Texts of like length go together: what is filled up is worked on as well.
        var order = Enumerable.Range(0, tokens.Length).OrderBy(i => tokens[i].Length).ToArray();
        for (var from = 0; from < order.Length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var to = from + 1;
            while (to < order.Length && to - from < MostTexts && tokens[order[to]].Length * (to - from + 1) <= _batchTokens) to++;
            var batch = order.AsSpan(from, to - from);
            Run(batch, tokens, rows, cancellationToken);
            from = to;
        }

        return rows;
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private static (string Name, bool Wide)[] InputsOf(InferenceSession session)
    {
        var inputs = session.InputMetadata;
        foreach (var (name, input) in inputs)
        {
            if (name is not (Ids or Mask or Types)) throw Refused($"The model has the input \"{OnnxFiles.Short(name)}\", which is not known: {Ids}, {Mask} and {Types} are.");
            if (!input.IsTensor || (input.ElementType != typeof(long) && input.ElementType != typeof(int))) throw Refused($"The model's input {name} is of type {input.ElementType?.Name ?? "unknown"}; whole numbers of 64 or 32 bits are needed.");
            if (input.Dimensions.Length is not (0 or 2)) throw Refused($"The model's input {name} has {input.Dimensions.Length} dimensions; two are needed, texts and tokens.");
            if (input.Dimensions.Length == 2 && (input.Dimensions[0] > 0 || input.Dimensions[1] > 0))
                throw Refused(string.Create(CultureInfo.InvariantCulture, $"The model's input {name} has the fixed shape [{string.Join(", ", input.Dimensions.Select(d => d > 0 ? d.ToString(CultureInfo.InvariantCulture) : "any"))}]; export it with dynamic axes for texts and tokens."));
        }

        foreach (var needed in (string[])[Ids, Mask])
        {
            if (!inputs.ContainsKey(needed)) throw Refused($"The model has no input {needed}. It has: {string.Join(", ", inputs.Keys.Take(10).Select(OnnxFiles.Short))}.");
        }

        return [.. inputs.Select(i => (i.Key, i.Value.ElementType == typeof(long)))];
    }

    private static EncoderRefusedException Refused(string message) => new("model", message);

    // Rows of the table that tokens are looked up in; 0 where there is none that can be told.
    private static int TableRows(GraphProto graph)
    {
        var constants = graph.Initializer.Where(i => i.Dims.Count == 2).GroupBy(i => i.Name, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First().Dims[0], StringComparer.Ordinal);
        var same = new HashSet<string>(StringComparer.Ordinal) { Ids };
        foreach (var node in graph.Node)
        {
            if (node.OpType is "Gather" && node.Input.Count == 2 && same.Contains(node.Input[1]) && constants.TryGetValue(node.Input[0], out var rows) && rows is > 0 and <= int.MaxValue) return (int)rows;
            if (node.OpType is "Cast" or "Identity" && node.Input.Count == 1 && same.Contains(node.Input[0])) same.UnionWith(node.Output);
        }

        return 0;
    }

    // Which output is read, and what it is: by what it says of texts of several lengths.
    private (string Output, Pooling Pooling, int Dimensions) Settle()
    {
        int[][] tokens = [.. s_samples.Select(t => _tokenizer.Encode(_spec.Prefix + t, _spec.MaxTokens))];
        var names = _session.OutputMetadata.Where(o => o.Value.IsTensor && o.Value.ElementType == typeof(float)).Select(o => o.Key).ToList();
        var all = _session.OutputMetadata.Select(o => $"{OnnxFiles.Short(o.Key)} ({(o.Value.IsTensor ? o.Value.ElementType?.Name : "no tensor")})").Take(20).ToList();
        if (_spec.Output is { } wanted && !names.Contains(wanted, StringComparer.Ordinal))
            throw new EncoderRefusedException("spec.output", $"The model has no output \"{OnnxFiles.Short(wanted)}\" of 32-bit floating-point numbers. It has: {string.Join(", ", all)}.");
        if (names.Count == 0) throw Refused($"The model has no output of 32-bit floating-point numbers. It has: {string.Join(", ", all)}.");
        if (_spec.Output is { } named) names = [named];
        var width = tokens.Max(t => t.Length);
        var shapes = RunRaw([.. Enumerable.Range(0, tokens.Length)], tokens, width, names, outputs => outputs.Select(o => o.GetTensorTypeAndShape().Shape).ToList());
        var found = names.Zip(shapes).Where(o => o.Second is [var n, .., > 0] && n == tokens.Length && (o.Second.Length == 2 || (o.Second.Length == 3 && o.Second[1] == width))).ToList();
        var said = string.Join(", ", names.Zip(shapes).Select(o => $"{OnnxFiles.Short(o.First)} [{string.Join(", ", o.Second)}]"));
        var (texts, rows) = (found.Where(o => o.Second.Length == 2).ToList(), found.Where(o => o.Second.Length == 3).ToList());
        var byText = s_texts.Select(n => texts.Find(o => string.Equals(o.First, n, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(o => o.First is not null);
        var byToken = s_tokens.Select(n => rows.Find(o => string.Equals(o.First, n, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(o => o.First is not null);
        var ofText = byText.First is not null ? byText : texts.FirstOrDefault();
        var ofToken = byToken.First is not null ? byToken : rows.FirstOrDefault();
        var chosen = _spec.Pooling switch
        {
            Pooling.None => ofText.First is not null ? (ofText, Pooling.None) : throw new EncoderRefusedException("spec.pooling", $"Pooling \"none\" needs an output [texts, numbers]; the model says of {tokens.Length} texts of up to {width} tokens: {said}."),
            { } pooling => ofToken.First is not null ? (ofToken, pooling) : throw new EncoderRefusedException("spec.pooling", $"Pooling \"{(pooling == Pooling.Mean ? "mean" : "cls")}\" needs an output [texts, tokens, numbers]; the model says of {tokens.Length} texts of up to {width} tokens: {said}."),
            null when byText.First is not null => (byText, Pooling.None),
            null when byToken.First is not null => (byToken, Pooling.Mean),
            null when ofText.First is not null => (ofText, Pooling.None),
            null when ofToken.First is not null => (ofToken, Pooling.Mean),
            null => throw Refused($"No output is [texts, numbers] or [texts, tokens, numbers]; the model says of {tokens.Length} texts of up to {width} tokens: {said}."),
        };
        var dimensions = chosen.Item1.Second[^1];
        if (dimensions > MostDimensions) throw Refused(string.Create(CultureInfo.InvariantCulture, $"The model's output {OnnxFiles.Short(chosen.Item1.First)} has {dimensions} numbers for a text; at most {MostDimensions} are taken."));
        return (chosen.Item1.First, chosen.Item2, (int)dimensions);
    }

    /// <summary>Texts that every encoder is tried on: of several lengths, in the languages of the interface, one without letters.</summary>
    internal static readonly string[] s_samples =
    [
        "Where is the parcel that I ordered last week?",
        "Please cancel my order, and send the money back to the card that I paid with: it was charged twice on the 3rd of May.",
        "지난주에 주문한 택배가 아직 도착하지 않았어요.",
        "12:30",
    ];

    private void Run(ReadOnlySpan<int> batch, int[][] tokens, float[] rows, CancellationToken cancellationToken)
    {
        var width = tokens[batch[^1]].Length;
        var places = batch.ToArray();
        try
        {
            RunRaw(places, tokens, width, [Output], outputs =>
            {
                var shape = outputs[0].GetTensorTypeAndShape().Shape;
                long[] expected = Pooling == Pooling.None ? [places.Length, Dimensions] : [places.Length, width, Dimensions];
                if (!shape.AsSpan().SequenceEqual(expected)) throw Refused($"The model's output {OnnxFiles.Short(Output)} is [{string.Join(", ", shape)}] for {places.Length} texts of {width} tokens; [{string.Join(", ", expected)}] is needed.");
                var said = outputs[0].GetTensorDataAsSpan<float>();
                for (var i = 0; i < places.Length; i++)
                {
                    var row = rows.AsSpan(places[i] * Dimensions, Dimensions);
                    Pool(said.Slice(i * (said.Length / places.Length), said.Length / places.Length), tokens[places[i]].Length, row);
                    if (!float.IsFinite(TensorPrimitives.Sum(row))) throw Refused($"The model's output {OnnxFiles.Short(Output)} is not a finite number for a text of {tokens[places[i]].Length} tokens.");
                    if (_spec.Normalize) Learning.Representation.Vectors.Normalize(row);
                }

                return true;
            }, cancellationToken);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OnnxRuntimeException e)
        {
            throw new EncoderRefusedException("model", string.Create(CultureInfo.InvariantCulture, $"The model fails on {places.Length} texts of up to {width} tokens: {e.Message}"), e);
        }
    }

    private void Pool(ReadOnlySpan<float> said, int count, Span<float> row)
    {
        if (Pooling != Pooling.Mean)
        {
            said[..Dimensions].CopyTo(row);
            return;
        }

        row.Clear();
        for (var t = 0; t < count; t++) TensorPrimitives.Add(row, said.Slice(t * Dimensions, Dimensions), row);
        TensorPrimitives.Divide(row, count, row);
    }

    private T RunRaw<T>(ReadOnlySpan<int> places, int[][] tokens, int width, IReadOnlyCollection<string> outputs, Func<IDisposableReadOnlyCollection<OrtValue>, T> read, CancellationToken cancellationToken = default)
    {
        var inputs = new List<OrtValue>();
        try
        {
            foreach (var (name, wide) in _inputs)
            {
                var values = new long[places.Length * width];
                for (var i = 0; i < places.Length; i++)
                {
                    var row = values.AsSpan(i * width, width);
                    var text = tokens[places[i]];
                    if (name is Ids)
                    {
                        for (var t = 0; t < width; t++) row[t] = t < text.Length ? text[t] : _tokenizer.Pad;
                    }
                    else if (name is Mask)
                    {
                        row[..text.Length].Fill(1);
                    }
                }

                inputs.Add(wide
                    ? OrtValue.CreateTensorValueFromMemory(values, [places.Length, width])
                    : OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values, v => (int)v), [places.Length, width]));
            }

            // Whatever the model does meanwhile, a cancellation ends it.
            using var options = new RunOptions();
            using var ended = cancellationToken.Register(() => options.Terminate = true);
            using var said = _session.Run(options, [.. _inputs.Select(i => i.Name)], inputs, outputs);
            return read(said);
        }
        finally
        {
            foreach (var input in inputs) input.Dispose();
        }
    }
}
