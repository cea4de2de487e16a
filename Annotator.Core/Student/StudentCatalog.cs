using System.Collections.Concurrent;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Student;

/// <summary>A student in service.</summary>
/// <param name="Version">Its row.</param>
/// <param name="Model">Its session.</param>
public sealed record LoadedStudent(StudentVersion Version, StudentModel Model)
{
    /// <summary>Predicts texts.</summary>
    public StudentPredictions Predict(IReadOnlyList<string> texts, CancellationToken cancellationToken = default) => Model.Predict(texts, cancellationToken);

    /// <summary>Predicts images.</summary>
    public StudentPredictions Predict(ReadOnlyMemory<byte> canvases, CancellationToken cancellationToken = default) => Model.Predict(canvases, cancellationToken);
}

/// <summary>
/// Holds the newest student of each project ready for use, and swaps a newer one in without a pause: callers keep the one
/// they have, the old session goes when nobody can still be using it.
/// </summary>
public sealed class StudentCatalog(AnnotatorDatabase database, IBlobStore blobs, TimeProvider time) : IDisposable
{
    // How long a node may serve an older version after another node has trained a newer one.
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(2);

    // The longest that a caller may go on using a session that has been replaced.
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<long, Entry> _entries = new();
    private readonly ConcurrentQueue<(DateTimeOffset Since, StudentModel Model)> _retired = new();
    private readonly SemaphoreSlim _loading = new(1, 1);

    /// <summary>The newest version's row, or null.</summary>
    public Task<StudentVersion?> LatestAsync(long projectId, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Students.Where(s => s.ProjectId == projectId && s.Blob != "").OrderByDescending(s => s.Version).FirstOrDefaultAsync(cancellationToken), cancellationToken);

    /// <summary>The newest student, ready to predict; null before the first.</summary>
    public async ValueTask<LoadedStudent?> FindAsync(long projectId, CancellationToken cancellationToken = default)
    {
        if (_entries.TryGetValue(projectId, out var entry) && time.GetUtcNow() - entry.Checked < Freshness) return entry.Student;
        await _loading.WaitAsync(cancellationToken);
        try
        {
            if (_entries.TryGetValue(projectId, out entry) && time.GetUtcNow() - entry.Checked < Freshness) return entry.Student;
            var latest = await LatestAsync(projectId, cancellationToken);
            if (latest is null || entry?.Student?.Version.Version >= latest.Version)
            {
                _entries[projectId] = new Entry(entry?.Student, time.GetUtcNow());
                return entry?.Student;
            }

            using var file = new MemoryStream();
            await using (var stored = await blobs.OpenAsync(latest.Blob, cancellationToken)) await stored.CopyToAsync(file, cancellationToken);
            return Put(new LoadedStudent(latest, StudentModel.Load(file.ToArray())));
        }
        finally
        {
            _loading.Release();
        }
    }

    /// <summary>Puts a student into service that this process has just made.</summary>
    public LoadedStudent Put(LoadedStudent student)
    {
        var now = time.GetUtcNow();
        LoadedStudent? replaced = null;
        var entry = _entries.AddOrUpdate(
            student.Version.ProjectId,
            _ => new Entry(student, now),
            (_, old) =>
            {
                var newer = old.Student is null || old.Student.Version.Version < student.Version.Version;
                replaced = newer ? old.Student : student;
                return new Entry(newer ? student : old.Student, now);
            });
        if (replaced is not null) _retired.Enqueue((now, replaced.Model));
        while (_retired.TryPeek(out var oldest) && now - oldest.Since > Grace && _retired.TryDequeue(out oldest)) oldest.Model.Dispose();
        return entry.Student!;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var entry in _entries.Values) entry.Student?.Model.Dispose();
        while (_retired.TryDequeue(out var retired)) retired.Model.Dispose();
        _loading.Dispose();
    }

    private sealed record Entry(LoadedStudent? Student, DateTimeOffset Checked);
}
