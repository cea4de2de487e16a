using System.Text.Json.Nodes;
using Annotator.Web.Accounts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Annotator.Web.Hosting.Api;

/// <summary>
/// Completes the OpenAPI document with what the signatures of the endpoints do not say: how to sign in, what can go wrong, the
/// parameters of lists, the idempotency key, and bodies that are files.
/// </summary>
internal static class ApiDescription
{
    /// <summary>Name of the document.</summary>
    public const string Document = "v1";

    private const string Bearer = "bearer";
    private const string Problem = "Problem";

    public static void AddApiDescription(this WebApplicationBuilder builder) => builder.Services.AddSingleton<Reference.ApiReference>().AddOpenApi(Document, options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            Describe(document);
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            Describe(operation, context);
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            // Written as it stands: any JSON.
            if (context.JsonTypeInfo.Type == typeof(RawJson) || context.JsonTypeInfo.Type == typeof(RawJson?))
            {
                schema.Type = null;
                schema.Properties = null;
                schema.Required = null;
                schema.Description ??= "JSON; for label values in the shapes of the contract.";
            }

            return Task.CompletedTask;
        });
    });

    private static void Describe(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Annotator",
            Version = Document,
            Description = "Projects, items, review, runs and results. It may grow (new fields, new endpoints, new kinds); it does not change. JSON is camelCase, UTF-8; times are ISO 8601 UTC; ids are opaque strings.",
        };
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
        document.Components.SecuritySchemes[Bearer] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "A token of an account: Authorization: Bearer TOKEN.",
        };
        document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal);
        document.Components.Schemas[Problem] = ProblemSchema();
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, document)] = [] }];
    }

    // RFC 9457, with errors by field for input that is wrong.
    private static OpenApiSchema ProblemSchema() => new()
    {
        Type = JsonSchemaType.Object,
        Description = "Problem details (RFC 9457).",
        Required = new HashSet<string>(StringComparer.Ordinal) { "title", "status", "detail" },
        Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
        {
            ["type"] = Text("Address of the definition of the status."),
            ["title"] = Text("What kind of problem."),
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "The status of the answer." },
            ["detail"] = Text("What is wrong, for people."),
            ["errors"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "For wrong input: messages by the name of the field, or the place in the input.",
                AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = Text(null) },
            },
            ["reference"] = Text("For internal errors: finds the log entry."),
        },
    };

    private static void Describe(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var isPost = string.Equals(context.Description.HttpMethod, "POST", StringComparison.Ordinal);
        operation.Parameters ??= [];
        foreach (var parameter in operation.Parameters.OfType<OpenApiParameter>()) Describe(parameter);
        if (metadata.OfType<PagedEndpoint>().Any())
        {
            operation.Parameters.Add(Query("limit", "How many at the most.", new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1", Maximum = "1000", Default = JsonValue.Create(Paging.DefaultLimit) }));
            operation.Parameters.Add(Query("cursor", "The 'next' of the page before.", Text(null)));
        }

        if (isPost)
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = IdempotencyMiddleware.Header,
                In = ParameterLocation.Header,
                Description = "A repeat with the same key and body within 24 hours answers what the first answered and does nothing twice; with another body it answers 422.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = Core.Accounts.Idempotency.MaxKeyLength },
            });
        }

        if (metadata.OfType<StreamedBody>().FirstOrDefault() is { } file)
        {
            var multipart = file.ContentType.StartsWith("multipart/", StringComparison.Ordinal);
            var binary = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" };
            var schema = !multipart ? binary : new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal) { ["file"] = new OpenApiSchema { Type = JsonSchemaType.Array, Items = binary } },
            };
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Description = multipart ? "One or more files, each of any size." : "The file as it is, of any size.",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [file.ContentType] = new() { Schema = schema } },
            };
        }

        var inProject = metadata.OfType<ProjectApi.InProject>().Any();
        var path = context.Description.RelativePath ?? "";
        operation.Responses ??= new OpenApiResponses();
        if (operation.RequestBody is not null || operation.Parameters.Count > 0) Add(operation, context.Document, 400, "The input is wrong; errors names the fields.");
        Add(operation, context.Document, 401, "No token, or one that is unknown, expired or revoked.");
        var forSome = metadata.OfType<ProjectApi.ForLeads>().Any() || metadata.OfType<IAuthorizeData>().Any(a => a.Policy is not (null or Policies.SignedIn));
        if (forSome || !inProject) Add(operation, context.Document, 403, "The token's role, or the place in the project, does not reach.");
        if (path.Contains('{', StringComparison.Ordinal)) Add(operation, context.Document, 404, "It does not exist, or the caller may not see it.");
        if (isPost)
        {
            Add(operation, context.Document, 409, "The first request with this Idempotency-Key is still under way, or what is stored was changed at the same moment.");
            Add(operation, context.Document, 422, "The Idempotency-Key was used with another request.");
        }

        if (operation.RequestBody is not null && !metadata.OfType<StreamedBody>().Any())
        {
            Add(operation, context.Document, 413, "The body is too large.");
            Add(operation, context.Document, 415, "The body is not JSON.");
        }

        if (forSome) operation.Description ??= Who(metadata);
    }

    private static void Describe(OpenApiParameter parameter)
    {
        parameter.Description ??= parameter.Name switch
        {
            ProjectApi.RouteValue => "The project.",
            "runId" => "The run.",
            "itemId" => "The item.",
            "deviceId" => "The device.",
            "serial" => "Running number of the rollout in its project.",
            "userId" => "The account; 'me' is the caller's own.",
            "tokenId" => "The token.",
            "q" => "Only what contains this text.",
            "state" => "Only this state.",
            "source" => "Only labels from there.",
            "label" => "Only this label; for an import, the column of known labels.",
            "format" => "The format; where it is left out on an import, it is detected.",
            "text" => "The column of the text.",
            "key" => "The column of the key: a key that is there already is not stored again.",
            "limit" => "How many at the most.",
            "annotator" => "The column of the annotators who gave the labels.",
            "name" => "The file's name, to show.",
            "flagged" => "Only items set aside for a lead.",
            "group" => "Only members of this near-duplicate group.",
            "media" => "Whether the images or videos that are kept here stand beside the annotations, for formats that are archives.",
            "from" => "Only what happened from this moment on (ISO 8601).",
            "to" => "Only what happened before this moment (ISO 8601).",
            "links" => "Whether images and videos are given by signed addresses that work without a token for a while: in lists and items as signedUrl, in exports as url.",
            "schemaVersion" => "The version of the labels in whose words they are said; without it as they are now.",
            "spreadsheetSafe" => "For CSV: cells that a spreadsheet would run as a formula get an apostrophe in front.",
            _ => null,
        };

        // Ids are opaque, whatever they are inside.
        if (parameter.In == ParameterLocation.Path) parameter.Schema = Text(null);
    }

    private static string? Who(IList<object> metadata) =>
        metadata.OfType<ProjectApi.ForLeads>().Any() ? "For leads of the project and admins."
        : metadata.OfType<IAuthorizeData>().Any(a => a.Policy is Policies.Admin) ? "For admins."
        : metadata.OfType<IAuthorizeData>().Any(a => a.Policy is Policies.Lead) ? "For leads and admins." : null;

    private static void Add(OpenApiOperation operation, OpenApiDocument? document, int status, string description)
    {
        var code = status.ToString(System.Globalization.CultureInfo.InvariantCulture);
        operation.Responses![code] = new OpenApiResponse
        {
            Description = description,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference(Problem, document) } },
        };
    }

    private static OpenApiParameter Query(string name, string description, OpenApiSchema schema) => new() { Name = name, In = ParameterLocation.Query, Description = description, Schema = schema };

    private static OpenApiSchema Text(string? description) => new() { Type = JsonSchemaType.String, Description = description };
}
