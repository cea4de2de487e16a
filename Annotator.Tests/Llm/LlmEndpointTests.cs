using Annotator.Core.Llm;

namespace Annotator.Tests.Llm;

public class LlmEndpointTests
{
    private static readonly LlmEndpoint s_good = new() { BaseUrl = "https://api.example.com/v1", Model = "m", ApiKey = "sk-secret" };

    [Theory]
    [InlineData("https://api.openai.com/v1", true, true)]
    [InlineData("http://127.0.0.1:11434/v1", true, false)]
    [InlineData("http://localhost:11434/v1", true, false)]
    [InlineData("http://localhost.:1/v1", true, false)]
    [InlineData("http://a.localhost/v1", true, false)]
    [InlineData("http://[::1]/v1", true, false)]
    [InlineData("http://[::ffff:127.0.0.1]/v1", true, false)]
    [InlineData("http://2130706433/v1", true, false)]
    [InlineData("http://0x7f.1/v1", true, false)]
    [InlineData("http://0/v1", true, false)]
    [InlineData("http://10.1.2.3/v1", true, false)]
    [InlineData("http://172.31.0.1/v1", true, false)]
    [InlineData("http://172.32.0.1/v1", true, true)]
    [InlineData("http://192.168.0.1/v1", true, false)]
    [InlineData("http://169.254.169.254/latest", true, false)]
    [InlineData("http://100.64.0.1/v1", true, false)]
    [InlineData("http://[fd00::1]/v1", true, false)]
    [InlineData("http://[fe80::1]/v1", true, false)]
    [InlineData("file:///etc/passwd", false, false)]
    [InlineData("gopher://example.com/", false, false)]
    [InlineData("http://ok@127.0.0.1/v1", false, false)]
    [InlineData("https://example.com/v1?x=1", false, false)]
    [InlineData("/v1", false, false)]
    [InlineData("", false, false)]
    public void Validate_Address_ByScheme_AndByPrivacy(string address, bool anywhere, bool publicOnly)
    {
        Assert.Equal(anywhere, (s_good with { BaseUrl = address }).Validate().Count == 0);
        Assert.Equal(publicOnly, (s_good with { BaseUrl = address, AllowPrivateAddresses = false }).Validate().Count == 0);
    }

    [Fact]
    public void Validate_EveryLimit_IsNamed()
    {
        var bad = s_good with
        {
            BaseUrl = "x", Model = " ", ApiKey = "a b", Concurrency = 0, ItemsPerCall = 101, MaximumAttempts = 0, CompletionTokens = 0, CompletionTokensPerItem = 0,
            RequestsPerMinute = 0, TokensPerMinute = -1, Timeout = TimeSpan.Zero, MaximumRetryAfter = TimeSpan.FromDays(1), PromptPrice = -1,
        };
        var errors = bad.Validate();
        foreach (string name in (string[])["BaseUrl", "Model", "ApiKey", "Concurrency", "ItemsPerCall", "MaximumAttempts", "CompletionTokens ", "CompletionTokensPerItem", "RequestsPerMinute", "TokensPerMinute", "Timeout", "MaximumRetryAfter", "PromptPrice"])
            Assert.Contains(errors, e => e.StartsWith(name, StringComparison.Ordinal));
        using var http = new HttpClient();
        Assert.Throws<ArgumentException>(() => new LlmLabeller(bad, http));
    }

    [Fact]
    public void ToString_Key_IsNotThere() => Assert.DoesNotContain("secret", s_good.ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData(1, 1, 20)]
    [InlineData(10, 10, 20)]
    [InlineData(11, 10, 24)]
    [InlineData(0, 10, 16)]
    [InlineData(int.MaxValue, 1, int.MaxValue)]
    public void DefaultRequests_Items_AreBounded(int items, int itemsPerCall, int expected) =>
        Assert.Equal(expected, LlmRunOptions.DefaultRequests(items, itemsPerCall));
}
