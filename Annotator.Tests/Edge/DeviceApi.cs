using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Edge;

/// <summary>A device that is played by the test, over the devices' own API.</summary>
internal static class DeviceApi
{
    /// <summary>Enrols a device.</summary>
    /// <returns>The API as the device sees it.</returns>
    public static async Task<ApiClient> EnrolAsync(AppHost host, string project, string name)
    {
        var code = (await host.Admin.PostAsync($"/api/v1/projects/{project}/edge/codes", new { })).Expect(HttpStatusCode.OK)["code"]!.GetValue<string>().Split('.')[0];
        using var nobody = host.Client(null);
        return host.Client((await nobody.PostAsync("/api/v1/edge/enrol", new { code, name })).Expect(HttpStatusCode.OK)["token"]!.GetValue<string>());
    }

    /// <summary>Reports.</summary>
    /// <returns>What the device is to do.</returns>
    public static async Task<JsonNode> CheckInAsync(ApiClient device, long serial = 0) =>
        (await device.PostAsync("/api/v1/edge/check-in", new { agentVersion = "1", serial, waiting = 0, storedBytes = 0, itemsPerSecond = 0, annotated = 0, failed = 0 })).Expect(HttpStatusCode.OK);
}
