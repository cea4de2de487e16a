namespace Annotator.Web;

/// <summary>The composition root: tests start the same one.</summary>
public static class AnnotatorApp
{
    /// <summary>Runs the program.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        await using var app = builder.Build();
        await app.RunAsync();
        return 0;
    }
}
