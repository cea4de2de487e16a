using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Annotator.Core.Edge;
using Annotator.Edge.Health;
using Annotator.Edge.Models;
using Annotator.Edge.Storage;

namespace Annotator.Edge.Sync;

/// <summary>
/// Keeps the device and the centre together while they can reach each other: labels as they come, items by policy and budget, reports and
/// new models now and then. Away from the centre it tries again, less and less often, up to once a minute; the store keeps what waits.
/// </summary>
internal sealed class Synchroniser(CentreClient centre, EdgeStore store, ModelShelf models, AgentGauges gauges, TimeProvider time) : IDisposable
{
    private const int LabelsAtOnce = 500;
    private const int ItemsAtOnce = 50;
    private const int PieceBytes = 64 << 10;

    // What is kept within this time goes in one call.
    private static readonly TimeSpan s_gather = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly BandwidthBudget _budget = new(store, time);
    private EdgePolicy _policy = ReadPolicy(store);

    // Whether what waits would not fit into what is left of the day's bytes.
    private volatile bool _spent;

    /// <summary>What the centre wants to be sent; the last that was heard, where it cannot be reached.</summary>
    public EdgePolicy Policy => Volatile.Read(ref _policy);

    /// <summary>Whether the last call reached the centre.</summary>
    public bool IsConnected { get; private set; }

    /// <summary>Whether nothing waits that may be sent now.</summary>
    public bool IsDone => store.Waiting == 0 && (_spent || (store.NextContents(1).Count == 0 && store.NextPicture() is null));

    /// <summary>Says that something waits.</summary>
    public void Wake()
    {
        try
        {
            if (_signal.CurrentCount == 0) _signal.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody else was as fast.
        }
    }

    /// <summary>Works until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var pause = s_firstPause;
        var reported = long.MinValue;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (reported == long.MinValue || time.GetElapsedTime(reported).TotalSeconds >= Policy.ReportSeconds)
                {
                    await CheckInAsync(cancellationToken);
                    reported = time.GetTimestamp();
                }

                await SendLabelsAsync(cancellationToken);
                _spent = false;
                await SendItemsAsync(cancellationToken);
                await SendPicturesAsync(cancellationToken);
                if (!IsConnected) EdgeLog.Info("The centre is reached.");
                IsConnected = true;
                pause = s_firstPause;
            }
            catch (Exception e) when (e is HttpRequestException or RefusedByCentreException or IOException or (OperationCanceledException and { InnerException: TimeoutException }))
            {
                if (IsConnected || pause == s_firstPause) EdgeLog.Warn($"The centre is not reached, labels are kept: {e.Message}");
                IsConnected = false;
                reported = long.MinValue;

                // Not all devices at the same moment when the centre comes back.
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
                continue;
            }

            var left = TimeSpan.FromSeconds(Policy.ReportSeconds) - time.GetElapsedTime(reported);
            if (left <= TimeSpan.Zero) continue;
            if (await _signal.WaitAsync(left, cancellationToken)) await Task.Delay(s_gather, time, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();

    private static EdgePolicy ReadPolicy(EdgeStore store)
    {
        try
        {
            if (store.Fact(EdgeFacts.Policy) is { } text && JsonSerializer.Deserialize(text, EdgeJson.Default.EdgePolicy) is { } known) return known;
        }
        catch (JsonException)
        {
            // Of another version of the agent: the centre tells it again.
        }

        return new EdgeSettings().Policy();
    }

    private async Task CheckInAsync(CancellationToken cancellationToken)
    {
        var (reading, manifest) = (gauges.Read(), models.Manifest);
        var answer = await centre.CheckInAsync(
            new DeviceReport(
                AgentInfo.Version, manifest?.Version, manifest is null or { Version: 0 } ? 0 : manifest.Serial, store.Waiting, store.UsedBytes, reading.ItemsPerSecond, reading.LatencyP50, reading.LatencyP99,
                reading.Annotated, reading.Failed, reading.Confidence, reading.Drift, models.Refused),
            cancellationToken);
        if (answer.Policy != Policy)
        {
            Volatile.Write(ref _policy, answer.Policy);
            store.Remember((EdgeFacts.Policy, JsonSerializer.Serialize(answer.Policy, EdgeJson.Default.EdgePolicy)));
        }

        models.Save();
        if (answer.Manifest is { } text && await models.InstallAsync(text, answer.Signature, centre.ModelAsync, cancellationToken)) Wake();
    }

    private async Task SendLabelsAsync(CancellationToken cancellationToken)
    {
        while (store.NextLabels(LabelsAtOnce) is { Count: > 0 } labels)
        {
            await SendAsync(labels, l => l.Sequence, async part => (await centre.SendAsync(new LabelUpload([.. part.Select(Label)]), cancellationToken)).Sequences, store.LabelsSent);
        }
    }

    private async Task SendItemsAsync(CancellationToken cancellationToken)
    {
        while (store.NextContents(ItemsAtOnce) is { Count: > 0 } contents)
        {
            var left = _budget.Left(Policy.BytesPerDay);
            var part = new List<WaitingContent>();
            foreach (var content in contents)
            {
                if (content.Bytes > left) break;
                left -= content.Bytes;
                part.Add(content);
            }

            if (part.Count == 0)
            {
                _spent = true;
                return;
            }

            _budget.Use(part.Sum(c => c.Bytes));
            await SendAsync(part, c => c.Sequence, async some => (await centre.SendAsync(new ItemUpload([.. some.Select(c => new DeviceItem(c.Sequence, c.Key, c.Text, c.Reason))]), cancellationToken)).Sequences, store.ContentsSent);
        }
    }

    // Piece by piece: what was cut off, by the line or by the end of the day's bytes, goes on where the centre has got to.
    private async Task SendPicturesAsync(CancellationToken cancellationToken)
    {
        while (store.NextPicture() is { } waiting)
        {
            var picture = new DevicePicture(waiting.Sequence, waiting.Key, waiting.Reason, Convert.ToHexStringLower(SHA256.HashData(waiting.File)), waiting.File.Length);
            try
            {
                var receipt = await centre.FindAsync(picture, cancellationToken);
                while (!receipt.Stored)
                {
                    // All of it may be there without being an item yet: then its last piece is sent once more.
                    var offset = receipt.Received < waiting.File.Length ? (int)receipt.Received : Math.Max(0, waiting.File.Length - PieceBytes);
                    var piece = waiting.File.AsMemory(offset, Math.Min(PieceBytes, waiting.File.Length - offset));
                    if (piece.Length > _budget.Left(Policy.BytesPerDay))
                    {
                        _spent = true;
                        return;
                    }

                    _budget.Use(piece.Length);
                    receipt = await centre.SendAsync(picture, offset, piece, cancellationToken);
                }
            }
            catch (RefusedByCentreException e) when (e.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity)
            {
                EdgeLog.Warn($"The picture of number {waiting.Sequence} is given up. {e.Message}");
            }

            store.ContentsSent([waiting.Sequence]);
        }
    }

    // Where the centre refuses something in a call, it is sent one by one, and only what it refuses alone is given up.
    private static async Task SendAsync<T>(IReadOnlyList<T> rows, Func<T, long> sequence, Func<IReadOnlyList<T>, Task<IReadOnlyList<long>>> send, Action<IReadOnlyCollection<long>> done)
    {
        try
        {
            done([.. await send(rows)]);
        }
        catch (RefusedByCentreException e) when (e.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity)
        {
            if (rows.Count > 1)
            {
                foreach (var row in rows) await SendAsync([row], sequence, send, done);
                return;
            }

            EdgeLog.Warn($"Number {sequence(rows[0])} is given up. {e.Message}");
            done([sequence(rows[0])]);
        }
    }

    private static DeviceLabel Label(WaitingLabel label)
    {
        using var value = JsonDocument.Parse(label.Value);
        return new DeviceLabel(label.Sequence, label.Key, value.RootElement.Clone(), label.Confidence, label.ModelVersion, label.Reason, DateTimeOffset.FromUnixTimeMilliseconds(label.At));
    }
}
