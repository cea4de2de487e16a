using System.Text.Json;
using System.Text.Json.Serialization;
using Annotator.Core.Accounts;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Storage;

/// <summary>
/// What a request with an idempotency key has written so far. Each unit of work keeps its result here within its own transaction; where
/// the process died before it could answer, a repeat of the request takes the results from here instead of doing the work
/// again, and so comes to the same answer. Ambient while the request runs: <see cref="AnnotatorDatabase"/> is the one door to writing and
/// asks it; handlers know nothing of it.
/// </summary>
public sealed class RequestJournal
{
    private static readonly AsyncLocal<RequestJournal?> s_current = new();

    private static readonly JsonSerializerOptions s_json = new()
    {
        IncludeFields = true,
        IgnoreReadOnlyProperties = true,
        Converters = { new ResultConverter() },
    };

    private readonly IdempotencyTicket _ticket;
    private readonly Func<string?> _requestHash;
    private readonly List<Step> _steps;
    private (Step Step, string Hash)? _pending;
    private int _next;
    private bool _closed;

    internal RequestJournal(IdempotencyTicket ticket, string? stored, string storedHash, Func<string?> requestHash)
    {
        (_ticket, _requestHash, StoredHash) = (ticket, requestHash, storedHash);
        _steps = stored is null ? [] : JsonSerializer.Deserialize<List<Step>>(stored, s_json)!;
    }

    /// <summary>The journal of the request that this code runs for; null outside of requests with a key.</summary>
    public static RequestJournal? Current => s_current.Value is { _closed: false } journal ? journal : null;

    /// <summary>Whether something was, or may have been, written for this request, in this execution or one before.</summary>
    public bool IsTouched => _pending is not null || _steps.Count > 0;

    /// <summary>Hash of the request that wrote the steps; empty where none was written yet.</summary>
    internal string StoredHash { get; private set; }

    /// <summary>Makes a journal the ambient one until it is closed.</summary>
    public void Open() => s_current.Value = this;

    /// <summary>Ends the journal: what still runs from the request afterwards is not part of it.</summary>
    public void Close() => _closed = true;

    /// <summary>The result of the next unit of work, where it was done before.</summary>
    /// <exception cref="IdempotencyMismatchException">The steps are those of a request with another body.</exception>
    /// <exception cref="AnswerLostException">It was done, and its result could not be kept.</exception>
    internal bool TryTake<T>(out T result)
    {
        result = default!;
        if (_next >= _steps.Count) return false;
        if (_requestHash() is { } hash && StoredHash.Length > 0 && !string.Equals(hash, StoredHash, StringComparison.Ordinal)) throw new IdempotencyMismatchException();
        var step = _steps[_next++];
        if (step.Result is null || !string.Equals(step.Type, TypeName<T>(), StringComparison.Ordinal)) throw new AnswerLostException();
        result = JsonSerializer.Deserialize<T>(step.Result, s_json)!;
        return true;
    }

    /// <summary>Keeps the result of a unit of work; commits with it.</summary>
    /// <exception cref="RequestTakenOverException">A repeat of the request has taken over; the unit of work must not commit.</exception>
    internal async Task KeepAsync<T>(WriteScope scope, T result)
    {
        string? json;
        try
        {
            json = JsonSerializer.Serialize(result, s_json);
        }
        catch (NotSupportedException)
        {
            json = null;
        }

        // A transaction that is rolled back takes its step along. One that is lost on its way to the commit may have been committed.
        var step = new Step(TypeName<T>(), json);
        List<Step> steps = [.. _steps, step];
        var hash = _requestHash() ?? StoredHash;
        _pending = (step, hash);
        var text = _ticket.Encrypt(JsonSerializer.Serialize(steps, s_json));
        var rows = await scope.Db.Idempotency.Where(r => r.UserId == _ticket.UserId && r.Key == _ticket.Key && r.Owner == _ticket.Owner)
            .ExecuteUpdateAsync(x => x.SetProperty(r => r.Journal, text).SetProperty(r => r.RequestHash, hash), scope.CancellationToken);
        if (rows == 0) throw new RequestTakenOverException();
    }

    /// <summary>The unit of work whose result was kept is committed.</summary>
    internal void Committed()
    {
        if (_pending is not { } pending) return;
        _steps.Add(pending.Step);
        (_pending, _next, StoredHash) = (null, _steps.Count, pending.Hash);
    }

    private static string TypeName<T>() => typeof(T).ToString();

    private sealed record Step(string Type, string? Result);

    /// <summary>Results that are a value or errors: their constructors are private, and their value throws where there is none.</summary>
    private sealed class ResultConverter : JsonConverterFactory
    {
        public override bool CanConvert(Type typeToConvert) =>
            typeToConvert.IsGenericType && (typeToConvert.GetGenericTypeDefinition() == typeof(Outcome<>) || typeToConvert.GetGenericTypeDefinition() == typeof(AccountResult<>));

        public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options)
        {
            var converter = typeToConvert.GetGenericTypeDefinition() == typeof(Outcome<>) ? typeof(OfOutcome<>) : typeof(OfAccountResult<>);
            return (JsonConverter)Activator.CreateInstance(converter.MakeGenericType(typeToConvert.GetGenericArguments()))!;
        }

        private sealed record Plain<T>(T? Value, List<(string Field, string Message)>? Errors);

        private sealed class OfOutcome<T> : JsonConverter<Outcome<T>>
        {
            public override Outcome<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            {
                var plain = JsonSerializer.Deserialize<Plain<T>>(ref reader, options)!;
                return plain.Errors is { Count: > 0 } errors ? Outcome<T>.Fail(errors) : Outcome<T>.Of(plain.Value!);
            }

            public override void Write(Utf8JsonWriter writer, Outcome<T> value, JsonSerializerOptions options) =>
                JsonSerializer.Serialize(writer, value.Succeeded ? new Plain<T>(value.Value, null) : new Plain<T>(default, [.. value.Errors]), options);
        }

        private sealed class OfAccountResult<T> : JsonConverter<AccountResult<T>>
        {
            public override AccountResult<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            {
                var plain = JsonSerializer.Deserialize<Plain<T>>(ref reader, options)!;
                return plain.Errors is { Count: > 0 } errors ? errors : plain.Value!;
            }

            public override void Write(Utf8JsonWriter writer, AccountResult<T> value, JsonSerializerOptions options) =>
                JsonSerializer.Serialize(writer, new Plain<T>(value.Value, [.. value.Errors]), options);
        }
    }
}

/// <summary>The idempotency key was used with another request.</summary>
public sealed class IdempotencyMismatchException() : Exception("This Idempotency-Key was used with another request. Use a new key for a new request.");

/// <summary>What the request asks for was done, and what it answered is lost.</summary>
public sealed class AnswerLostException() : Exception("The first request with this Idempotency-Key was carried out, and its answer is lost. Read what is stored.");

/// <summary>A repeat of this request has taken over while this one seemed dead; nothing more may be written here.</summary>
public sealed class RequestTakenOverException() : Exception("A repeat of this request with the same Idempotency-Key has taken over.");
