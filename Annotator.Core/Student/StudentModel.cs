using System.Text.Json;
using Annotator.Core.Student.Images;
using Annotator.Core.Student.Onnx;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Annotator.Core.Student;

/// <summary>What a student says of a list of texts or images.</summary>
/// <param name="Classes">Labels, in the order of the columns.</param>
/// <param name="Best">0-based class of the greatest score, one an item.</param>
/// <param name="Probabilities">[item, class], row-major.</param>
public sealed record StudentPredictions(IReadOnlyList<string> Classes, int[] Best, float[] Probabilities)
{
    /// <summary>Number of items.</summary>
    public int Count => Best.Length;

    /// <summary>Probabilities of one item, one value a class.</summary>
    public ReadOnlySpan<float> Row(int item) => Probabilities.AsSpan(item * Classes.Count, Classes.Count);
}

/// <summary>A file is not a student that this program can run; the message says why.</summary>
public sealed class StudentFileException : Exception
{
    /// <summary>Makes one.</summary>
    public StudentFileException()
    {
    }

    /// <summary>Makes one with a message for the user.</summary>
    public StudentFileException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one with a message for the user and its cause.</summary>
    public StudentFileException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A student file in service: ONNX Runtime sessions over it. Thread-safe until disposed.</summary>
public sealed class StudentModel : IDisposable
{
    // Values of the largest intermediate tensor (n-grams · classes · texts) that a batch may have: 16 MB.
    private const long LargestTensor = 4 << 20;
    private const int LargestBatch = 256;
    private const int ImageBatch = 64;
    private const int ParallelFrom = 512;

    private readonly byte[] _file;
    private readonly InferenceSession _first;
    private readonly Lazy<InferenceSession> _second;
    private readonly int _maximumLength;
    private readonly int _imageBatch = ImageBatch;

    private StudentModel(byte[] file, ModelProto header)
    {
        _file = file;
        var metadata = header.MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal);
        Metadata = metadata;
        Classes = ReadClasses(metadata);
        Multiple = metadata.TryGetValue("multiple", out var multiple) && string.Equals(multiple, "true", StringComparison.Ordinal);
        _maximumLength = metadata.TryGetValue("maximumLength", out var length)
            && int.TryParse(length, System.Globalization.CultureInfo.InvariantCulture, out var value) && value > 0 ? value : int.MaxValue / 2;
        _first = Open(file);
        _second = new Lazy<InferenceSession>(() => Open(_file));
        OfImages = CheckShape();
        if (!OfImages) return;
        CanvasWidth = Pixels(metadata, "imageWidth");
        CanvasHeight = Pixels(metadata, "imageHeight");
        _imageBatch = _first.InputMetadata["image"].Dimensions[0] == 1 ? 1 : Math.Clamp(ImageBatch * ImageEncoder.CanvasBytes / BytesOfCanvas, 1, ImageBatch);
    }

    /// <summary>Width in pixels of the images that it looks at; 0 of a student of texts.</summary>
    public int CanvasWidth { get; }

    /// <summary>Height in pixels of the images that it looks at; 0 of a student of texts.</summary>
    public int CanvasHeight { get; }

    /// <summary>Bytes of such an image.</summary>
    public int BytesOfCanvas => CanvasWidth * CanvasHeight * 3;

    /// <summary>Whether it looks at images; else it reads texts.</summary>
    public bool OfImages { get; }

    /// <summary>Labels, in the order of the columns of the probabilities.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Several classes may be right at once; probabilities do not sum to 1.</summary>
    public bool Multiple { get; }

    /// <summary>Everything the file says of itself.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a student from the bytes of its file.</summary>
    /// <exception cref="StudentFileException">The bytes are not a complete student file.</exception>
    public static StudentModel Load(byte[] file)
    {
        ArgumentNullException.ThrowIfNull(file);
        ModelProto header;
        try
        {
            header = ModelProto.Parser.ParseFrom(file);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new StudentFileException("The file is not a complete ONNX file.", exception);
        }

        if (header.Graph is null || header.Graph.Node.Count == 0) throw new StudentFileException("The file is not an ONNX model.");
        if (header.Graph.Initializer.Any(IsExternal) || header.Graph.Node.Any(node => node.Attribute.Any(a => a.T is { } t && IsExternal(t))))
        {
            throw new StudentFileException("The model keeps its weights in another file; a student is one file.");
        }

        if (header.Graph.Node.Any(node => node.Attribute.Any(attribute => attribute.G is not null)))
        {
            throw new StudentFileException("The model has loops or branches; a student has none.");
        }

        try
        {
            return new StudentModel(file, header);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new StudentFileException($"ONNX Runtime cannot open the model: {exception.Message}", exception);
        }
    }

    /// <summary>Opens a student from a file.</summary>
    /// <exception cref="StudentFileException">The file is not a complete student file.</exception>
    public static StudentModel Load(string path) => Load(File.ReadAllBytes(path));

    /// <summary>Label and probabilities of each text, in the order given. Texts are run in batches of like length.</summary>
    /// <param name="texts">Texts; a lone surrogate counts as U+FFFD.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    public StudentPredictions Predict(IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var result = new StudentPredictions(Classes, new int[texts.Count], new float[texts.Count * (long)Classes.Count]);
        var lengths = new int[texts.Count];
        var order = new int[texts.Count];
        for (var i = 0; i < order.Length; i++)
        {
            ArgumentNullException.ThrowIfNull(texts[i], nameof(texts));
            lengths[i] = texts[i].Length;
            order[i] = i;
        }

        if (order.Length > 1) Array.Sort(lengths, order);
        var batches = Batches(lengths);
        if (texts.Count < ParallelFrom)
        {
            foreach (var (from, to) in batches) Run(_first, texts, order.AsSpan(from, to - from), result, cancellationToken);
            return result;
        }

        // Long texts are last; dealing batches out in turn gives both sessions the same work.
        var sessions = new[] { _first, _second.Value };
        Parallel.For(0, 2, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken }, part =>
        {
            for (var b = part; b < batches.Count; b += 2)
            {
                Run(sessions[part], texts, order.AsSpan(batches[b].From, batches[b].To - batches[b].From), result, cancellationToken);
            }
        });
        return result;
    }

    /// <summary>Label and probabilities of each image, in the order given.</summary>
    /// <param name="canvases">Images of <see cref="BytesOfCanvas"/> bytes each, one after the other.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    /// <exception cref="InvalidOperationException">The student reads texts.</exception>
    public StudentPredictions Predict(ReadOnlyMemory<byte> canvases, CancellationToken cancellationToken = default)
    {
        if (!OfImages) throw new InvalidOperationException("The student reads texts.");
        if (canvases.Length % BytesOfCanvas != 0) throw new ArgumentException($"{canvases.Length} bytes are no images of {BytesOfCanvas}.", nameof(canvases));
        var count = canvases.Length / BytesOfCanvas;
        var result = new StudentPredictions(Classes, new int[count], new float[count * (long)Classes.Count]);
        var width = Classes.Count;
        using var options = new RunOptions();
        for (var from = 0; from < count; from += _imageBatch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var size = Math.Min(_imageBatch, count - from);
            using var input = Canvases.Tensor(canvases.Slice(from * BytesOfCanvas, size * BytesOfCanvas), size, CanvasWidth, CanvasHeight);
            using var outputs = _first.Run(options, ["image"], [input], ["probabilities"]);
            outputs[0].GetTensorDataAsSpan<float>().CopyTo(result.Probabilities.AsSpan(from * width));
            for (var i = from; i < from + size; i++) result.Best[i] = Student.Probabilities.Best(result.Row(i));
        }

        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _first.Dispose();
        if (_second.IsValueCreated) _second.Value.Dispose();
    }

    private List<(int From, int To)> Batches(int[] lengths)
    {
        var batches = new List<(int, int)>();
        for (var from = 0; from < lengths.Length;)
        {
            var to = from + 1;
            while (to < lengths.Length && to - from < LargestBatch)
            {
                // About six n-grams a character; longest text last. A batch also ends where texts get much longer, to save padding.
                var longest = Math.Min(lengths[to], _maximumLength) + 8L;
                if (longest * 6 * Classes.Count * (to - from + 1) > LargestTensor || longest > 1.5 * (lengths[from] + 16)) break;
                to++;
            }

            batches.Add((from, to));
            from = to;
        }

        return batches;
    }

    private void Run(InferenceSession session, IReadOnlyList<string> texts, ReadOnlySpan<int> chosen, StudentPredictions result, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var batch = new string[chosen.Length];
        for (var i = 0; i < batch.Length; i++) batch[i] = Shorten(texts[chosen[i]]);

        using var input = OrtValue.CreateFromStringTensor(new DenseTensor<string>(batch, [batch.Length]));
        using var options = new RunOptions();
        using var outputs = session.Run(options, ["text"], [input], ["probabilities"]);
        var probabilities = outputs[0].GetTensorDataAsSpan<float>();
        var width = Classes.Count;
        for (var i = 0; i < chosen.Length; i++)
        {
            var row = probabilities.Slice(i * width, width);
            row.CopyTo(result.Probabilities.AsSpan(chosen[i] * width, width));
            result.Best[chosen[i]] = Student.Probabilities.Best(row);
        }
    }

    // The graph reads no further than this; cutting here only saves it the work. Two code units hold at least one code point.
    private string Shorten(string text)
    {
        var most = (_maximumLength + 2) * 2L;
        return text.Length <= most ? text : text[..(int)most];
    }

    private static InferenceSession Open(byte[] file)
    {
        // Strings of any label are few; one thread a session, several sessions: no gain from more threads inside one.
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        return new InferenceSession(file, options);
    }

    // Whether it is a student of images.
    private bool CheckShape()
    {
        var images = _first.InputMetadata.TryGetValue("image", out var image) && image.ElementType == typeof(byte) && image.Dimensions.Length == 4;
        var fits = _first.InputMetadata.Count == 1
            && (images || (_first.InputMetadata.TryGetValue("text", out var text) && text.IsString && text.Dimensions.Length == 1))
            && _first.OutputMetadata.TryGetValue("label", out var label) && label.IsString
            && _first.OutputMetadata.TryGetValue("probabilities", out var probabilities)
            && probabilities.ElementType == typeof(float) && probabilities.Dimensions.Length == 2 && probabilities.Dimensions[1] == Classes.Count;
        if (fits) return images;
        _first.Dispose();
        throw new StudentFileException("The model is not a student: it needs the input text (strings) or image (bytes) and the outputs label and probabilities.");
    }

    // Files of before the size was said in two numbers have a square.
    private static int Pixels(Dictionary<string, string> metadata, string name) =>
        (metadata.TryGetValue(name, out var text) || metadata.TryGetValue("imageSize", out text)) && int.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var pixels) && pixels is > 0 and <= 4_096 ? pixels : ImageEncoder.Side;

    private static string[] ReadClasses(Dictionary<string, string> metadata)
    {
        try
        {
            var classes = metadata.TryGetValue("classes", out var json) ? JsonSerializer.Deserialize<string[]>(json) : null;
            if (classes is { Length: > 0 } && !classes.Contains(null)) return classes;
        }
        catch (JsonException exception)
        {
            throw new StudentFileException("The model's list of classes cannot be read.", exception);
        }

        throw new StudentFileException("The model does not name its classes (metadata entry classes).");
    }

    private static bool IsExternal(TensorProto tensor) => tensor.ExternalData.Count > 0 || tensor.DataLocation != 0;
}
