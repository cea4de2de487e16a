using System.Diagnostics;
using System.Globalization;
using System.Text;
using Annotator.Core.Formats;

namespace Annotator.Benchmarks.Formats;

/// <summary>
/// Throughput and memory of the readers and writers on a generated file: <c>-- formats [ROWS]</c>. Best of three runs, one thread.
/// </summary>
internal static class FormatsBenchmark
{
    private static readonly string[] s_words =
        ["card", "payment", "refund", "when", "does", "my", "arrive", "배송이", "언제", "오나요", "환불", "계좌", "이체", "please", "help", "exchange", "rate", "top-up"];

    private static readonly System.Text.Json.JsonSerializerOptions s_readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Runs the program.</summary>
    /// <param name="args">The number of rows, default 1,000,000.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        int rows = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1_000_000;
        string folder = Directory.CreateTempSubdirectory("annotator-formats-").FullName;
        try
        {
            string csv = Path.Combine(folder, "rows.csv"), jsonl = Path.Combine(folder, "rows.jsonl"), array = Path.Combine(folder, "rows.json");
            string utf16 = Path.Combine(folder, "utf16.csv"), korean = Path.Combine(folder, "korean.csv"), plain = Path.Combine(folder, "plain.jsonl");
            var items = Generate(rows);
            Console.WriteLine($"{rows:N0} rows of id, text, label, source; every tenth text has a comma, a quote and a line break");
            Console.WriteLine($"{"",-34}{"rows/s",12}{"MB/s",9}{"MB",8}{"bytes/row allocated",22}{"peak heap MB",15}");

            await MeasureAsync("write csv", rows, csv, () => WriteCsvAsync(csv, items));
            await MeasureAsync("write jsonl (export row)", rows, jsonl, () => WriteJsonlAsync(jsonl, items));
            await File.WriteAllTextAsync(utf16, await File.ReadAllTextAsync(csv), new UnicodeEncoding(false, false));
            await File.WriteAllTextAsync(korean, await File.ReadAllTextAsync(csv), CodePagesEncodingProvider.Instance.GetEncoding(949)!);
            await File.WriteAllTextAsync(array, "[" + string.Join(",\n", (await File.ReadAllTextAsync(jsonl)).TrimEnd().Split('\n')) + "]");

            await File.WriteAllLinesAsync(plain, items.Select(i => System.Text.Json.JsonSerializer.Serialize(new { key = i[0], text = i[1], label = i[2], source = i[3] }, s_readable)));

            await MeasureAsync("read csv", rows, csv, () => ReadAsync(csv, new DataFormat(DataFormatKind.Csv, TextEncoding.Utf8, new CsvDialect()), map: false));
            await MeasureAsync("read csv + map", rows, csv, () => ReadAsync(csv, new DataFormat(DataFormatKind.Csv, TextEncoding.Utf8, new CsvDialect()), map: true));
            await MeasureAsync("read csv, CP949", rows, korean, () => ReadAsync(korean, new DataFormat(DataFormatKind.Csv, TextEncoding.Korean949, new CsvDialect()), map: false));
            await MeasureAsync("read csv, UTF-16", rows, utf16, () => ReadAsync(utf16, new DataFormat(DataFormatKind.Csv, TextEncoding.Utf16LittleEndian, new CsvDialect()), map: false));
            await MeasureAsync("read jsonl", rows, plain, () => ReadAsync(plain, new DataFormat(DataFormatKind.Jsonl, TextEncoding.Utf8), map: false));
            await MeasureAsync("read jsonl + map", rows, plain, () => ReadAsync(plain, new DataFormat(DataFormatKind.Jsonl, TextEncoding.Utf8), map: true));
            await MeasureAsync("read jsonl (export row)", rows, jsonl, () => ReadAsync(jsonl, new DataFormat(DataFormatKind.Jsonl, TextEncoding.Utf8), map: false));
            await MeasureAsync("read jsonl (export row) + map", rows, jsonl, () => ReadAsync(jsonl, new DataFormat(DataFormatKind.Jsonl, TextEncoding.Utf8), map: true));
            await MeasureAsync("read json array", rows, array, () => ReadAsync(array, new DataFormat(DataFormatKind.Jsonl, TextEncoding.Utf8), map: false));
            await MeasureAsync("preview csv (per file)", 1, csv, () => PreviewAsync(csv));
            await MeasureAsync("every line opens a quote (per MB)", 40, await HostileAsync(folder), () => ReadAsync(Path.Combine(folder, "hostile.csv"), new DataFormat(DataFormatKind.Csv, TextEncoding.Utf8, new CsvDialect(HasHeader: false)), map: false));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<string[]> Generate(int rows)
    {
        var random = new Random(7);
        var items = new List<string[]>(rows);
        var text = new StringBuilder();
        for (int i = 0; i < rows; i++)
        {
            text.Clear();
            for (int w = random.Next(6, 16); w > 0; w--) text.Append(s_words[random.Next(s_words.Length)]).Append(' ');
            if (i % 10 == 0) text.Append(", \"really\"\nthanks");
            items.Add([string.Create(CultureInfo.InvariantCulture, $"row-{i:D7}"), text.ToString(), s_words[random.Next(8)], "web"]);
        }
        return items;
    }

    private static async Task<string> HostileAsync(string folder)
    {
        string path = Path.Combine(folder, "hostile.csv");
        await File.WriteAllTextAsync(path, "\"a\n" + string.Concat(Enumerable.Repeat("x\",\"y\n", 40 * 1024 * 1024 / 6)) + "\"");
        return path;
    }

    private static async Task WriteCsvAsync(string path, List<string[]> items)
    {
        await using var writer = new CsvWriter(File.Create(path));
        await writer.WriteRowAsync(["id", "text", "label", "source"]);
        foreach (string[] item in items) await writer.WriteRowAsync(item);
    }

    private static async Task WriteJsonlAsync(string path, List<string[]> items)
    {
        await using var writer = new JsonlExportWriter(File.Create(path));
        foreach (string[] item in items)
            await writer.WriteAsync(new ExportRow { Id = item[0], Key = item[0], Text = item[1], Label = "{\"choice\":\"refund\"}", Source = "human", Confidence = 0.98, PredictionVersion = 3, Metadata = "{\"source\":\"web\"}" });
    }

    private static async Task PreviewAsync(string path)
    {
        await using var file = File.OpenRead(path);
        var preview = await ImportPreview.PreviewAsync(file);
        if (preview.Suggested is not { Text: "text", Key: "id", Label: "label" }) throw new InvalidOperationException("The preview got the columns wrong.");
    }

    private static async Task ReadAsync(string path, DataFormat format, bool map)
    {
        using var mapper = new RecordMapper(new RecordMapping("text", format.Kind == DataFormatKind.Csv ? "id" : "key", "label"));
        await using var reader = format.Open(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan));
        await foreach (var batch in reader.ReadBatchesAsync())
        {
            if (!map) continue;
            foreach (var record in batch.Records)
            {
                if (!mapper.TryMap(record, out _, out _)) throw new InvalidOperationException("A record was not mapped.");
            }
        }
    }

    private static async Task MeasureAsync(string name, int rows, string path, Func<Task> work)
    {
        double best = double.MaxValue;
        long allocated = 0, peak = 0;
        for (int run = 0; run < 3; run++)
        {
            GC.Collect();
            long floor = GC.GetTotalMemory(forceFullCollection: true);
            long before = GC.GetTotalAllocatedBytes(precise: true);
            var watch = Stopwatch.StartNew();
            var task = work();
            while (await Task.WhenAny(task, Task.Delay(20)) != task) peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false) - floor);
            await task;
            best = Math.Min(best, watch.Elapsed.TotalSeconds);
            allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        }
        double megabytes = new FileInfo(path).Length / 1e6;
        Console.WriteLine($"{name,-34}{rows / best,12:N0}{megabytes / best,9:N0}{megabytes,8:N0}{allocated / rows,22:N0}{peak / 1e6,15:N1}");
    }
}
