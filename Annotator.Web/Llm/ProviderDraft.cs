using System.Globalization;
using Annotator.Core.Llm;
using Annotator.Web.Components.Controls;

namespace Annotator.Web.Llm;

/// <summary>A provider while it is typed in.</summary>
internal sealed class ProviderDraft
{
    public long? Id { get; private init; }

    public string Name { get; set; } = "";

    public string BaseUrl { get; set; } = "";

    public string Model { get; set; } = "";

    /// <summary>A new key; empty keeps the one that is there, which is never shown.</summary>
    public string Key { get; set; } = "";

    public bool HasKey { get; private init; }

    public string Concurrency { get; set; } = "4";

    public string Timeout { get; set; } = "60";

    public string Requests { get; set; } = "";

    public string Tokens { get; set; } = "";

    public string PromptPrice { get; set; } = "0";

    public string CompletionPrice { get; set; } = "0";

    private LlmProviderSettings Rest { get; init; } = new();

    public static ProviderDraft From(long? id, string name, LlmProviderSettings settings, bool hasKey) => new()
    {
        Id = id,
        Name = name,
        HasKey = hasKey,
        BaseUrl = settings.BaseUrl,
        Model = settings.Model,
        Concurrency = Text(settings.Concurrency),
        Timeout = Text(settings.TimeoutSeconds),
        Requests = settings.RequestsPerMinute is { } requests ? Text(requests) : "",
        Tokens = settings.TokensPerMinute is { } tokens ? Text(tokens) : "",
        PromptPrice = settings.PromptPrice.ToString(CultureInfo.InvariantCulture),
        CompletionPrice = settings.CompletionPrice.ToString(CultureInfo.InvariantCulture),
        Rest = settings,
    };

    /// <summary>The settings; null where a field is no number, which is told.</summary>
    public LlmProviderSettings? Read(FieldErrors errors, string notANumber)
    {
        int? Whole(string field, string text)
        {
            if (text.Trim().Length == 0) return null;
            if (int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
            errors.Add("settings." + field, notANumber);
            return null;
        }

        decimal Price(string field, string text)
        {
            // Both marks are understood: the page does not know which one the reader's keyboard gives.
            if (decimal.TryParse(text.Trim().Replace(',', '.'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return number;
            if (text.Trim().Length > 0) errors.Add("settings." + field, notANumber);
            return 0;
        }

        var settings = Rest with
        {
            BaseUrl = BaseUrl,
            Model = Model,
            Concurrency = Whole("concurrency", Concurrency) ?? 0,
            TimeoutSeconds = Whole("timeoutSeconds", Timeout) ?? 0,
            RequestsPerMinute = Whole("requestsPerMinute", Requests),
            TokensPerMinute = Whole("tokensPerMinute", Tokens),
            PromptPrice = Price("promptPrice", PromptPrice),
            CompletionPrice = Price("completionPrice", CompletionPrice),
        };
        return errors.None ? settings : null;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
