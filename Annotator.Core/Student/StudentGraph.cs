using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Annotator.Core.Student;

/// <summary>
/// Writes a student as one self-contained ONNX file. Of texts: input <c>text</c> (string[N]), outputs <c>label</c> (string[N]) and <c>probabilities</c>
/// (float[N, classes]). Everything from case folding to calibration is inside, as data: no locale, no tokenizer file, no external weights.
/// Needs ONNX Runtime's own operators Tokenizer and MurmurHash3, which every build of ONNX Runtime has.
/// </summary>
public static class StudentGraph
{
    /// <summary>Name of the program in the files it writes.</summary>
    public const string Producer = "Annotator";

    /// <summary>Writes the graph.</summary>
    /// <param name="model">Weights.</param>
    /// <param name="classes">Label of each class, in the order of the model's classes.</param>
    /// <param name="temperature">Scores are divided by this before they become probabilities.</param>
    /// <param name="metadata">Further entries of the file's metadata, for example a version; the keys <c>classes</c>, <c>task</c> and <c>multiple</c> are taken.</param>
    /// <returns>The bytes of the file. The same input gives the same bytes.</returns>
    /// <exception cref="ArgumentException">Labels and model do not fit, or the temperature is not a positive number.</exception>
    public static byte[] Write(SoftmaxModel model, IReadOnlyList<string> classes, Temperature temperature, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(classes);
        if (classes.Count != model.Classes) throw new ArgumentException($"The model has {model.Classes} classes, {classes.Count} labels were given.", nameof(classes));
        if (!temperature.IsValid) throw new ArgumentException($"The temperature must be a positive number, its slope at most {Temperature.SteepestSlope} on either side of 0.", nameof(temperature));

        if (model.Features is not TextFeatureOptions options) return Images.ImageStudentGraph.Write(model, classes, temperature, metadata);
        var graph = new OnnxGraph("student");
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>(StringComparer.Ordinal)) graph.Metadata(key, value);
        graph.Metadata("classes", JsonSerializer.Serialize(classes));
        graph.Metadata("task", "text-classification");
        graph.Metadata("maximumLength", options.MaximumLength.ToString(CultureInfo.InvariantCulture));
        graph.Metadata("multiple", model.Multiple ? "true" : "false");
        graph.Metadata("features", string.Create(CultureInfo.InvariantCulture, $"{options.CharacterBits} {options.WordBits} {options.ShortestCharacters} {options.LongestCharacters}"));

        var text = graph.Input("text", OnnxType.Text, "N");
        var buckets = Features(graph, text, options);
        var scores = Scores(graph, buckets, model);
        Outputs(graph, scores, classes, model.Multiple, temperature);
        return graph.Build(Producer, typeof(StudentGraph).Assembly.GetName().Version?.ToString(3) ?? "0");
    }

    /// <summary>What every student answers: <c>label</c> and <c>probabilities</c> from scores [N, classes].</summary>
    internal static void Outputs(OnnxGraph graph, string scores, IReadOnlyList<string> classes, bool multiple, Temperature temperature)
    {
        scores = Divided(graph, scores, classes.Count, temperature);
        var probabilities = multiple ? graph.Node("Sigmoid", [scores]) : graph.Node("Softmax", [scores], ("axis", 1));
        var best = graph.Node("ArgMax", [scores], ("axis", 1), ("keepdims", 0));
        var label = graph.Node("Gather", [graph.Constant(classes, classes.Count), best], ("axis", 0));
        graph.Output("label", label, OnnxType.Text, "N");
        graph.Output("probabilities", probabilities, OnnxType.Float, "N", classes.Count.ToString(CultureInfo.InvariantCulture));
    }

    // What Temperature.Apply does. Sums are products with ones, which all versions of ONNX's operators write alike.
    private static string Divided(OnnxGraph graph, string scores, int classes, Temperature temperature)
    {
        var factor = graph.Constant([(float)(1 / temperature.Base)], 1);
        if (temperature.Slope == 0) return graph.Node("Mul", [scores, factor]);
        var probabilities = graph.Node("Softmax", [scores], ("axis", 1));
        var logarithms = graph.Node("Log", [graph.Node("Max", [probabilities, graph.Constant([1e-12f], 1)])]);
        var share = new float[classes];
        Array.Fill(share, (float)(-1 / Math.Log(classes)));
        var entropy = graph.Node("MatMul", [graph.Node("Mul", [probabilities, logarithms]), graph.Constant(share, classes, 1)]);
        var undecided = graph.Node("Add", [entropy, graph.Constant([(float)Temperature.Floor], 1)]);
        factor = graph.Node("Mul", [graph.Node("Pow", [undecided, graph.Constant([(float)temperature.Slope], 1)]), factor]);
        return graph.Node("Mul", [scores, factor]);
    }

    /// <summary>The front half alone: <c>text</c> to <c>buckets</c> (int64[N, F], padded with the number of buckets). For tests of <see cref="TextFeatures"/>.</summary>
    internal static byte[] WriteFeatures(TextFeatureOptions options)
    {
        var graph = new OnnxGraph("features");
        graph.Output("buckets", Features(graph, graph.Input("text", OnnxType.Text, "N"), options), OnnxType.Int64, "N", "F");
        return graph.Build(Producer, "1");
    }

    private static string Features(OnnxGraph graph, string text, TextFeatureOptions options)
    {
        var prime = graph.Constant(CharacterTable.Prime);
        string Modulo(string value, string divisor) => graph.Node("Mod", [value, divisor]);
        string Slice(string value, string from, string to, string axis) => graph.Node("Slice", [value, from, to, axis]);

        var zero = graph.Constant(0);
        var one = graph.Constant(1);
        var two = graph.Constant(2);
        var minusOne = graph.Constant(-1);
        var maximum = graph.Constant(long.MaxValue);
        var none = graph.Constant(options.Buckets);

        // [N, L] characters: start mark, text, end mark; "" after the end of shorter texts. Cut to the length that is read.
        var marked = graph.Node("StringConcat", [graph.Constant([CharacterTable.Start.ToString()], 1), text]);
        marked = graph.Node("StringConcat", [marked, graph.Constant([CharacterTable.End.ToString()], 1)]);
        var characters = graph.Node(
            OnnxGraph.Microsoft, "Tokenizer", [marked], ("mark", 0), ("mincharnum", 1), ("pad_value", ""), ("separators", new[] { "" }));
        characters = Slice(characters, zero, graph.Constant(options.MaximumLength + 2), one);

        // [N, L] numbers, 0 for padding.
        var folded = CharacterTable.FoldedRunes().ToList();
        var hash = graph.Node("Cast", [graph.Node(OnnxGraph.Microsoft, "MurmurHash3", [characters], ("positive", 1), ("seed", 0))], ("to", (int)OnnxType.Int64));
        hash = graph.Node("Add", [Modulo(hash, graph.Constant(CharacterTable.Prime - 1)), one]);
        var fold = graph.Node(
            OnnxGraph.MachineLearning,
            "LabelEncoder",
            [characters],
            ("keys_strings", folded.Select(rune => rune.ToString()).Prepend("").ToArray()),
            ("values_int64s", folded.Select(rune => CharacterTable.Number(CharacterTable.Compute(rune))).Prepend(0).ToArray()),
            ("default_int64", -1));
        var numbers = graph.Node("Where", [graph.Node("Less", [fold, zero]), hash, fold]);

        var parts = CharacterGrams(graph, numbers, options, prime, none);

        // Words: where a run of word characters starts and ends.
        var inWord = graph.Node("Cast", [graph.Node("RegexFullMatch", [characters], ("pattern", CharacterTable.WordPattern()))], ("to", (int)OnnxType.Int64));
        var around = graph.Node("Pad", [inWord, graph.Constant([0, 1, 0, 1], 4)]);
        var before = Slice(around, zero, graph.Constant(-2), one);
        var after = Slice(around, two, maximum, one);
        var starts = graph.Node("Mul", [inWord, graph.Node("Sub", [one, before])]);
        var ends = graph.Node("Mul", [inWord, graph.Node("Sub", [one, after])]);
        var startAt = graph.Node("Transpose", [graph.Node("NonZero", [starts])], ("perm", new long[] { 1, 0 }));
        var endAt = graph.Node("Transpose", [graph.Node("NonZero", [ends])], ("perm", new long[] { 1, 0 }));

        // Number of a word: a difference of two prefix sums of number · base^position, divided by base^start, all modulo the prime.
        var (powers, inverses) = Powers(options.MaximumLength + 2);
        var length = graph.Node("Shape", [numbers], ("start", 1), ("end", 2));
        var powersHere = Slice(graph.Constant(powers, powers.Length), zero, length, zero);
        var terms = graph.Node("Mul", [Modulo(graph.Node("Mul", [numbers, powersHere]), prime), inWord]);
        var sums = graph.Node("CumSum", [terms, graph.ConstantScalar(1)]);
        var sumToEnd = graph.Node("GatherND", [sums, endAt]);
        var sumToStart = graph.Node("GatherND", [graph.Node("Sub", [sums, terms]), startAt]);
        var rows = graph.Node("Gather", [startAt, graph.ConstantScalar(0)], ("axis", 1));
        var columns = graph.Node("Gather", [startAt, graph.ConstantScalar(1)], ("axis", 1));
        var inverse = graph.Node("Gather", [graph.Constant(inverses, inverses.Length), columns], ("axis", 0));
        var words = Modulo(graph.Node("Mul", [Modulo(graph.Node("Sub", [sumToEnd, sumToStart]), prime), inverse]), prime);

        var first = graph.Constant(1L << options.CharacterBits);
        var wordBuckets = graph.Constant(1L << options.WordBits);
        string Bucket(string value) => graph.Node("Add", [Modulo(Modulo(value, prime), wordBuckets), first]);
        var single = Bucket(graph.Node("Mul", [words, graph.Constant(TextFeatures.WordFactor)]));

        var wordBefore = Slice(graph.Node("Pad", [words, graph.Constant([1, 0], 2)]), zero, minusOne, zero);
        var previousRow = Slice(graph.Node("Pad", [rows, graph.Constant([1, 0], 2), graph.ConstantScalar(-1)]), zero, minusOne, zero);
        var previous = graph.Node("Where", [graph.Node("Equal", [rows, previousRow]), wordBefore, graph.Constant(TextFeatures.FirstWord)]);
        var pair = Bucket(graph.Node("Add", [graph.Node("Mul", [previous, graph.Constant(TextFeatures.PairBase)]), words]));

        // Back to [N, words of the longest text].
        var numbered = graph.Node("CumSum", [starts, graph.ConstantScalar(1)]);
        var place = graph.Node("Sub", [graph.Node("GatherND", [numbered, startAt]), one]);
        var at = graph.Node("Concat", [graph.Node("Unsqueeze", [rows, one]), graph.Node("Unsqueeze", [place, one])], ("axis", 1));
        var most = graph.Node("Max", [graph.Node("Reshape", [graph.Node("ReduceMax", [numbered], ("keepdims", 0)), one]), one]);
        var shape = graph.Node("Concat", [graph.Node("Shape", [text]), most], ("axis", 0));
        var empty = graph.Node("ConstantOfShape", [shape], ("value", OnnxGraph.Scalar(options.Buckets)));
        parts.Add(graph.Node("ScatterND", [empty, at, single]));
        parts.Add(graph.Node("ScatterND", [empty, at, pair]));
        return graph.Node("Concat", parts, ("axis", 1));
    }

    private static List<string> CharacterGrams(OnnxGraph graph, string numbers, TextFeatureOptions options, string prime, string none)
    {
        var longest = options.LongestCharacters;
        var zero = graph.Constant(0);
        var one = graph.Constant(1);
        var mask = graph.Constant(1L << options.CharacterBits);
        var factor = graph.Constant(TextFeatures.CharacterBase);
        var padded = graph.Node("Pad", [numbers, graph.Constant([0, 0, 0, longest], 4)]);
        var parts = new List<string>();
        var gram = "";
        for (var n = 0; n < longest; n++)
        {
            // The n-th character after each position; 0 where the text has ended, and there is no n-gram then.
            var next = graph.Node("Slice", [padded, graph.Constant(n), graph.Constant(n - longest), one]);
            gram = n == 0 ? graph.Node("Mod", [next, prime]) : graph.Node("Mod", [graph.Node("Add", [graph.Node("Mul", [gram, factor]), next]), prime]);
            if (n + 1 < options.ShortestCharacters) continue;
            parts.Add(graph.Node("Where", [graph.Node("Equal", [next, zero]), none, graph.Node("Mod", [gram, mask])]));
        }

        return parts;
    }

    private static string Scores(OnnxGraph graph, string buckets, SoftmaxModel model)
    {
        var classes = model.Classes;
        var known = model.Buckets.Length;
        var place = new int[model.Features.Buckets + 1];
        Array.Fill(place, known);
        var weights = new float[(known + 1) * (long)classes];
        var squares = new float[known + 1];
        for (var i = 0; i < known; i++)
        {
            place[model.Buckets[i]] = i;
            squares[i] = model.Scales[i] * model.Scales[i];
            for (var c = 0; c < classes; c++) weights[(i * classes) + c] = model.Weights[(i * classes) + c] * model.Scales[i];
        }

        var one = graph.Constant(1);
        var rows = graph.Node("Gather", [graph.Constant32(place, place.Length), buckets], ("axis", 0));
        var sums = graph.Node("ReduceSum", [graph.Node("Gather", [graph.Constant(weights, known + 1, classes), rows], ("axis", 0)), one], ("keepdims", 0));
        var squared = graph.Node("ReduceSum", [graph.Node("Gather", [graph.Constant(squares, known + 1), rows], ("axis", 0)), one], ("keepdims", 1));
        var norm = graph.Node("Max", [graph.Node("Sqrt", [squared]), graph.Constant([1e-12f], 1)]);
        return graph.Node("Add", [graph.Node("Div", [sums, norm]), graph.Constant(model.Bias, classes)]);
    }

    private static (long[] Powers, long[] Inverses) Powers(int count)
    {
        // The inverse of a base b modulo the prime p is b^(p-2) (Fermat).
        var inverse = (long)System.Numerics.BigInteger.ModPow(TextFeatures.WordBase, CharacterTable.Prime - 2, CharacterTable.Prime);
        var powers = new long[count];
        var inverses = new long[count];
        powers[0] = inverses[0] = 1;
        for (var i = 1; i < count; i++)
        {
            powers[i] = powers[i - 1] * TextFeatures.WordBase % CharacterTable.Prime;
            inverses[i] = inverses[i - 1] * inverse % CharacterTable.Prime;
        }

        return (powers, inverses);
    }
}
