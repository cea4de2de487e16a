using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Web.Hosting.Api;

/// <summary>What all endpoints under /api share.</summary>
internal static class ApiSetup
{
    public static void AddApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddProblemDetails(o => o.CustomizeProblemDetails = c =>
        {
            // Two answers to the same question are the same, byte by byte: what may not be seen must look like what is not there.
            c.ProblemDetails.Extensions.Remove("traceId");
        });
        builder.Services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        builder.Services.ConfigureHttpJsonOptions(o => Configure(o.SerializerOptions));
    }

    /// <summary>How the API writes JSON: camelCase, enumerations as camelCase text; unknown fields are passed over.</summary>
    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
    }
}
