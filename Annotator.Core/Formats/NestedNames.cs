using System.Text.Json;

namespace Annotator.Core.Formats;

/// <summary>Passes over a nested JSON value and finds property names that are there twice in one object. Kept by a reader for its buffers.</summary>
internal sealed class NestedNames
{
    // Beyond this many properties in one object comparing each with each is slower than a set.
    private const int MaximumCompared = 32;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = int.MaxValue };
    private readonly List<(int Start, int Length)> _names = [];
    private readonly Stack<int> _objects = new();

    /// <summary>Moves <paramref name="reader"/>, which stands at the start of an object or array, to its end.</summary>
    /// <param name="json">What the reader reads, all of it.</param>
    /// <param name="reader">The reader.</param>
    /// <returns>Whether a name is there twice.</returns>
    /// <exception cref="JsonException">The value is not well-formed.</exception>
    public bool PassOver(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        _names.Clear();
        _objects.Clear();
        int start = (int)reader.TokenStartIndex;
        int depth = reader.CurrentDepth;
        bool twice = false, undecided = false;
        do
        {
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                _objects.Push(_names.Count);
            }
            else if (reader.TokenType == JsonTokenType.EndObject)
            {
                int first = _objects.Pop();
                _names.RemoveRange(first, _names.Count - first);
            }
            else if (reader.TokenType == JsonTokenType.PropertyName)
            {
                int first = _objects.Peek();
                undecided |= reader.ValueIsEscaped || _names.Count - first >= MaximumCompared;
                if (undecided) continue;
                var name = reader.ValueSpan;
                for (int i = first; i < _names.Count && !twice; i++) twice = name.SequenceEqual(json.Slice(_names[i].Start, _names[i].Length));
                _names.Add(((int)reader.TokenStartIndex + 1, name.Length));
            }
        }
        while (reader.Read() && (reader.CurrentDepth > depth || reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray)));
        if (twice || !undecided) return twice;
        try
        {
            JsonDocument.Parse(json[start..(int)reader.BytesConsumed].ToArray(), s_strict).Dispose();
            return false;
        }
        catch (JsonException)
        {
            // It was read to its end, so it is well-formed: only the names are left.
            return true;
        }
    }
}
