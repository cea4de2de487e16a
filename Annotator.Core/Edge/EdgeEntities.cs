namespace Annotator.Core.Edge;

/// <summary>A device that annotates with a project's student.</summary>
public sealed class EdgeDevice
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>The project whose student it runs.</summary>
    public long ProjectId { get; set; }

    /// <summary>Its name, unique in the project; the keys of its items begin with it.</summary>
    public required string Name { get; set; }

    /// <summary>SHA-256 of its token, as hexadecimal.</summary>
    public required string TokenHash { get; set; }

    /// <summary>Operating system and processor, as it told.</summary>
    public string Platform { get; set; } = "";

    /// <summary>Version of the agent.</summary>
    public string AgentVersion { get; set; } = "";

    /// <summary>When it was enrolled.</summary>
    public DateTimeOffset EnrolledAt { get; set; }

    /// <summary>When it was shut out; null while it may speak.</summary>
    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>When it was last heard of.</summary>
    public DateTimeOffset? SeenAt { get; set; }

    /// <summary>Version of the student it runs; null before its first.</summary>
    public int? ModelVersion { get; set; }

    /// <summary>Serial of the newest rollout step it has taken.</summary>
    public long Serial { get; set; }

    /// <summary>Labels that wait on the device to be sent.</summary>
    public int Waiting { get; set; }

    /// <summary>Bytes of its local store in use.</summary>
    public long StoredBytes { get; set; }

    /// <summary>Items a second, over the last minute.</summary>
    public double ItemsPerSecond { get; set; }

    /// <summary>Median time from an item to its durable label, in milliseconds.</summary>
    public double? LatencyP50 { get; set; }

    /// <summary>The same, 99th percentile.</summary>
    public double? LatencyP99 { get; set; }

    /// <summary>Items labelled by the model it runs now.</summary>
    public long Annotated { get; set; }

    /// <summary>Items on which the model that it runs now failed.</summary>
    public long Failed { get; set; }

    /// <summary>Mean confidence of its last labels.</summary>
    public double? Confidence { get; set; }

    /// <summary>How far the confidences have moved since the model came into service (population stability index; 0.1 is little, 0.25 much).</summary>
    public double? Drift { get; set; }

    /// <summary>Why it would not run the model that it was given last; null where it did.</summary>
    public string? Refusal { get; set; }

    /// <summary>Labels that have arrived from it.</summary>
    public long Labels { get; set; }

    /// <summary>Items that have arrived from it.</summary>
    public long Items { get; set; }
}

/// <summary>A code with which one device may enrol, once.</summary>
public sealed class EnrolmentCode
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>SHA-256 of the code, as hexadecimal.</summary>
    public required string Hash { get; set; }

    /// <summary>Who made it.</summary>
    public long CreatedBy { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it ends unused.</summary>
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>The device that used it; null while it is open.</summary>
    public long? DeviceId { get; set; }
}

/// <summary>How far a rollout has come.</summary>
public enum RolloutState
{
    /// <summary>A part of the devices has it.</summary>
    Rolling,

    /// <summary>All devices have it, or get it at their next contact.</summary>
    Complete,

    /// <summary>It was taken back; the step after it brings the version before.</summary>
    RolledBack,

    /// <summary>Another one took its place before it was complete.</summary>
    Superseded,
}

/// <summary>A student version on its way to the devices of a project.</summary>
public sealed class EdgeRollout
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>Grows by one with every rollout of a project, also with one that brings an older version back: devices never go to a smaller one.</summary>
    public long Serial { get; set; }

    /// <summary>The student version.</summary>
    public int Version { get; set; }

    /// <summary>The rollout that devices outside of the share stay with; 0 for none.</summary>
    public long BaseSerial { get; set; }

    /// <summary>Share of the devices that get it, in percent.</summary>
    public int Percent { get; set; }

    /// <summary>How far it has come.</summary>
    public RolloutState State { get; set; }

    /// <summary>Whether devices get the version's file of eight bits.</summary>
    public bool Int8 { get; set; }

    /// <summary>Whether it goes on by itself.</summary>
    public bool Automatic { get; set; }

    /// <summary>Since when it has its share.</summary>
    public DateTimeOffset StageSince { get; set; }

    /// <summary>When it began.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Who began it; null where it began by itself.</summary>
    public long? CreatedBy { get; set; }

    /// <summary>Why it was taken back.</summary>
    public string? Note { get; set; }
}

/// <summary>A label that a device gave. The item itself may have stayed on the device.</summary>
public sealed class EdgeLabel
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The device.</summary>
    public long DeviceId { get; set; }

    /// <summary>The device's running number of it: with the device, what makes a label count once.</summary>
    public long Sequence { get; set; }

    /// <summary>The device's name for the item.</summary>
    public required string Key { get; set; }

    /// <summary>Value as canonical JSON.</summary>
    public required string Value { get; set; }

    /// <summary>Calibrated probability that it is right.</summary>
    public double Confidence { get; set; }

    /// <summary>Student version that gave it.</summary>
    public int ModelVersion { get; set; }

    /// <summary>Why the device keeps the item to be sent.</summary>
    public EdgeReason Reason { get; set; }

    /// <summary>When, on the device's clock.</summary>
    public DateTimeOffset At { get; set; }

    /// <summary>When it arrived.</summary>
    public DateTimeOffset ReceivedAt { get; set; }
}

/// <summary>The key with which this installation signs what devices run.</summary>
public sealed class EdgeKey
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>Public key (SubjectPublicKeyInfo) as base64.</summary>
    public required string PublicKey { get; set; }

    /// <summary>Private key (PKCS #8), encrypted by the installation's data protection.</summary>
    public required string PrivateKey { get; set; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}
