using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Core.Edge;

/// <summary>Bounds of what devices send.</summary>
public static class EdgeLimits
{
    /// <summary>The longest name of a device, in characters.</summary>
    public const int MostNameLength = 80;

    /// <summary>The longest key of an item, in characters: with the device's name before it, it is a key of the project.</summary>
    public const int MostKeyLength = 400;

    /// <summary>The most labels in one call.</summary>
    public const int MostLabels = 1_000;

    /// <summary>The most items in one call.</summary>
    public const int MostItems = 200;

    /// <summary>The longest text of an item, in characters.</summary>
    public const int MostTextLength = 100_000;

    /// <summary>The largest picture that a device sends, in bytes.</summary>
    public const int MostPictureBytes = 8 << 20;

    /// <summary>The largest piece of a picture in one call, in bytes.</summary>
    public const int MostPieceBytes = 1 << 20;

    /// <summary>The longest value of a label, in characters of JSON.</summary>
    public const int MostValueLength = 20_000;
}

/// <summary>Why a device sends an item itself, and not its label alone.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EdgeReason>))]
public enum EdgeReason
{
    /// <summary>It does not.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>The model is unsure.</summary>
    [JsonStringEnumMemberName("uncertain")]
    Uncertain,

    /// <summary>It is made of what the model has never seen.</summary>
    [JsonStringEnumMemberName("novel")]
    Novel,

    /// <summary>Drawn at random, so that what is learned of devices does not rest on their doubts alone.</summary>
    [JsonStringEnumMemberName("sample")]
    Sample,
}

/// <summary>A device asks to be taken in.</summary>
/// <param name="Code">The one-time code, without the server's fingerprint.</param>
/// <param name="Name">Name of the device.</param>
/// <param name="Platform">Operating system and processor.</param>
/// <param name="AgentVersion">Version of the agent.</param>
public sealed record EnrolRequest(string? Code, string? Name, string? Platform, string? AgentVersion);

/// <summary>A device was taken in.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="ProjectId">The project it works for.</param>
/// <param name="Token">What it signs its requests with from now on; shown this once.</param>
/// <param name="PublicKey">The key that signs its models (SubjectPublicKeyInfo, base64).</param>
public sealed record EnrolAnswer(string DeviceId, string ProjectId, string Token, string PublicKey);

/// <summary>How a device is.</summary>
/// <param name="AgentVersion">Version of the agent.</param>
/// <param name="ModelVersion">Version of the student it runs.</param>
/// <param name="Serial">Serial of the newest rollout it has taken.</param>
/// <param name="Waiting">Labels that wait to be sent.</param>
/// <param name="StoredBytes">Bytes of its store in use.</param>
/// <param name="ItemsPerSecond">Items a second over the last minute.</param>
/// <param name="LatencyP50">Median time to a durable label, in milliseconds.</param>
/// <param name="LatencyP99">99th percentile of it.</param>
/// <param name="Annotated">Items labelled by the model it runs.</param>
/// <param name="Failed">Items on which that model failed.</param>
/// <param name="Confidence">Mean confidence of its last labels.</param>
/// <param name="Drift">Population stability index of the confidences.</param>
/// <param name="Refused">The model that it would not run.</param>
public sealed record DeviceReport(
    string? AgentVersion, int? ModelVersion, long Serial, int Waiting, long StoredBytes, double ItemsPerSecond, double? LatencyP50, double? LatencyP99,
    long Annotated, long Failed, double? Confidence, double? Drift, RefusedModel? Refused);

/// <summary>A model that a device would not run.</summary>
/// <param name="Serial">Serial of its rollout.</param>
/// <param name="Reason">Why, for people to read.</param>
/// <param name="Unusable">Whether the signed file itself is at fault, and not what the way has made of it.</param>
public sealed record RefusedModel(long Serial, string Reason, bool Unusable);

/// <summary>What a device is to do.</summary>
/// <param name="Manifest">The model it should run, as signed text; null where there is none yet.</param>
/// <param name="Signature">Signature of the manifest's bytes, base64.</param>
/// <param name="Policy">What it sends.</param>
public sealed record CheckInAnswer(string? Manifest, string? Signature, EdgePolicy Policy);

/// <summary>What devices of a project send, and how often.</summary>
/// <param name="UploadBelow">Items whose label has a confidence below this are sent themselves.</param>
/// <param name="NovelBelow">Items of whose features the model knows less than this share are sent themselves.</param>
/// <param name="SampleShare">Share of the other items that are sent, drawn at random.</param>
/// <param name="BytesPerDay">The most bytes of items in 24 hours; labels always go.</param>
/// <param name="ReportSeconds">How often the device reports.</param>
/// <param name="PicturePixels">Longest side at which pictures are sent; 0: none are.</param>
public sealed record EdgePolicy(double UploadBelow, double NovelBelow, double SampleShare, long BytesPerDay, double ReportSeconds, int PicturePixels = 0);

/// <summary>How much of a picture has arrived.</summary>
/// <param name="Received">Bytes from its beginning.</param>
/// <param name="Stored">Whether it is an item now: nothing more is to be sent.</param>
public sealed record PictureReceipt(long Received, bool Stored);

/// <summary>A label that a device gave.</summary>
/// <param name="Sequence">The device's running number of it.</param>
/// <param name="Key">The device's name for the item.</param>
/// <param name="Value">The value.</param>
/// <param name="Confidence">Calibrated probability that it is right.</param>
/// <param name="ModelVersion">Student version.</param>
/// <param name="Reason">Why the item itself will be sent.</param>
/// <param name="At">When, on the device's clock.</param>
public sealed record DeviceLabel(long Sequence, string? Key, JsonElement Value, double Confidence, int ModelVersion, EdgeReason Reason, DateTimeOffset At);

/// <summary>Labels of a device, in order of their sequence.</summary>
/// <param name="Labels">The labels.</param>
public sealed record LabelUpload(IReadOnlyList<DeviceLabel>? Labels);

/// <summary>What has arrived for good.</summary>
/// <param name="Sequences">The labels or items that are stored; the others have to be sent again.</param>
public sealed record EdgeReceipt(IReadOnlyList<long> Sequences);

/// <summary>An item that a device sends.</summary>
/// <param name="Sequence">The running number of its label.</param>
/// <param name="Key">The device's name for the item.</param>
/// <param name="Text">The text.</param>
/// <param name="Reason">Why it is sent.</param>
public sealed record DeviceItem(long Sequence, string? Key, string? Text, EdgeReason Reason);

/// <summary>Items of a device.</summary>
/// <param name="Items">The items.</param>
public sealed record ItemUpload(IReadOnlyList<DeviceItem>? Items);

/// <summary>The protocol's JSON, without reflection: the agent is trimmed.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, GenerationMode = JsonSourceGenerationMode.Default)]
[JsonSerializable(typeof(EnrolRequest))]
[JsonSerializable(typeof(EnrolAnswer))]
[JsonSerializable(typeof(DeviceReport))]
[JsonSerializable(typeof(CheckInAnswer))]
[JsonSerializable(typeof(LabelUpload))]
[JsonSerializable(typeof(ItemUpload))]
[JsonSerializable(typeof(EdgeReceipt))]
[JsonSerializable(typeof(PictureReceipt))]
[JsonSerializable(typeof(ModelManifest))]
[JsonSerializable(typeof(EdgePolicy))]
public sealed partial class EdgeJson : JsonSerializerContext;
