namespace Annotator.Core.Accounts;

/// <summary>
/// Which passwords are taken: long enough, not one that everybody knows, not the e-mail address. No rules of composition, as
/// NIST SP 800-63B section 3.1.1.2 advises: they make passwords predictable, not strong.
/// </summary>
public static class PasswordRules
{
    /// <summary>The fewest characters.</summary>
    public const int MinLength = 10;

    /// <summary>The most characters; hashing a longer one would only cost time.</summary>
    public const int MaxLength = 256;

    // Those of ten characters and more that lists of leaked passwords and the defaults of products have in common; compared
    // without case and without what people put at the end of a password to make it another.
    private static readonly HashSet<string> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        "1234567890", "0123456789", "0987654321", "12345678910", "1234512345", "1q2w3e4r5t", "1qaz2wsx3edc", "qwertyuiop", "qwerty1234", "qwerty12345",
        "qwerty123456", "asdfghjkl;", "asdfghjklzxcvbnm", "zaq12wsxcde3", "password", "password1", "password12", "password123", "password1234", "password12345",
        "passw0rd", "p@ssw0rd", "p@ssword", "pa$$w0rd", "mypassword", "newpassword", "iloveyou", "iloveyou12", "administrator", "adminadmin", "admin12345", "admin123456",
        "adminpassword", "admin-password", "rootroot", "rootpassword", "changeme", "changemenow", "change-me", "change_me", "changeit", "letmein", "letmein123", "letmeinnow", "welcome", "welcome123",
        "welcome1234", "defaultpassword", "default-password", "temppassword", "testpassword", "test123456", "testtest12", "secretpassword", "verysecret", "supersecret", "topsecret",
        "annotator", "annotatorannotator", "annotator1", "annotator123", "annotator1234", "label-studio", "labelstudio", "doccano", "argilla1234", "abcdefghij", "abcd123456", "abc1234567",
        "aaaaaaaaaa", "0000000000", "1111111111", "football123", "baseball123", "princess123", "sunshine123", "dragon12345", "monkey12345",
    };

    /// <summary>What is wrong with a password; null where nothing is.</summary>
    public static string? Check(string? password, string? email)
    {
        if (string.IsNullOrEmpty(password) || password.Length < MinLength) return $"Must have at least {MinLength} characters.";
        if (password.Length > MaxLength) return $"Must have at most {MaxLength} characters.";
        if (IsKnown(password)) return "This password is known to everybody; choose another.";
        if (email is { Length: > 0 } && (password.Contains(email, StringComparison.OrdinalIgnoreCase)
            || (NameOf(email) is { Length: >= 4 } name && string.Equals(password.Trim('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '!', '.', '-', '_'), name, StringComparison.OrdinalIgnoreCase))))
        {
            return "Must not be the e-mail address.";
        }

        return null;
    }

    private static bool IsKnown(string password)
    {
        if (password.Distinct().Count() <= 2) return true;
        return Known.Contains(password) || Known.Contains(password.TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '!', '.', '?', '#', '*', '$', '@', '_', '-'));
    }

    private static string NameOf(string email) => email.IndexOf('@', StringComparison.Ordinal) is var at and > 0 ? email[..at] : email;
}
