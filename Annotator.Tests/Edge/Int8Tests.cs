using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Core.Edge;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Edge;

/// <summary>Students of eight bits: measured before they go out, and refused where they lose too much.</summary>
[Collection(ApiCollection.Name)]
public sealed class Int8Tests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task A_student_of_eight_bits_is_measured_on_held_out_labels_and_refused_where_it_loses_too_much()
    {
        var project = await NewAsync(int8: false);
        var version = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/model")).Expect(HttpStatusCode.OK)["version"]!.GetValue<int>();
        var early = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/edge/rollouts", new { version, percent = 100, int8 = true })).ExpectProblem(HttpStatusCode.BadRequest);
        Assert.Contains("not measured", early["errors"]!["int8"]!.ToJsonString(), StringComparison.Ordinal);

        var run = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "quantize", options = new { version } })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        await _host.Admin.WaitRunAsync(run);
        var measured = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/edge/int8")).Expect(HttpStatusCode.OK)["items"]![0]!;
        Assert.Null(measured["refused"]);
        Assert.InRange(measured["heldOut"]!.GetValue<int>(), 40, 120);
        Assert.True(measured["fullAccuracy"]!.GetValue<double>() > 0.9 && measured["accuracy"]!.GetValue<double>() > 0.9, measured.ToJsonString());
        Assert.True(measured["bytes"]!.GetValue<long>() < measured["fullBytes"]!.GetValue<long>(), measured.ToJsonString());

        var rollout = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/edge/rollouts", new { version, percent = 100, int8 = true })).Expect(HttpStatusCode.OK);
        Assert.True(rollout["int8"]!.GetValue<bool>());
        using var device = await DeviceApi.EnrolAsync(_host, project, "lens");
        var manifest = JsonNode.Parse((await DeviceApi.CheckInAsync(device))["manifest"]!.GetValue<string>())!;
        Assert.Equal(measured["bytes"]!.GetValue<long>(), manifest["bytes"]!.GetValue<long>());
        var file = await device.Http.GetByteArrayAsync($"/api/v1/edge/models/{manifest["serial"]}", TestContext.Current.CancellationToken);
        Assert.Equal(manifest["sha256"]!.GetValue<string>(), Convert.ToHexStringLower(SHA256.HashData(file)));
        using var student = StudentModel.Load(file);
        var said = student.Predict([EdgeProjects.Text(1_000), EdgeProjects.Text(1_001)], TestContext.Current.CancellationToken);
        Assert.Equal(["refund", "delivery"], said.Best.Select(b => said.Classes[b]));

        // One that is much worse stays here, and the page says why.
        await _host.Services.GetRequiredService<AnnotatorDatabase>().WriteAsync(
            scope => scope.Db.Set<QuantizedStudent>().Where(q => q.ProjectId == long.Parse(project, CultureInfo.InvariantCulture)).ExecuteUpdateAsync(x => x.SetProperty(q => q.Right, q => q.FullRight - 5)), TestContext.Current.CancellationToken);
        var refused = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/edge/rollouts", new { version, percent = 100, int8 = true })).ExpectProblem(HttpStatusCode.BadRequest);
        Assert.Contains("mostInt8Loss", refused["errors"]!["int8"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.NotNull((await _host.Admin.GetAsync($"/api/v1/projects/{project}/edge/int8")).Expect(HttpStatusCode.OK)["items"]![0]!["refused"]);
    }

    [Fact]
    public async Task Where_the_project_wants_eight_bits_a_student_is_measured_by_itself_and_goes_out()
    {
        var project = await NewAsync(int8: true);
        using var device = await DeviceApi.EnrolAsync(_host, project, "lens");
        JsonNode? rollout = null;
        await Until.TrueAsync(
            async () =>
            {
                await DeviceApi.CheckInAsync(device);
                rollout = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/edge/rollouts")).Expect(HttpStatusCode.OK)["items"]!.AsArray().FirstOrDefault();
                return rollout is not null;
            },
            "the student goes out");
        Assert.True(rollout!["int8"]!.GetValue<bool>(), rollout.ToJsonString());
        (await _host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { edge = new { mostInt8Loss = 2 } } })).ExpectProblem(HttpStatusCode.BadRequest);
    }

    [Fact]
    public void Loss_IsJudgedByWhatWasMeasured()
    {
        var row = new QuantizedStudent { HeldOut = 200, FullRight = 180, Right = 178, Blob = "x" };
        Assert.Equal(0.01, row.Loss!.Value, 9);
        Assert.Null(row.RefusedFor(0.01));
        Assert.NotNull(row.RefusedFor(0.009));
        Assert.NotNull(new QuantizedStudent { Blob = "x" }.RefusedFor(1));
        Assert.Equal("why", new QuantizedStudent { HeldOut = 9, Reason = "why" }.RefusedFor(1));
        Assert.NotNull(new QuantizedStudent { HeldOut = 200, FullRight = 1, Right = 1 }.RefusedFor(1));
    }

    private async Task<string> NewAsync(bool int8)
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["refund", "delivery", "animal"], settings: new { groupDuplicates = false, auditShare = 0, edge = new { int8, autoRollout = int8 } });
        var csv = new StringBuilder("id,text,label\n");
        for (var i = 0; i < 400; i++) csv.Append(CultureInfo.InvariantCulture, $"t{i},{EdgeProjects.Text(i)},{EdgeProjects.Label(i)}\n");
        (await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=csv&text=text&key=id&label=label", csv.ToString())).Expect(HttpStatusCode.Accepted);
        await _host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"]?["trainedOn"]?.GetValue<int>() == 400);
        return project;
    }
}
