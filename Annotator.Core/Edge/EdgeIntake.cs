using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Edge;

/// <summary>
/// Takes what devices send. A device sends again until it is told that something is stored, and may be killed between: the
/// running numbers of labels and the keys of items make each count once.
/// </summary>
public sealed class EdgeIntake(AnnotatorDatabase database, ItemIntake intake)
{
    /// <summary>Stores labels that are not there yet.</summary>
    /// <returns>The numbers of those that are stored now; errors by field where one cannot be read.</returns>
    public async Task<Outcome<EdgeReceipt>> StoreLabelsAsync(EdgeDevice device, LabelUpload upload, CancellationToken cancellationToken = default)
    {
        var labels = upload.Labels ?? [];
        var errors = new List<(string, string)>();
        if (labels.Count is 0 or > EdgeLimits.MostLabels) errors.Add(("labels", $"1 to {EdgeLimits.MostLabels} labels are needed."));
        var rows = new Dictionary<long, EdgeLabel>();
        for (var i = 0; i < labels.Count && errors.Count < 100; i++)
        {
            var label = labels[i];
            if (label is null)
            {
                errors.Add(($"labels[{i}]", "A label is needed."));
                continue;
            }

            var text = label.Value.ValueKind == System.Text.Json.JsonValueKind.Object ? label.Value.GetRawText() : null;
            if (label.Sequence < 1) errors.Add(($"labels[{i}].sequence", "Must be 1 or more."));
            if (string.IsNullOrEmpty(label.Key) || label.Key.Length > EdgeLimits.MostKeyLength) errors.Add(($"labels[{i}].key", $"A key of 1 to {EdgeLimits.MostKeyLength} characters is needed."));
            if (!(label.Confidence >= 0 && label.Confidence <= 1)) errors.Add(($"labels[{i}].confidence", "Must be 0 to 1."));
            if (text is null || text.Length > EdgeLimits.MostValueLength) errors.Add(($"labels[{i}].value", $"An object of at most {EdgeLimits.MostValueLength} characters is needed."));
            else if (Canonical(text) is { } canonical)
            {
                rows[label.Sequence] = new EdgeLabel
                {
                    ProjectId = device.ProjectId,
                    DeviceId = device.Id,
                    Sequence = label.Sequence,
                    Key = label.Key ?? "",
                    Value = canonical,
                    Confidence = label.Confidence,
                    ModelVersion = label.ModelVersion,
                    Reason = label.Reason,
                    At = label.At,
                };
            }
            else
            {
                errors.Add(($"labels[{i}].value", "Is no label value."));
            }
        }

        if (errors.Count > 0) return Outcome<EdgeReceipt>.Fail(errors);
        await database.WriteAsync(
            async scope =>
            {
                foreach (var row in rows.Values) row.ReceivedAt = scope.Now;
                var stored = await scope.Dialect.InsertAsync(scope.Db, rows.Values, ignoreConflicts: true, cancellationToken);
                await CountAsync(scope, device, labels: stored, items: 0);
            },
            cancellationToken);
        return new EdgeReceipt([.. rows.Keys]);
    }

    /// <summary>Stores items that are not there yet, and sends them through the cascade like all others.</summary>
    /// <returns>The numbers of those that are stored now; errors by field where one cannot be stored.</returns>
    public async Task<Outcome<EdgeReceipt>> StoreItemsAsync(EdgeDevice device, Project project, ItemUpload upload, CancellationToken cancellationToken = default)
    {
        var items = upload.Items ?? [];
        var errors = new List<(string, string)>();
        if (items.Count is 0 or > EdgeLimits.MostItems) errors.Add(("items", $"1 to {EdgeLimits.MostItems} items are needed."));
        for (var i = 0; i < items.Count && errors.Count < 100; i++)
        {
            if (items[i] is null) errors.Add(($"items[{i}]", "An item is needed."));
            else if (string.IsNullOrEmpty(items[i].Key) || items[i].Key!.Length > EdgeLimits.MostKeyLength) errors.Add(($"items[{i}].key", $"A key of 1 to {EdgeLimits.MostKeyLength} characters is needed."));
            else if (items[i].Text?.Length > EdgeLimits.MostTextLength) errors.Add(($"items[{i}].text", $"At most {EdgeLimits.MostTextLength} characters."));
        }

        if (errors.Count > 0) return Outcome<EdgeReceipt>.Fail(errors);
        var stored = await intake.StoreAsync(
            project, [.. items.Select(i => new NewItem($"{device.Name}/{i.Key}", i.Text, DeviceId: device.Id, ForPerson: i.Reason is EdgeReason.Novel or EdgeReason.Sample))], cancellationToken);
        if (!stored.Succeeded) return Outcome<EdgeReceipt>.Fail(stored.Errors);
        var created = stored.Value.Count(s => s.Created);
        if (created > 0) await database.WriteAsync(scope => CountAsync(scope, device, labels: 0, items: created), cancellationToken);
        return new EdgeReceipt([.. items.Select(i => i.Sequence)]);
    }

    private static async Task CountAsync(WriteScope scope, EdgeDevice device, int labels, int items)
    {
        await scope.Db.Set<EdgeDevice>().Where(d => d.Id == device.Id)
            .ExecuteUpdateAsync(x => x.SetProperty(d => d.Labels, d => d.Labels + labels).SetProperty(d => d.Items, d => d.Items + items).SetProperty(d => d.SeenAt, scope.Now), scope.CancellationToken);
        scope.Publish(new DevicesChanged(device.ProjectId));
    }

    private static string? Canonical(string text)
    {
        try
        {
            return LabelJson.Write(LabelJson.Read(text));
        }
        catch (Exception e) when (e is FormatException or System.Text.Json.JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }
}
