using System.Diagnostics;
using Annotator.Core.Student;

namespace Annotator.Benchmarks.Student;

/// <summary>The speed rows of the student: features, cold and warm training, file, session, inference. Each row is the median of several runs.</summary>
internal static class StudentSpeed
{
    // Processor time of a run of what was measured last: steadier than wall time on a machine that others use too.
    private static TimeSpan s_processor;

    public static void Run(SoftmaxTrainer trainer)
    {
        var set = LabelledTexts.Load("banking77");
        var classes = set.Classes.Length;
        var features = new TextFeatures((TextFeatureOptions)trainer.Features);
        Console.WriteLine("| what (banking77, 77 classes) | median | unit | processor ms a run |");
        Console.WriteLine("|---|---|---|---|");

        var many = Enumerable.Range(0, 10).SelectMany(_ => set.Texts).ToArray();
        Row("features, one thread", many.Length / Seconds(3, () => features.Append(many, new SparseRows())), "texts/s");

        Row("cold: features of all texts + training, 8,000 labels", 1000 * Seconds(5, () =>
        {
            var rows = new SparseRows();
            features.Append(set.Texts, rows);
            trainer.Train(rows, Labels(set, 0, 8000), classes);
        }), "ms");

        var all = new SparseRows();
        features.Append(set.Texts, all);
        var before = StudentTraining.Train(trainer, all, Labels(set, 0, 9950), classes);
        TrainedStudent? after = null;
        byte[] file = [];
        Row("cold with folds, 9,950 labels", 1000 * Seconds(3, () => StudentTraining.Train(trainer, all, Labels(set, 0, 9950), classes)), "ms");
        Row("warm, 50 new of 10,000: model alone", 1000 * Seconds(5, () => trainer.Train(all, Labels(set, 0, 10000), classes, before.Fit)), "ms");
        Row("warm, 50 new of 10,000: model, folds, calibration", 1000 * Seconds(5, () => after = StudentTraining.Train(trainer, all, Labels(set, 0, 10000), classes, start: before)), "ms");
        Row("write the file", 1000 * Seconds(5, () => file = after!.Write(set.Classes)), "ms");
        Row("size of the file", file.Length / 1048576.0, "MiB");
        Row("open the file", 1000 * Seconds(5, () => StudentModel.Load(file).Dispose()), "ms");
        Row("decision to student in service", 1000 * Seconds(5, () =>
        {
            var student = StudentTraining.Train(trainer, all, Labels(set, 0, 10000), classes, start: before);
            StudentModel.Load(student.Write(set.Classes)).Dispose();
        }), "ms");

        using var model = StudentModel.Load(file);
        var times = new List<double>();
        for (var i = 0; i < 2000; i++)
        {
            var start = Stopwatch.GetTimestamp();
            model.Predict([set.Texts[i]]);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        times.Sort();
        Row("one text, p50", times[1000], "us");
        Row("one text, p95", times[1900], "us");
        Row("10,003 texts through ONNX Runtime", set.Texts.Length / Seconds(3, () => model.Predict(set.Texts)), "texts/s");
    }

    private static List<LabelledRow> Labels(LabelledTexts set, int from, int to)
    {
        // The file is sorted by class; a fixed shuffle makes any prefix a fair sample.
        var order = Enumerable.Range(0, set.Texts.Length).ToArray();
        new SplitMix(3).Shuffle(order);
        return [.. order[from..to].Select(row => new LabelledRow(row, set.Labels[row]))];
    }

    private static double Seconds(int runs, Action action)
    {
        action();
        var times = new double[runs];
        var processor = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < runs; i++)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            times[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        s_processor = (Environment.CpuUsage.TotalTime - processor) / runs;
        Array.Sort(times);
        return times[runs / 2];
    }

    private static void Row(string what, double value, string unit)
    {
        Console.WriteLine($"| {what} | {value:N1} | {unit} | {s_processor.TotalMilliseconds:N1} |");
        s_processor = default;
    }
}
