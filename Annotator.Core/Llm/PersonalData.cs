using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace Annotator.Core.Llm;

/// <summary>
/// Takes structured personal data out of texts: e-mail addresses, card numbers (Luhn's check), bank accounts (IBAN, ISO 13616's check),
/// Korean resident registration numbers (date and century digit), addresses of the internet (IPv4, IPv6) and telephone numbers. Each becomes a mark in brackets that says what stood
/// there. Names and addresses of people are not found; no mask of this kind finds everything.
/// </summary>
public static partial class PersonalData
{
    /// <summary>The text with marks in place of what was found.</summary>
    /// <param name="text">The text.</param>
    public static string Mask(string text) => Hide(text).Text;

    /// <summary>The text with marks in place of what was found, and the way back.</summary>
    /// <param name="text">The text.</param>
    public static MaskedText Hide(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var masked = MaskedText.Of(text);
        try
        {
            Take(Email(), "[EMAIL]", _ => true);
            Take(Iban(), "[IBAN]", IsIban);
            Take(ResidentNumber(), "[RRN]", IsResidentNumber);
            Take(Card(), "[CARD]", IsCard);
            Take(Address(), "[IP]", IsAddress);
            Take(Phone(), "[PHONE]", IsPhone);
            return masked;
        }
        catch (RegexMatchTimeoutException)
        {
            // Nothing leaves that could not be looked through.
            return MaskedText.Of(text).Hide([(0, text.Length)], "[UNREADABLE]");
        }

        void Take(Regex form, string mark, Func<string, bool> isOne) =>
            masked = masked.Hide(form.Matches(masked.Text).Where(m => isOne(m.Value)).Select(m => (m.Index, m.Length)).ToList(), mark);
    }

    // Four groups are also a version of a program; it is no loss.
    private static bool IsAddress(string text) => IPAddress.TryParse(text, out var address) && (address.AddressFamily == AddressFamily.InterNetworkV6 ? text.Length > 2 : text.Count(c => c == '.') == 3);

    private static string Digits(string text)
    {
        var digits = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (char.IsAsciiDigit(c)) digits.Append(c);
        }

        return digits.ToString();
    }

    private static bool IsCard(string text)
    {
        var digits = Digits(text);
        if (digits.Length is < 13 or > 19) return false;
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var d = digits[^(i + 1)] - '0';
            if (i % 2 == 1) d = d > 4 ? (d * 2) - 9 : d * 2;
            sum += d;
        }

        return sum % 10 == 0;
    }

    private static bool IsIban(string text)
    {
        var plain = text.Replace(" ", "", StringComparison.Ordinal).ToUpperInvariant();
        if (plain.Length is < 15 or > 34) return false;
        var number = new StringBuilder(60);
        foreach (var c in plain[4..] + plain[..4]) number.Append(CultureInfo.InvariantCulture, $"{(char.IsAsciiDigit(c) ? c - '0' : c - 'A' + 10)}");
        return BigInteger.Parse(number.ToString(), NumberStyles.None, CultureInfo.InvariantCulture) % 97 == 1;
    }

    // The check digit is no longer computed for numbers given since October 2020: the date and the digit of century and sex must do.
    private static bool IsResidentNumber(string text)
    {
        var d = Digits(text);
        return d.Length == 13 && d[6] is not ('0' or '9') && int.Parse(d.AsSpan(2, 2), NumberStyles.None, CultureInfo.InvariantCulture) is >= 1 and <= 12
            && int.Parse(d.AsSpan(4, 2), NumberStyles.None, CultureInfo.InvariantCulture) is >= 1 and <= 31;
    }

    // A number with a country code or an area code, with separators: years, prices and order numbers have none of them.
    private static bool IsPhone(string text)
    {
        var digits = Digits(text).Length;
        return digits is >= 8 and <= 15 && (text.StartsWith('+') || text.StartsWith('0') || text.StartsWith('('));
    }

    [GeneratedRegex(@"[\p{L}\p{N}._%+\-]{1,64}@[\p{L}\p{N}\-]{1,63}(?:\.[\p{L}\p{N}\-]{1,63})+", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Email();

    [GeneratedRegex(@"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Iban();

    [GeneratedRegex(@"(?<![0-9])[0-9]{6}[ ]?[-–][ ]?[0-9]{7}(?![0-9])|(?<![0-9])[0-9]{13}(?![0-9])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ResidentNumber();

    [GeneratedRegex(@"(?<![0-9])[0-9](?:[ \-]?[0-9]){12,18}(?![0-9])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Card();

    [GeneratedRegex(@"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])|(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Address();

    [GeneratedRegex(@"(?<![0-9\p{L}])(?:\+[0-9]{1,3}[ .\-]?)?\(?0?[0-9]{1,4}\)?(?:[ .\-]?[0-9]{2,4}){2,4}(?![0-9\p{L}])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Phone();
}
