using System.Text;
using System.Text.Json;

namespace Annotator.Core.Llm;

/// <summary>
/// The probability of each result's labels from the log-probabilities of the tokens that spell them: the product over the tokens that
/// overlap the label strings. Under an enumerated schema tokens that could not be otherwise have probability one, so that this is the
/// probability of the choice ("Labeling with confidence", Refuel 2023).
/// </summary>
internal sealed class LabelProbabilities
{
    private readonly double?[] _results;

    private LabelProbabilities(double?[] results) => _results = results;

    /// <summary>Probability of the labels of a result, by its place; null where it has none or spans.</summary>
    public double? this[int result] => result < _results.Length ? _results[result] : null;

    /// <summary>Finds the labels among the tokens; null where there are no tokens or they do not spell the content.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="content">What they spell.</param>
    /// <param name="start">Where the JSON starts in it, in characters.</param>
    /// <param name="json">The JSON, valid.</param>
    public static LabelProbabilities? Create(IReadOnlyList<LlmToken>? tokens, string content, int start, ReadOnlySpan<byte> json)
    {
        if (tokens is null || tokens.Count == 0) return null;
        // Tokens may have an end mark behind the content, never more before it.
        long spelled = tokens.Sum(t => (long)t.Length);
        if (spelled < Encoding.UTF8.GetByteCount(content)) return null;
        int offset = Encoding.UTF8.GetByteCount(content.AsSpan(0, start));

        var results = new List<double?>();
        var reader = new Utf8JsonReader(json);
        int token = 0;
        long tokenStart = 0;
        double? current = null;
        bool inside = false, label = false;
        while (reader.Read())
        {
            if (reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 }) inside = reader.ValueTextEquals("results"u8);
            if (!inside) continue;
            // {"results":[{ … }]}: a result is an object at depth 2, its properties stand at depth 3.
            if (reader is { TokenType: JsonTokenType.StartObject, CurrentDepth: 2 }) current = null;
            else if (reader is { TokenType: JsonTokenType.EndObject, CurrentDepth: 2 }) results.Add(current);
            else if (reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 3 }) label = reader.ValueTextEquals("label"u8) || reader.ValueTextEquals("labels"u8);
            else if (reader.TokenType == JsonTokenType.String && label && reader.CurrentDepth is 3 or 4 && !reader.ValueSpan.IsEmpty)
            {
                long from = offset + reader.TokenStartIndex + 1, to = from + reader.ValueSpan.Length;
                double sum = 0;
                while (token < tokens.Count && tokenStart + tokens[token].Length <= from) tokenStart += tokens[token++].Length;
                long at = tokenStart;
                for (int t = token; t < tokens.Count && at < to; at += tokens[t++].Length) sum += tokens[t].LogProbability;
                current = (current ?? 1) * Math.Exp(sum);
            }
        }
        return new LabelProbabilities([.. results]);
    }
}
