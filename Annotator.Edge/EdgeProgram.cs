using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Annotator.Core.Edge;
using Annotator.Edge.Annotating;
using Annotator.Edge.Health;
using Annotator.Edge.Models;
using Annotator.Edge.Sources;
using Annotator.Edge.Storage;
using Annotator.Edge.Sync;

namespace Annotator.Edge;

/// <summary>The program: what is asked, in order.</summary>
internal static class EdgeProgram
{
    /// <summary>Runs it.</summary>
    /// <returns>0: as asked; 1: it could not go on; 2: wrong command line; 3: some items could not be labelled.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        CommandLine line;
        try
        {
            line = CommandLine.Read(args);
        }
        catch (EdgeException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 2;
        }

        using var stop = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        try
        {
            return line.Command switch
            {
                EdgeCommand.Enrol => await EnrolAsync(line, stop.Token),
                EdgeCommand.Run => await AnnotateAsync(line, stop.Token),
                EdgeCommand.Status => Status(line),
                _ => Help(),
            };
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e) when (e is EdgeException or RefusedByCentreException or HttpRequestException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            EdgeLog.Warn(e.Message);
            return 1;
        }

        void Stop(PosixSignalContext context)
        {
            // Orderly: what is under way ends with its label on the disk.
            context.Cancel = true;
            stop.Cancel();
        }
    }

    private static int Help()
    {
        Console.WriteLine(CommandLine.Usage);
        return 0;
    }

    private static async Task<int> EnrolAsync(CommandLine line, CancellationToken cancellationToken)
    {
        using var only = LockFolder(line.Data);
        using var store = EdgeStore.Open(line.Data, line.MostBytes, TimeProvider.System);
        if (store.Fact(EdgeFacts.Token) is not null) throw new EdgeException($"This device is enrolled already as '{store.Fact(EdgeFacts.Name)}'; another one needs another --data folder.");
        var parts = line.Code!.Trim().Split('.');
        if (parts.Length != 2) throw new EdgeException("The code is not complete: it has two parts with a point between.");
        using var centre = new CentreClient(line.Server!, null);
        var answer = await centre.EnrolAsync(new EnrolRequest(parts[0], line.Name, AgentInfo.Platform, AgentInfo.Version), cancellationToken);

        // The code came by another way than the network: what it says of the key proves whose it is.
        if (!string.Equals(EdgeSignature.Fingerprint(answer.PublicKey), parts[1], StringComparison.OrdinalIgnoreCase)) throw new EdgeException("The server's key is not the one of the code: this is another server, or somebody stands between. The device is not enrolled; shut it out at the centre.");
        store.Remember(
            (EdgeFacts.Server, line.Server!.AbsoluteUri), (EdgeFacts.Token, answer.Token), (EdgeFacts.Device, answer.DeviceId), (EdgeFacts.Name, line.Name), (EdgeFacts.Project, answer.ProjectId), (EdgeFacts.PublicKey, answer.PublicKey));
        EdgeLog.Info($"Enrolled as device {answer.DeviceId} of project {answer.ProjectId}.");
        return 0;
    }

    private static int Status(CommandLine line)
    {
        using var store = EdgeStore.Open(line.Data, line.MostBytes, TimeProvider.System);
        Console.WriteLine($"device   {store.Fact(EdgeFacts.Name) ?? "(not enrolled)"} {store.Fact(EdgeFacts.Device)}");
        Console.WriteLine($"centre   {store.Fact(EdgeFacts.Server)}");
        Console.WriteLine($"project  {store.Fact(EdgeFacts.Project)}");
        Console.WriteLine($"rollout  {store.Fact("model.current") ?? "(none)"}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"waiting  {store.Waiting} labels, {store.UsedBytes} bytes in use"));
        return 0;
    }

    private static async Task<int> AnnotateAsync(CommandLine line, CancellationToken cancellationToken)
    {
        using var only = LockFolder(line.Data);
        var time = TimeProvider.System;
        using var store = EdgeStore.Open(line.Data, line.MostBytes, time);
        var gauges = new AgentGauges(time);
        using var models = new ModelShelf(store, line.Data, gauges);
        var (server, token) = (store.Fact(EdgeFacts.Server), store.Fact(EdgeFacts.Token));
        if (line.Model is null && token is null) throw new EdgeException("This device is not enrolled; see annotator-edge help.");
        if (line.Model is { } model) models.UseLocal(FrameModel.Load(await File.ReadAllBytesAsync(model, cancellationToken), line.Labels is { } names ? await File.ReadAllLinesAsync(names, cancellationToken) : null, line.Threads));
        else models.LoadKept();

        using var centre = server is null ? null : new CentreClient(new Uri(server), token);
        using var sync = centre is null ? null : new Synchroniser(centre, store, models, gauges, time);
        var policy = new EdgeSettings().Policy() with { PicturePixels = 0 };
        var loop = new AnnotationLoop(models, store, gauges, () => sync?.Policy ?? policy, time);
        if (sync is not null) loop.Kept = sync.Wake;

        // The background goes on until the sources have ended, and what they left was sent.
        using var background = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> running = [loop.RunAsync(background.Token)];
        if (sync is not null) running.Add(sync.RunAsync(background.Token));
        var wrong = 0L;
        List<Task> sources = [.. Sources()];
        var all = Task.WhenAll(sources);
        try
        {
            // Whatever breaks first ends the agent: systemd starts it again.
            var first = await Task.WhenAny([.. running, all, .. sources.Select(FailedAsync)]);
            await first;
            if (sync is not null && line.Drain > TimeSpan.Zero) await DrainAsync(sync, line.Drain, time, cancellationToken);
        }
        finally
        {
            models.Save();
            await background.CancelAsync();
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (store.Waiting > 0) EdgeLog.Info(string.Create(CultureInfo.InvariantCulture, $"{store.Waiting} labels wait to be sent; they go with the next start."));
        return wrong > 0 ? 3 : 0;

        IEnumerable<Task> Sources()
        {
            if (line.Stdin) yield return LinesAsync();
            if (line.Folder is { } folder) yield return new FolderSource(loop, models, folder, time).RunAsync(cancellationToken);
            if (line.Http is { } address) yield return new HttpSource(loop, address, () => Health(store, models, gauges, sync)).RunAsync(cancellationToken);
            if (line.Video is { } video) yield return VideoAsync(video);
        }

        async Task LinesAsync()
        {
            await Task.Yield();
            using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
            await using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
            (var labelled, wrong) = await new JsonlSource(loop).RunAsync(input, output, cancellationToken);
            EdgeLog.Info(string.Create(CultureInfo.InvariantCulture, $"Standard input has ended: {labelled} labelled, {wrong} not."));
        }

        async Task VideoAsync(string source)
        {
            await Task.Yield();
            var isLive = !File.Exists(source) || source.StartsWith("/dev/", StringComparison.Ordinal);
            await using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true };
            var watch = time.GetTimestamp();
            var result = await new VideoSource(loop, models, gauges, time).RunAsync(source, line.Name ?? Path.GetFileName(source), line.FramesPerSecond, isLive, output, cancellationToken);
            var (reading, seconds) = (gauges.Read(), time.GetElapsedTime(watch).TotalSeconds);
            EdgeLog.Info(string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Frames} frames in {seconds:0.0} s, {result.Frames / seconds:0.0} frames/s, p50 {reading.LatencyP50:0.0} ms, p99 {reading.LatencyP99:0.0} ms, {result.Kept} labels kept, {result.Dropped} frames passed over."));
        }
    }

    // Ends only where the source fails.
    private static async Task FailedAsync(Task source)
    {
        await source;
        await Task.Delay(Timeout.Infinite);
    }

    private static async Task DrainAsync(Synchroniser sync, TimeSpan most, TimeProvider time, CancellationToken cancellationToken)
    {
        var since = time.GetTimestamp();
        while (!sync.IsDone && time.GetElapsedTime(since) < most)
        {
            sync.Wake();
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
        }
    }

    // Two agents on one folder would send each other's labels twice.
    private static FileStream LockFolder(string folder)
    {
        Directory.CreateDirectory(folder);
        try
        {
            return new FileStream(Path.Combine(folder, "agent.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new EdgeException($"Another agent works in {folder}.", e);
        }
    }

    private static string Health(EdgeStore store, ModelShelf models, AgentGauges gauges, Synchroniser? sync)
    {
        var (reading, manifest) = (gauges.Read(), models.Manifest);
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("agentVersion", AgentInfo.Version);
            json.WriteBoolean("connected", sync?.IsConnected ?? false);
            if (manifest is null) json.WriteNull("modelVersion");
            else json.WriteNumber("modelVersion", manifest.Version);
            json.WriteNumber("waiting", store.Waiting);
            json.WriteNumber("storedBytes", store.UsedBytes);
            json.WriteNumber("itemsPerSecond", Math.Round(reading.ItemsPerSecond, 2));
            Number("latencyP50", reading.LatencyP50);
            Number("latencyP99", reading.LatencyP99);
            json.WriteNumber("annotated", reading.Annotated);
            json.WriteNumber("failed", reading.Failed);
            Number("confidence", reading.Confidence);
            Number("drift", reading.Drift);
            json.WriteNumber("waitedForRoom", reading.Full);
            json.WriteNumber("framesPassedOver", reading.Dropped);
            if (models.Refused is { } refused) json.WriteString("refused", refused.Reason);
            json.WriteEndObject();

            void Number(string name, double? value)
            {
                if (value is { } v) json.WriteNumber(name, Math.Round(v, 4));
                else json.WriteNull(name);
            }
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
