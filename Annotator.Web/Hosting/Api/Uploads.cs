using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Annotator.Web.Hosting.Api;

/// <summary>Bodies that are files.</summary>
internal static class Uploads
{
    /// <summary>Lifts the server's limits for ordinary bodies off a request: a file may be of any size, and come as slowly as the line is.</summary>
    public static void Unbind(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate) rate.MinDataRate = null;
    }
}
