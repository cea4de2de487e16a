using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Core.Models;
using Annotator.Core.Student;
using Annotator.Core.Student.Images;
using Annotator.Core.Student.Onnx;
using Annotator.Tests.Learning;
using Annotator.Tests.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Models;

/// <summary>Students of images on networks that somebody uploaded: joined with them into one file.</summary>
[Collection(ApiCollection.Name)]
public class UploadedEncoderTests(SharedHost shared)
{
    private static readonly string[] s_names = ["disc", "square", "cross"];
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task A_student_is_trained_on_an_uploaded_encoder_and_is_one_file_with_it()
    {
        var encoder = await UploadAsync("encoder", [], Network(opset: 17, side: 32, pool: true, head: 0));
        Assert.Equal(16, encoder["report"]!["features"]!.GetValue<int>());
        var project = (await _host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Encoded", modality = "image", task = new { type = "classification", labels = s_names.Select(n => new { name = n }) }, settings = new { autoAccept = false, vision = new { encoder = encoder["id"]!.GetValue<string>() } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var archive = new ByteArrayContent(Pictures.Zip(Enumerable.Range(0, 60).Select(i => ($"{i:D3}.png", Pictures.Shape(i % 3, i)))));
        await _host.Admin.WaitRunAsync((await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=zip", archive)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>());
        var items = (await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items?limit=100", a => a["items"]!.AsArray().Count == 60))["items"]!.AsArray();
        await DecideAsync(project, items.Take(40));
        await _host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"]?["trainedOn"]?.GetValue<int>() >= 40);

        var file = await _host.Admin.Http.GetByteArrayAsync($"/api/v1/projects/{project}/model.onnx", TestContext.Current.CancellationToken);
        using var student = StudentModel.Load(file);
        Assert.Equal((32, 32), (student.CanvasWidth, student.CanvasHeight));
        Assert.Contains("Toy", student.Metadata["encoder"], StringComparison.Ordinal);

        // What the file says of the others is what the project proposes for them.
        var waiting = (await _host.Admin.WaitAsync($"/api/v1/projects/{project}/items?limit=100", a => a["items"]!.AsArray().Skip(40).All(i => i!["prediction"] is not null)))["items"]!.AsArray().Skip(40).ToList();
        var said = student.Predict(waiting.SelectMany(i => ImageFiles.Pixels(Pictures.Shape(Number(i!) % 3, Number(i!)), 32, 32)).ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal(20, said.Count);
        Assert.True(Enumerable.Range(0, 20).Count(i => said.Row(i).ToArray().All(float.IsFinite)) == 20);

        // Without the encoder the project goes on with the built-in one, and its student still works.
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { vision = new { encoder = (string?)null } } })).Expect(HttpStatusCode.OK);
        await _host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"]?["version"]?.GetValue<int>() >= 2);
        var next = await Until.HoldsAsync(
            async () => StudentModel.Load(await _host.Admin.Http.GetByteArrayAsync($"/api/v1/projects/{project}/model.onnx", TestContext.Current.CancellationToken)), s => s.Metadata["encoder"] == ImageEncoder.BuiltIn, "the student is on the built-in encoder");
        next.Dispose();
    }

    [Theory]
    [InlineData(9, true, 0, 16)]
    [InlineData(13, true, 0, 16)]
    [InlineData(17, false, 0, 16)]
    [InlineData(20, true, 5, 16)]
    public void Every_shape_of_network_becomes_an_encoder_that_says_the_same(int opset, bool pool, int head, int dimensions)
    {
        // Make compares what it made with the network itself, and refuses where they differ.
        var spec = new ModelSpec { Kind = head > 0 ? ModelKind.Classifier : ModelKind.Encoder, Labels = [.. Enumerable.Range(0, head).Select(i => $"c{i}")], Bgr = true, Mean = [0.4, 0.5, 0.6], Deviation = [0.2, 0.3, 0.4] };
        using var encoder = UploadedEncoder.Make("toy", Network(opset, 32, pool, head), spec);
        Assert.Equal(dimensions, encoder.Options.Dimensions);
        Assert.Equal(2 * dimensions, encoder.Encode(new byte[2 * encoder.BytesOfCanvas], TestContext.Current.CancellationToken).Length);
    }

    [Fact]
    public async Task A_classifier_of_a_thousand_classes_comes_as_a_form()
    {
        var spec = JsonSerializer.Serialize(new { kind = "classifier", labels = Enumerable.Range(0, 1_000).Select(i => $"class number {i}") });
        using var form = new MultipartFormDataContent { { new StringContent("Thousand"), "name" }, { new StringContent(spec), "spec" }, { new ByteArrayContent(Network(opset: 13, side: 32, pool: true, head: 1_000)), "file", "a.onnx" } };
        var model = (await _host.Admin.SendAsync(HttpMethod.Post, "/api/v1/models", form)).Expect(HttpStatusCode.Created);
        Assert.Equal((1_000, 16), (model["spec"]!["labels"]!.AsArray().Count, model["report"]!["features"]!.GetValue<int>()));
        using var without = new MultipartFormDataContent { { new StringContent(spec), "spec" } };
        (await _host.Admin.SendAsync(HttpMethod.Post, "/api/v1/models", without)).ExpectProblem(HttpStatusCode.BadRequest, "file");
    }

    [Fact]
    public async Task What_can_be_no_encoder_is_refused_with_the_reason()
    {
        using var body = new ByteArrayContent(Network(opset: 20, side: 32, pool: true, head: 1));
        var answer = await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Bad&spec={Uri.EscapeDataString("""{"kind":"encoder"}""")}", body);
        answer.ExpectProblem(HttpStatusCode.BadRequest, "file");
        using var again = new ByteArrayContent(Network(opset: 20, side: 32, pool: true, head: 0));
        (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Bad&spec={Uri.EscapeDataString("""{"kind":"encoder","labels":["a"]}""")}", again)).ExpectProblem(HttpStatusCode.BadRequest, "spec.labels");
    }

    [Fact]
    public void A_classifier_of_old_operators_learns_digits_from_few_labels()
    {
        var path = SharedData.Locate("onnx-models/mnist.onnx");
        if (!File.Exists(path)) Programs.Missing("mnist.onnx is not here");
        var spec = new ModelSpec { Kind = ModelKind.Classifier, Labels = [.. Enumerable.Range(0, 10).Select(i => i.ToString(CultureInfo.InvariantCulture))], Divisor = 1, Letterbox = false };
        using var encoder = UploadedEncoder.Make("mnist", File.ReadAllBytes(path), spec);
        Assert.Equal(256, encoder.Options.Dimensions);

        var rows = File.ReadLines(SharedData.Locate("mnist/train.csv")).Skip(1).Take(400).Select(l => l.Split(',')).ToList();
        using var zip = System.IO.Compression.ZipFile.OpenRead(SharedData.Locate("mnist/train-images.zip"));
        var canvases = rows.SelectMany(r =>
        {
            using var memory = new MemoryStream();
            using (var entry = zip.GetEntry(r[1])!.Open()) entry.CopyTo(memory);
            return ImageFiles.Pixels(memory.ToArray(), encoder.CanvasWidth, encoder.CanvasHeight);
        }).ToArray();
        var features = new SparseRows();
        var values = encoder.Encode(canvases, TestContext.Current.CancellationToken);
        for (var i = 0; i < rows.Count; i++) features.AddDense(values.AsSpan(i * 256, 256));
        var labels = rows.Select((r, i) => new LabelledRow(i, int.Parse(r[2], CultureInfo.InvariantCulture))).ToList();
        var trained = StudentTraining.Train(new SoftmaxTrainer(encoder.Options, encoder.Options.Training(false)), features, labels[..200], 10, cancellationToken: TestContext.Current.CancellationToken);
        using var student = StudentModel.Load(trained.Write(spec.Labels));
        var said = student.Predict(canvases.AsMemory(200 * encoder.BytesOfCanvas), TestContext.Current.CancellationToken);
        var right = Enumerable.Range(0, 200).Count(i => said.Best[i] == labels[200 + i].Class);
        Assert.True(right >= 190, $"{right} of 200");
    }

    private static int Number(JsonNode item) => int.Parse(Path.GetFileNameWithoutExtension(item["key"]!.GetValue<string>()), CultureInfo.InvariantCulture);

    private async Task<JsonNode> UploadAsync(string kind, string[] labels, byte[] file)
    {
        using var body = new ByteArrayContent(file);
        var spec = JsonSerializer.Serialize(new { kind, labels });
        return (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/models?name=Toy&spec={Uri.EscapeDataString(spec)}", body)).Expect(HttpStatusCode.Created);
    }

    private async Task DecideAsync(string project, IEnumerable<JsonNode?> items)
    {
        var decisions = items.Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { choice = s_names[Number(i) % 3] } });
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
    }

    // A small network of random weights: two layers of convolution, pooled or not, with a last layer of so many classes where there are any.
    private static byte[] Network(int opset, int side, bool pool, int head)
    {
        var random = new Random(3);
        float[] Weights(int count, float scale) => [.. Enumerable.Range(0, count).Select(_ => ((random.NextSingle() * 2) - 1) * scale)];
        var graph = new OnnxGraph("toy", opset);
        var image = graph.Input("input", OnnxType.Float, "1", "3", side.ToString(CultureInfo.InvariantCulture), side.ToString(CultureInfo.InvariantCulture));
        var one = graph.Node("Relu", [graph.Node("Conv", [image, graph.Constant(Weights(8 * 3 * 9, 0.4f), 8, 3, 3, 3)], ("pads", new long[] { 1, 1, 1, 1 }), ("strides", new long[] { 2, 2 }))]);
        var two = graph.Node("Relu", [graph.Node("Conv", [one, graph.Constant(Weights(16 * 8 * 9, 0.3f), 16, 8, 3, 3)], ("pads", new long[] { 1, 1, 1, 1 }), ("strides", new long[] { 2, 2 }))]);
        if (!pool)
        {
            graph.Output("map", two, OnnxType.Float, "1", "16", "8", "8");
            return graph.Build("test", "1");
        }

        var flat = graph.Node("Flatten", [graph.Node("GlobalAveragePool", [two])], ("axis", 1));
        if (head == 0)
        {
            graph.Output("features", flat, OnnxType.Float, "1", "16");
            return graph.Build("test", "1");
        }

        var scores = graph.Node("Gemm", [flat, graph.Constant(Weights(16 * head, 0.5f), 16, head), graph.Constant(new float[head], head)]);
        graph.Output("classes", graph.Node("Softmax", [scores], ("axis", 1)), OnnxType.Float, "1", head.ToString(CultureInfo.InvariantCulture));
        return graph.Build("test", "1");
    }
}
