using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Llm;

/// <summary>What a model answered about a text, so that the same is not paid for twice. It holds no text.</summary>
public sealed class CachedAnswer
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>Stands for endpoint, model, prompt and text.</summary>
    public required string Key { get; set; }

    /// <summary>The answer as JSON (<see cref="LlmAnswer"/>).</summary>
    public required string Answer { get; set; }

    /// <summary>When it was given.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>
/// Answers by what was asked: the same text under the same prompt of the same model gets the answer it got before. The order of labels and the examples
/// that went along are no part of the question: they change with every call, and are to help, not to change the answer.
/// </summary>
public sealed class LlmAnswerCache(AnnotatorDatabase database, IOptions<LlmProviderOptions> options, TimeProvider time)
{
    private const int Part = 500;

    // Of a text that is seldom met again, and of an answer that is long, the cache would be the larger cost.
    private const int LongestAnswer = 2_000;

    private TimeSpan Lifetime => TimeSpan.FromDays(options.Value.CacheDays);

    /// <summary>The key of a question.</summary>
    /// <param name="endpoint">Who is asked.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="text">The text, as <see cref="TextOf"/> gives it.</param>
    /// <param name="picture">The item's picture; null where it has none.</param>
    public static string KeyOf(LlmEndpoint endpoint, LabellingPrompt prompt, string text, LlmPicture? picture = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(text);

        // Each part behind its length, in one piece: this is done for every item.
        ReadOnlySpan<string> parts = picture is null ? [endpoint.BaseUrl, endpoint.Model, prompt.Version, text] : [endpoint.BaseUrl, endpoint.Model, prompt.Version, text, picture.Name];
        var most = 0;
        foreach (var part in parts) most += sizeof(int) + Encoding.UTF8.GetMaxByteCount(part.Length);
        var buffer = ArrayPool<byte>.Shared.Rent(most);
        try
        {
            var end = 0;
            foreach (var part in parts)
            {
                var length = Encoding.UTF8.GetBytes(part, buffer.AsSpan(end + sizeof(int)));
                BitConverter.TryWriteBytes(buffer.AsSpan(end), length);
                end += sizeof(int) + length;
            }

            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(buffer.AsSpan(0, end), hash);
            return Convert.ToHexStringLower(hash[..16]);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The text by which an answer is known again: as it is sent, but of spans, whose offsets are of the text as it is, that one.</summary>
    internal static string TextOf(LabellingPrompt prompt, string text, Func<string, string>? mask) => mask is null || prompt.Task == LlmTask.Spans ? text : mask(text);

    /// <summary>Whether a project has any answers: where it has none, none need be looked for.</summary>
    internal Task<bool> AnyAsync(long projectId, CancellationToken cancellationToken = default)
    {
        if (options.Value.CacheDays == 0) return Task.FromResult(false);
        var oldest = time.GetUtcNow() - Lifetime;
        return database.ReadAsync(db => db.CachedAnswers.AnyAsync(a => a.ProjectId == projectId && a.CreatedAt >= oldest, cancellationToken), cancellationToken);
    }

    /// <summary>Answers that are there.</summary>
    internal async Task<IReadOnlyDictionary<string, LlmAnswer>> FindAsync(long projectId, IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        var found = new Dictionary<string, LlmAnswer>(StringComparer.Ordinal);
        if (options.Value.CacheDays == 0) return found;
        var oldest = time.GetUtcNow() - Lifetime;
        foreach (var part in keys.Chunk(Part))
        {
            var rows = await database.ReadAsync(
                db => db.CachedAnswers.Where(a => a.ProjectId == projectId && part.Contains(a.Key) && a.CreatedAt >= oldest).Select(a => new { a.Key, a.Answer }).ToListAsync(cancellationToken), cancellationToken);
            foreach (var row in rows) found[row.Key] = JsonSerializer.Deserialize<LlmAnswer>(row.Answer, ProjectJson.Options)!;
        }

        return found;
    }

    /// <summary>Remembers answers, in the transaction that keeps them.</summary>
    internal Task StoreAsync(WriteScope scope, long projectId, IReadOnlyList<(string Key, LlmAnswer Answer)> answers)
    {
        if (options.Value.CacheDays == 0) return Task.CompletedTask;
        var rows = answers.DistinctBy(a => a.Key, StringComparer.Ordinal)
            .Select(a => new CachedAnswer { ProjectId = projectId, Key = a.Key, Answer = JsonSerializer.Serialize(a.Answer, ProjectJson.Options), CreatedAt = scope.Now })
            .Where(a => a.Answer.Length <= LongestAnswer).ToList();
        return rows.Count == 0 ? Task.CompletedTask : scope.Dialect.UpsertAsync(scope.Db, rows, scope.CancellationToken);
    }

    /// <summary>Removes answers that have had their time.</summary>
    public Task CleanAsync(CancellationToken cancellationToken = default)
    {
        var oldest = time.GetUtcNow() - Lifetime;
        return database.WriteAsync(scope => scope.Db.CachedAnswers.Where(a => a.CreatedAt < oldest).ExecuteDeleteAsync(cancellationToken), cancellationToken);
    }
}
