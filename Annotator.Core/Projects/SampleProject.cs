using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Import;
using Annotator.Core.Labels;

namespace Annotator.Core.Projects;

/// <summary>The project that a newcomer can start with: support messages in English and Korean, written for this purpose.</summary>
public sealed class SampleProject(ProjectService projects, ImportService imports)
{
    /// <summary>Makes the sample project and starts its import.</summary>
    public async Task<Project> CreateAsync(Caller caller, CancellationToken cancellationToken = default)
    {
        await using var labels = Open("sample/support-labels.json");
        var schema = await JsonSerializer.DeserializeAsync<List<LabelDefinition>>(labels, ProjectJson.Options, cancellationToken);
        using var guidelines = new StreamReader(Open("sample/support-guidelines.md"));
        var made = await projects.CreateAsync(
            caller,
            new NewProject("Support messages (sample)", Modality.Text, new TaskDefinition(TaskType.Classification, false, schema), await guidelines.ReadToEndAsync(cancellationToken), new ProjectSettings()),
            isSample: true,
            cancellationToken);
        await using var messages = Open("sample/support-messages.jsonl");

        // The intent stays out of the import's label: the newcomer labels, and the student learns from them.
        var run = await imports.StartAsync(made.Value, new UploadRequest("jsonl", "text", "key", null, null, "support-messages.jsonl"), WithoutIntent(messages), caller.UserId, cancellationToken);
        _ = run.Value;
        return made.Value;
    }

    internal static Stream Open(string name) =>
        typeof(SampleProject).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The resource '{name}' is missing from the build.");

    // Takes the answers out of the lines, so that they do not stand beside the text as metadata.
    private static MemoryStream WithoutIntent(Stream lines)
    {
        var filtered = new MemoryStream();
        using var reader = new StreamReader(lines);
        while (reader.ReadLine() is { } line)
        {
            using var json = JsonDocument.Parse(line);
            using (var writer = new Utf8JsonWriter(filtered))
            {
                writer.WriteStartObject();
                foreach (var property in json.RootElement.EnumerateObject().Where(p => !p.NameEquals("intent"))) property.WriteTo(writer);
                writer.WriteEndObject();
            }

            filtered.WriteByte((byte)'\n');
        }

        filtered.Position = 0;
        return filtered;
    }
}
