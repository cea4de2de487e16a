using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Export;
using Annotator.Core.Import;
using Annotator.Core.Items;
using Annotator.Core.Learning;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Student;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core;

/// <summary>Wires the features of the core, in the order in which an item meets them.</summary>
public static class CoreServices
{
    /// <summary>Adds the features; storage, feed and run queue are the host's choice.</summary>
    public static IServiceCollection AddAnnotatorCore(this IServiceCollection services)
    {
        services.AddSingleton<RunService>();
        services.AddSingleton<RunKinds>();

        services.AddSingleton<ProjectService>();
        services.AddSingleton<SampleProject>();
        services.AddSingleton<ProjectOverviews>();
        services.AddSingleton<InstallationOverviews>();
        services.AddSingleton<IRunHandler, DeleteProjectHandler>();
        services.AddSingleton<ItemQueries>();
        services.AddSingleton<ImportService>();
        services.AddSingleton<IRunHandler, ImportHandler>();
        services.AddSingleton<IRunHandler, DeduplicateHandler>();

        services.AddSingleton<LabelHints>();
        services.AddSingleton<LlmProviders>();
        services.AddSingleton<PromptCatalog>();
        services.AddSingleton<DecidedTexts>();
        services.AddSingleton<LlmStage>();
        services.AddSingleton<LlmReports>();
        services.AddSingleton<PromptBench>();
        services.AddSingleton<IRunHandler, MeasurePromptHandler>();
        services.AddSingleton<IRunHandler, RefinePromptHandler>();
        services.AddSingleton<IRunHandler, ProposeTaxonomyHandler>();
        services.AddSingleton<ItemIntake>();
        services.AddSingleton<IRunHandler, PrelabelHandler>();

        services.AddSingleton<ReviewQueue>();
        services.AddSingleton<ReviewFigures>();
        services.AddSingleton<DecisionRecorder>();

        services.AddSingleton<LearningTrigger>();
        services.AddHostedService(p => p.GetRequiredService<LearningTrigger>());
        services.AddSingleton<TrainingWorkspaces>();
        services.AddSingleton<StudentCatalog>();
        services.AddSingleton<IRunHandler, TrainHandler>();

        services.AddSingleton<MetricsReader>();
        services.AddSingleton<ExportService>();
        return services;
    }
}
