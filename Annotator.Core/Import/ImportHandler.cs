using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Formats;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Live;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Import;

/// <summary>
/// Reads an uploaded file into items, batch by batch. The place in the file is committed with the batch, so a run that is
/// taken up again neither loses nor doubles a line; the key keeps what is there already.
/// </summary>
internal sealed class ImportHandler(IBlobStore blobs, RunService runs, LearningTrigger learning, MediaImport media, MediaService files, MediaFetcher fetcher) : IRunHandler
{
    public const string RunKind = "import";

    // Long enough for the bulk path, short enough that a decision never waits long for the write gate.
    private const int BatchRows = 2_000;

    // Files that are fetched at a time.
    private const int Fetchers = 4;

    private const int MostNewLabels = LabelSchema.MaxLabels;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<ImportOptions>();
        var cursor = run.Cursor<ImportCursor>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        var annotators = new ImportedAnnotators(project.Id);

        if (!cursor.Read)
        {
            await using var file = await blobs.OpenAsync(options.Blob, cancellationToken);
            if (options.MediaFormat is not null)
                cursor = await media.ReadAsync(run, project, options, file, cursor, cancellationToken);
            else
                (cursor, project) = await ReadRecordsAsync(run, project, options, file, cursor, annotators, cancellationToken);
            cursor = cursor with { Read = true };
            await run.CheckpointAsync(null, cursor, total: run.Run.Done + run.Run.Rejected, cancellationToken: cancellationToken);
        }

        if (cursor.Votes > 0) await ImportedVotes.AggregateAsync(run, project, cancellationToken);

        run.SetResult(new ImportResult(cursor.Created, cursor.Existing, cursor.Labelled, run.Run.Rejected) { Notes = cursor.Notes });
        await run.CheckpointAsync(
            async scope => await runs.AddOnceAsync(scope, project.Id, project.Settings.GroupDuplicates && project.Modality != Modality.Video ? DeduplicateHandler.RunKind : PrelabelHandler.RunKind),
            cursor,
            cancellationToken: cancellationToken);
        await blobs.DeleteAsync(options.Blob, CancellationToken.None);
        if (cursor.Labelled > 0 || cursor.Votes > 0) learning.DecisionsRecorded(project.Id);
    }

    private async Task<(ImportCursor Cursor, Project Project)> ReadRecordsAsync(
        RunContext run, Project project, ImportOptions options, Stream file, ImportCursor cursor, ImportedAnnotators annotators, CancellationToken cancellationToken)
    {
        var from = cursor.Offset == 0 ? (ReaderCheckpoint?)null : new ReaderCheckpoint(cursor.Offset, cursor.Line);
        await using var reader = options.Format.Open(file, from: from);
        using var mapper = new RecordMapper(options.Mapping);
        var tasks = options.LabelStudio ? new LabelStudioTasks(options.Mapping.Text.Length == 0 ? null : options.Mapping.Text, project.Schema.Multiple) : null;
        await foreach (var batch in reader.ReadBatchesAsync(BatchRows, cancellationToken))
        {
            var mapped = tasks is null ? Map(mapper, batch, options) : Map(tasks, batch);
            if (project.Modality != Modality.Text) mapped = await AddressedAsync(run.Database, mapped, project, cancellationToken);
            var seen = run.Run.Done + run.Run.Rejected + batch.Records.Count + batch.Rejected.Count;
            var offset = batch.Next.ByteOffset;
            var estimate = offset >= options.Bytes ? seen : Math.Max(seen, (long)(seen * ((double)options.Bytes / Math.Max(1, offset))));
            var storing = new BatchWriter(run, mapped, project, annotators);
            cursor = await storing.CommitAsync(cursor with { Offset = offset, Line = batch.Next.LineNumber }, estimate, cancellationToken);
            project = storing.Project;
            foreach (var left in mapped.Files?.Where(f => !storing.Used(f.Key)) ?? []) await files.ForgetAsync(left.Value);
        }

        return (cursor, project);
    }

    private static MappedBatch Map(RecordMapper mapper, RecordBatch batch, ImportOptions options)
    {
        var records = new List<ImportRecord>(batch.Records.Count);
        var rejected = new List<(long Line, string Reason)>(batch.Rejected.Select(r => (r.LineNumber, r.Reason)));
        foreach (var raw in batch.Records)
        {
            if (!mapper.TryMap(raw, out var record, out var reason))
            {
                rejected.Add((reason.LineNumber, reason.Reason));
                continue;
            }

            // Without a key column a row is known by file and line: the same file twice is the same items, the same text twice is not.
            if (record.IsKeyDerived) record = record with { Key = $"{options.Hash[..12]}-{record.LineNumber}" };
            if (record.Key.Length > 500) rejected.Add((record.LineNumber, $"The key has {record.Key.Length} characters; at most 500 are taken."));
            else records.Add(record);
        }

        return new MappedBatch(records, rejected);
    }

    private static MappedBatch Map(LabelStudioTasks tasks, RecordBatch batch)
    {
        var records = new List<ImportRecord>(batch.Records.Count);
        var rejected = new List<(long Line, string Reason)>(batch.Rejected.Select(r => (r.LineNumber, r.Reason)));
        foreach (var raw in batch.Records)
        {
            var found = tasks.Map(raw, out var reason);
            if (reason is not null) rejected.Add((raw.LineNumber, reason));
            else if (found[0].Key.Length > 500) rejected.Add((raw.LineNumber, $"The key has {found[0].Key.Length} characters; at most 500 are taken."));
            else records.AddRange(found);
        }

        return new MappedBatch(records, rejected);
    }

    // Of images and videos the text column holds the address, or the key of an item that is here; what the settings allow is fetched and kept here.
    private async Task<MappedBatch> AddressedAsync(AnnotatorDatabase database, MappedBatch batch, Project project, CancellationToken cancellationToken)
    {
        var rejected = batch.Rejected;
        var records = new List<ImportRecord>(batch.Records.Count);
        var names = new List<ImportRecord>();
        foreach (var record in batch.Records)
        {
            if (ItemIntake.IsAddress(project, record.Text.Trim())) records.Add(record with { Text = "", Url = record.Text.Trim() });
            else names.Add(record with { Key = record.Text.Trim(), Text = "", Metadata = null });
        }

        if (names.Count > 0)
        {
            var keys = names.Select(r => r.Key).Distinct(StringComparer.Ordinal).ToList();
            var there = (await database.ReadAsync(db => db.Items.Where(i => i.ProjectId == project.Id && keys.Contains(i.Key)).Select(i => i.Key).ToListAsync(cancellationToken), cancellationToken)).ToHashSet(StringComparer.Ordinal);
            records.AddRange(names.Where(r => there.Contains(r.Key)));
            rejected.AddRange(names.Where(r => !there.Contains(r.Key)).Select(r => (r.LineNumber, "neither an address (http://, https:// or s3://, at most 4,000 characters) nor the key of an item that is here")));
        }

        var fetched = records.Where(r => r.Url is not null && fetcher.Fetches(r.Url)).ToList();
        if (fetched.Count == 0) return new MappedBatch(records, rejected);
        var kept = new KeptMedia[fetched.Count];
        await Parallel.ForAsync(0, fetched.Count, new ParallelOptions { MaxDegreeOfParallelism = Fetchers, CancellationToken = cancellationToken }, async (i, cancel) => kept[i] = await fetcher.FetchAsync(project, fetched[i].Url!, cancel));
        var known = new Dictionary<string, MediaFile>(StringComparer.Ordinal);
        for (var i = 0; i < fetched.Count; i++)
        {
            var place = records.IndexOf(fetched[i]);
            if (kept[i].File is { } file && known.TryAdd(fetched[i].Key, file))
            {
                records[place] = fetched[i] with { Url = MediaService.AddressOf(project.Id, file.Name) };
                continue;
            }

            records.RemoveAt(place);
            rejected.Add((fetched[i].LineNumber, kept[i].Refused ?? "another line has the same key"));
            if (kept[i].File is { } twice) await files.ForgetAsync(twice);
        }

        return new MappedBatch(records, rejected) { Files = known };
    }

    internal sealed record MappedBatch(List<ImportRecord> Records, List<(long Line, string Reason)> Rejected)
    {
        /// <summary>Labels that are read already, in place of those that the records have as text.</summary>
        public Dictionary<ImportRecord, LabelValue>? Values { get; init; }

        /// <summary>Kept files by the keys of their records; their rows are written with the items.</summary>
        public Dictionary<string, MediaFile>? Files { get; init; }
    }

    /// <summary>One batch on its way into the database.</summary>
    internal sealed class BatchWriter(RunContext run, MappedBatch batch, Project project, ImportedAnnotators annotators)
    {
        private readonly HashSet<string> _made = new(StringComparer.Ordinal);

        public Project Project { get; private set; } = project;

        /// <summary>Whether the file of a key became an item; not where one of that key was there already.</summary>
        public bool Used(string key) => _made.Contains(key);

        public async Task<ImportCursor> CommitAsync(ImportCursor cursor, long estimate, CancellationToken cancellationToken)
        {
            // Labels are read before the transaction; a label that the schema lacks is refused, or added where the schema is open.
            var values = await ReadLabelsAsync(cancellationToken);
            return await run.CheckpointAsync(
                async scope =>
                {
                    var counted = await StoreAsync(scope, values, cursor);
                    await WriteRejectionsAsync(scope);
                    scope.Publish(new ProjectChanged(Project.Id));
                    return counted;
                },
                batch.Records.Count,
                batch.Rejected.Count,
                estimate,
                cancellationToken: cancellationToken);
        }

        private async Task<Dictionary<ImportRecord, LabelValue?>> ReadLabelsAsync(CancellationToken cancellationToken)
        {
            var values = new Dictionary<ImportRecord, LabelValue?>(batch.Records.Count, ReferenceEqualityComparer.Instance);
            var schema = Project.Schema;
            if (schema.Labels.Count == 0 && schema.Type == TaskType.Classification)
            {
                var names = batch.Records.Where(r => r.Label is not null).SelectMany(r => schema.Multiple ? LabelText.Split(r.Label!) : [r.Label!.Trim()])
                    .Where(n => n.Length is > 0 and <= 200).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Take(MostNewLabels).ToList();
                if (names.Count > 0) await AddLabelsAsync(names, cancellationToken);
                schema = Project.Schema;
            }

            if (batch.Values is { } given && (schema.Labels.Count == 0 || Project.OpenSchema))
            {
                var missing = given.Values.SelectMany(v => v.LabelNames).Distinct(StringComparer.Ordinal).Where(n => n.Length is > 0 and <= 200 && !schema.Contains(n)).Order(StringComparer.Ordinal).ToList();
                if (missing.Count > 0) await AddLabelsAsync(missing, cancellationToken);
                schema = Project.Schema;
            }

            foreach (var record in batch.Records.ToList())
            {
                values[record] = null;
                if (batch.Values?.GetValueOrDefault(record) is { } read)
                {
                    // The item goes in all the same: an image is of use without its label.
                    if (LabelJson.Check(read, schema) is { } wrong) batch.Rejected.Add((record.LineNumber, $"{MediaArchive.Shown(record.Key)}: its label is not read: {wrong}"));
                    else values[record] = read;
                    continue;
                }

                if (record.Label is null) continue;
                if (ImportedLabel.TryRead(record.Label, schema, out var value, out var error))
                {
                    values[record] = value;
                    continue;
                }

                if (ImportedLabel.IsUnknownChoice(record.Label, schema) && Project.OpenSchema)
                {
                    await AddLabelsAsync([record.Label.Trim()], cancellationToken);
                    schema = Project.Schema;
                    values[record] = new ChoiceValue(record.Label.Trim());
                    continue;
                }

                batch.Records.Remove(record);
                values.Remove(record);
                batch.Rejected.Add((record.LineNumber, error!));
            }

            return values;
        }

        private async Task AddLabelsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
        {
            Project = await run.Database.WriteAsync(
                async scope =>
                {
                    var current = await scope.Db.Projects.SingleAsync(p => p.Id == Project.Id, cancellationToken);
                    var schema = current.Schema;
                    var added = names.Where(n => !schema.Contains(n)).Select(n => new LabelDefinition(n)).ToList();
                    if (schema.Labels.Count + added.Count > LabelSchema.MaxLabels) throw new RunFailedException($"The label column holds more than {LabelSchema.MaxLabels} different labels.");
                    var before = (current.SchemaVersion, current.SchemaJson);
                    current.Schema = (schema with { Labels = [.. schema.Labels, .. added] }).WithDefaults();
                    current.OpenSchema = true;
                    current.SchemaVersion++;
                    await SchemaSnapshots.KeepAsync(scope, current, before);
                    current.Version++;
                    scope.Publish(new ProjectChanged(current.Id));
                    return current;
                },
                cancellationToken);
        }

        private async Task<ImportCursor> StoreAsync(WriteScope scope, Dictionary<ImportRecord, LabelValue?> values, ImportCursor cursor)
        {
            var records = batch.Records;
            if (records.Count == 0) return cursor;
            var fresh = new Dictionary<string, Item>(records.Count, StringComparer.Ordinal);
            var first = scope.NextId("item", records.Count);
            foreach (var record in records)
            {
                if (fresh.ContainsKey(record.Key)) continue;
                fresh[record.Key] = new Item
                {
                    ProjectId = Project.Id,
                    Id = first++,
                    Key = record.Key,
                    Text = record.Url is null && Project.Modality == Modality.Text ? record.Text : null,
                    Url = record.Url,
                    Metadata = record.Metadata,
                    State = ItemState.New,
                    CreatedAt = scope.Now,
                };
            }

            foreach (var record in records.Where(r => r.Annotator is null && values[r] is not null)) SetImported(fresh[record.Key], values[record]!, scope.Now);
            var inserted = await scope.Dialect.InsertAsync(scope.Db, fresh.Values, ignoreConflicts: true, scope.CancellationToken);

            // Where all went in, no key was there before; else ask which ones they are.
            var existing = new Dictionary<string, Item>(StringComparer.Ordinal);
            if (inserted < fresh.Count)
            {
                var keys = fresh.Keys.ToList();
                var there = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == Project.Id && keys.Contains(i.Key)).ToListAsync(scope.CancellationToken);
                foreach (var item in there.Where(i => i.Id != fresh[i.Key].Id))
                {
                    existing[item.Key] = item;
                    fresh.Remove(item.Key);
                }
            }

            _made.UnionWith(fresh.Keys);
            if (batch.Files is { } files)
            {
                var used = files.Where(f => fresh.ContainsKey(f.Key)).Select(f => f.Value).ToList();
                if (used.Count > 0) await scope.Dialect.InsertAsync(scope.Db, used, ignoreConflicts: false, scope.CancellationToken);
            }

            ItemTransitions.CountNew(scope, Project.Id, fresh.Values);
            await LabelExistingAsync(scope, records, values, existing);
            await WriteFactsAsync(scope, records, values, fresh, existing);
            return cursor with
            {
                Created = cursor.Created + fresh.Count,
                Existing = cursor.Existing + records.Count - fresh.Count,
                Labelled = cursor.Labelled + records.Count(r => values[r] is not null && r.Annotator is null),
                Votes = cursor.Votes + records.Count(r => values[r] is not null && r.Annotator is not null),
            };
        }

        private static async Task LabelExistingAsync(WriteScope scope, List<ImportRecord> records, Dictionary<ImportRecord, LabelValue?> values, Dictionary<string, Item> existing)
        {
            // A known label for an item that is there already and has none.
            var changes = new List<ItemChange>();
            foreach (var record in records.Where(r => r.Annotator is null && values[r] is not null))
            {
                if (existing.TryGetValue(record.Key, out var item) && item.State != ItemState.Final)
                    changes.Add(new ItemChange(item, ItemState.Final, Route.Human, Label: new LabelChange(LabelJson.Write(values[record]!), LabelSource.Import, null)));
            }

            await ItemTransitions.ApplyAsync(scope, [.. changes.DistinctBy(c => c.Item.Id)]);
        }

        private async Task WriteFactsAsync(
            WriteScope scope, List<ImportRecord> records, Dictionary<ImportRecord, LabelValue?> values, Dictionary<string, Item> fresh, Dictionary<string, Item> existing)
        {
            var labelled = records.Where(r => values[r] is not null).ToList();
            if (labelled.Count == 0) return;
            var people = await annotators.ResolveAsync(scope, labelled.Select(r => r.Annotator).OfType<string>());
            var id = scope.NextId("decision", labelled.Count);
            var facts = labelled.Select(r => new Decision
            {
                Id = id++,
                ProjectId = Project.Id,
                ItemId = (fresh.GetValueOrDefault(r.Key) ?? existing[r.Key]).Id,
                UserId = r.Annotator is null ? null : people[r.Annotator],
                Action = DecisionAction.Import,
                Value = LabelJson.Write(values[r]!),
                Status = DecisionStatus.Recorded,
                SchemaVersion = Project.SchemaVersion,
                CreatedAt = scope.Now,
            }).ToList();
            await scope.Dialect.InsertAsync(scope.Db, facts, ignoreConflicts: false, scope.CancellationToken);
            scope.Tallies.Decided(facts);
        }

        private Task<int> WriteRejectionsAsync(WriteScope scope)
        {
            var rows = batch.Rejected.GroupBy(r => r.Line).SelectMany(g => g.Select((r, i) => new RunRejection { RunId = run.Run.Id, Line = r.Line, Ordinal = i, Reason = r.Reason })).ToList();
            return scope.Dialect.InsertAsync(scope.Db, rows, ignoreConflicts: true, scope.CancellationToken);
        }

        private static void SetImported(Item item, LabelValue value, DateTimeOffset now)
        {
            item.State = ItemState.Final;
            item.LabelValue = LabelJson.Write(value);
            item.LabelSource = LabelSource.Import;
            item.DecidedAt = now;
        }
    }
}

/// <summary>Where an import stands.</summary>
internal sealed record ImportCursor
{
    public long Offset { get; init; }

    public long Line { get; init; } = 1;

    /// <summary>Whether the file has been read to its end.</summary>
    public bool Read { get; init; }

    public long Created { get; init; }

    public long Existing { get; init; }

    public long Labelled { get; init; }

    /// <summary>What was lost or changed, for people to read.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Labels by named annotators, to be aggregated at the end.</summary>
    public long Votes { get; init; }
}

/// <summary>Labels as they stand in a column of a file.</summary>
internal static class ImportedLabel
{
    public static bool TryRead(string cell, LabelSchema schema, out LabelValue? value, out string? error)
    {
        value = null;
        var trimmed = cell.Trim();
        if (trimmed.StartsWith('{'))
        {
            try
            {
                using var json = JsonDocument.Parse(trimmed);
                return LabelJson.TryRead(json.RootElement, schema, null, out value, out error);
            }
            catch (JsonException)
            {
                if (schema.Type != TaskType.Classification)
                {
                    error = "The label is no valid JSON.";
                    return false;
                }
            }
        }

        if (schema.Type != TaskType.Classification)
        {
            error = "A label of this task is written as JSON, as in the API.";
            return false;
        }

        value = schema.Multiple ? new ChoicesValue(LabelText.Split(trimmed, schema.Labels.Select(l => l.Name).ToHashSet(StringComparer.Ordinal))) : new ChoiceValue(trimmed);
        error = LabelJson.Check(value, schema);
        if (error is null) return true;
        value = null;
        return false;
    }

    public static bool IsUnknownChoice(string cell, LabelSchema schema) =>
        schema is { Type: TaskType.Classification, Multiple: false } && cell.Trim() is { Length: > 0 and <= 200 } name && !schema.Contains(name);
}

/// <summary>People who are known by name only, from the data: they cannot sign in.</summary>
internal sealed class ImportedAnnotators(long projectId)
{
    private readonly Dictionary<string, long> _known = new(StringComparer.Ordinal);

    public async Task<IReadOnlyDictionary<string, long>> ResolveAsync(WriteScope scope, IEnumerable<string> names)
    {
        var wanted = names.Distinct(StringComparer.Ordinal).Where(n => !_known.ContainsKey(n)).ToList();
        if (wanted.Count == 0) return _known;
        var byUserName = wanted.ToDictionary(UserName, n => n, StringComparer.Ordinal);
        var userNames = byUserName.Keys.ToList();
        var there = await scope.Db.Users.Where(u => userNames.Contains(u.NormalizedUserName!)).Select(u => new { u.Id, u.NormalizedUserName }).ToListAsync(scope.CancellationToken);
        foreach (var user in there) _known[byUserName[user.NormalizedUserName!]] = user.Id;
        var made = wanted.Where(n => !_known.ContainsKey(n)).Select(n => new AppUser
        {
            UserName = UserName(n),
            NormalizedUserName = UserName(n),
            DisplayName = n.Length <= 200 ? n : n[..200],
            IsImported = true,
            CreatedAt = scope.Now,
            SecurityStamp = Guid.NewGuid().ToString("n"),
        }).ToList();
        scope.Db.Users.AddRange(made);
        await scope.Db.SaveChangesAsync(scope.CancellationToken);
        foreach (var user in made) _known[byUserName[user.UserName!]] = user.Id;
        return _known;
    }

    // The columns of ASP.NET Core Identity hold 256 characters.
    private string UserName(string name) =>
        $"IMPORT:{projectId}:{(name.Length <= 120 ? name.ToUpperInvariant() + ":" : "")}{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)))[..16]}";
}
