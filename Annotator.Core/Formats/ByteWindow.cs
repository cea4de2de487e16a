using System.Buffers;
using System.Text;

namespace Annotator.Core.Formats;

/// <summary>
/// A moving window of bytes over a stream, with the offset of its start in the file.
/// </summary>
/// <remarks>
/// The parsers work on bytes. That is right for UTF-8, Windows-1252 and CP949 alike: a second byte of CP949 is a letter or at least 0x81,
/// never a quote, delimiter, backslash, brace or line break. UTF-16 is turned into UTF-8 on the way in; since every UTF-16 code unit, also
/// a replaced lone surrogate, counts as one in the UTF-8 text, offsets in the file are recovered exactly as twice the number of code units.
/// </remarks>
internal sealed class ByteWindow : IDisposable
{
    private readonly Stream _source;
    private readonly bool _utf16;
    private byte[] _buffer;
    private int _start;
    private int _end;

    /// <summary>Opens a window on a stream that stands at <paramref name="offset"/> of its file. The stream stays open.</summary>
    public ByteWindow(Stream stream, TextEncoding encoding, int bufferLength, long offset)
    {
        _utf16 = encoding.IsUtf16();
        _source = _utf16
            ? Encoding.CreateTranscodingStream(stream, TextEncodings.Decoder(encoding), Encoding.UTF8, leaveOpen: true)
            : stream;
        _buffer = ArrayPool<byte>.Shared.Rent(bufferLength);
        Offset = offset;
    }

    /// <summary>The bytes read and not yet consumed.</summary>
    public ReadOnlySpan<byte> Unread => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Offset in the file of the first unread byte.</summary>
    public long Offset { get; private set; }

    /// <summary>Whether the stream has no more bytes than those unread.</summary>
    public bool AtEnd { get; private set; }

    /// <summary>Consumes bytes.</summary>
    public void Advance(int count)
    {
        Offset += _utf16 ? 2L * CodeUnits(_buffer.AsSpan(_start, count)) : count;
        _start += count;
    }

    /// <summary>
    /// Reads on, until the unread bytes have at least doubled, so that scanning a long record again costs a constant factor only,
    /// or the stream has ended.
    /// </summary>
    public async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        int unread = _end - _start;
        int wanted = Math.Max(2 * unread, 1);
        if (_buffer.Length < wanted || _buffer.Length - unread < _buffer.Length / 4)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * _buffer.Length, wanted));
            Unread.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        else if (_start > 0)
        {
            Unread.CopyTo(_buffer);
        }
        _start = 0;
        _end = unread;
        while (!AtEnd && _end - _start < wanted)
        {
            int read = await _source.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0) AtEnd = true;
            _end += read;
        }
    }

    // Counted by first bytes (a character of four bytes is two code units), so that it adds up wherever the text is cut.
    private static int CodeUnits(ReadOnlySpan<byte> text)
    {
        int units = 0;
        foreach (byte b in text) units += (b & 0xC0) == 0x80 ? 0 : b >= 0xF0 ? 2 : 1;
        return units;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_utf16) _source.Dispose();
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _start = _end = 0;
    }
}
