using System.Globalization;
using System.Net;

namespace Annotator.Edge;

/// <summary>What is asked of the program.</summary>
internal enum EdgeCommand
{
    /// <summary>Show how it is used.</summary>
    Help,

    /// <summary>Enrol this device.</summary>
    Enrol,

    /// <summary>Annotate.</summary>
    Run,

    /// <summary>Tell how the device is.</summary>
    Status,
}

/// <summary>The command line, checked.</summary>
internal sealed record CommandLine
{
    /// <summary>How the program is used.</summary>
    public const string Usage = """
        annotator-edge: annotates on this device with the student of a project, with or without the centre.

          annotator-edge enrol  --server URL --code CODE --name NAME [--data DIR] [--insecure]
          annotator-edge run    [--data DIR] [SOURCES] [OPTIONS]
          annotator-edge status [--data DIR]

        Sources (one or more):
          --stdin              lines of JSON {"key","text"} from standard input; labels to standard output
          --folder DIR         files that are put into a folder: .txt, .jsonl, pictures
          --http ADDRESS:PORT  POST /annotate and GET /health on this address of loopback
          --video SOURCE       a video file, camera (/dev/video0) or stream (rtsp://…), through ffmpeg

        Options:
          --data DIR           where identity, models and waiting labels are kept (/var/lib/annotator-edge)
          --most-bytes N       the most bytes that waiting labels and items may take (1000000000)
          --fps N              frames a second that are looked at (10)
          --name NAME          with --video: name of the source, before the frame's number in its key
          --model FILE         with --video: a model of pictures from this device in place of the centre's
          --labels FILE        with --model: names of its classes, one a line
          --threads N          with --model: threads for one picture (1)
          --drain SECONDS      how long to go on sending after the end of standard input or a file (30)
          --insecure           with enrol: take http:// to another machine; tokens and labels can be read on the way
        """;

    /// <summary>What is asked.</summary>
    public EdgeCommand Command { get; init; }

    /// <summary>Address of the centre.</summary>
    public Uri? Server { get; init; }

    /// <summary>The one-time code.</summary>
    public string? Code { get; init; }

    /// <summary>Name of the device, or of a video source.</summary>
    public string? Name { get; init; }

    /// <summary>Where the agent keeps what it keeps.</summary>
    public string Data { get; init; } = "/var/lib/annotator-edge";

    /// <summary>Whether http to another machine is taken.</summary>
    public bool Insecure { get; init; }

    /// <summary>Whether lines come from standard input.</summary>
    public bool Stdin { get; init; }

    /// <summary>The watched folder.</summary>
    public string? Folder { get; init; }

    /// <summary>The local port.</summary>
    public IPEndPoint? Http { get; init; }

    /// <summary>The video source.</summary>
    public string? Video { get; init; }

    /// <summary>Frames a second.</summary>
    public double FramesPerSecond { get; init; } = 10;

    /// <summary>A model of pictures of this device.</summary>
    public string? Model { get; init; }

    /// <summary>Names of its classes.</summary>
    public string? Labels { get; init; }

    /// <summary>Threads for one picture.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Bound of the local store, in bytes.</summary>
    public long MostBytes { get; init; } = 1_000_000_000;

    /// <summary>How long to go on sending at the end.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Reads a command line.</summary>
    /// <exception cref="EdgeException">Something is wrong with it; the message says what.</exception>
    public static CommandLine Read(IReadOnlyList<string> args)
    {
        if (args.Count == 0 || args[0] is "help" or "--help" or "-h") return new CommandLine();
        var line = new CommandLine
        {
            Command = args[0] switch
            {
                "enrol" or "enroll" => EdgeCommand.Enrol,
                "run" => EdgeCommand.Run,
                "status" => EdgeCommand.Status,
                _ => throw new EdgeException($"There is no command '{args[0]}'; see annotator-edge help."),
            },
        };
        for (var i = 1; i < args.Count; i++)
        {
            var name = args[i];
            string Value() => ++i < args.Count ? args[i] : throw new EdgeException($"{name} needs a value.");
            line = name switch
            {
                "--server" => line with { Server = Address(Value()) },
                "--code" => line with { Code = Value() },
                "--name" => line with { Name = Value() },
                "--data" => line with { Data = Path.GetFullPath(Value()) },
                "--insecure" => line with { Insecure = true },
                "--stdin" => line with { Stdin = true },
                "--folder" => line with { Folder = Path.GetFullPath(Value()) },
                "--http" => line with { Http = Port(Value()) },
                "--video" => line with { Video = Value() },
                "--fps" => line with { FramesPerSecond = Number(name, Value(), 0.01, 240) },
                "--model" => line with { Model = Path.GetFullPath(Value()) },
                "--labels" => line with { Labels = Path.GetFullPath(Value()) },
                "--threads" => line with { Threads = (int)Number(name, Value(), 1, 64) },
                "--most-bytes" => line with { MostBytes = (long)Number(name, Value(), 1_000_000, 1e13) },
                "--drain" => line with { Drain = TimeSpan.FromSeconds(Number(name, Value(), 0, 86_400)) },
                _ => throw new EdgeException($"There is no option '{name}'; see annotator-edge help."),
            };
        }

        return line.Checked();
    }

    private CommandLine Checked()
    {
        if (Command == EdgeCommand.Enrol)
        {
            if (Server is null || Code is null || Name is null) throw new EdgeException("enrol needs --server, --code and --name.");
            if (Server.Scheme is "http" && !Server.IsLoopback && !Insecure) throw new EdgeException("http:// to another machine can be read on the way; use https://, or --insecure where the network is your own.");
        }

        if (Command == EdgeCommand.Run && !Stdin && Folder is null && Http is null && Video is null) throw new EdgeException("run needs a source: --stdin, --folder, --http or --video.");
        if (Stdin && Video is not null) throw new EdgeException("--stdin and --video both write to standard output; run two agents.");
        if (Labels is not null && Model is null) throw new EdgeException("--labels goes with --model.");
        if (Model is not null && Video is null) throw new EdgeException("--model goes with --video.");
        return this;
    }

    private static Uri Address(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri! : throw new EdgeException("--server must be an http:// or https:// address.");

    private static IPEndPoint Port(string text) => IPEndPoint.TryParse(text, out var address) && address.Port > 0 && IPAddress.IsLoopback(address.Address)
        ? address
        : throw new EdgeException("--http must be an address of loopback with a port, like 127.0.0.1:8099: the port knows no tokens.");

    private static double Number(string name, string text, double low, double high) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= low && value <= high
            ? value
            : throw new EdgeException(string.Create(CultureInfo.InvariantCulture, $"{name} must be {low} to {high}."));
}
