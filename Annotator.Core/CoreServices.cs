using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Edge;
using Annotator.Core.Export;
using Annotator.Core.Import;
using Annotator.Core.Items;
using Annotator.Core.Items.Search;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Map;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Media;
using Annotator.Core.Models;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Batches;
using Annotator.Core.Llm.Bias;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Llm.Taxonomy;
using Annotator.Core.Projects;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Review;
using Annotator.Core.Review.Checks;
using Annotator.Core.Review.Work;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Streaming;
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
        services.AddSingleton<Idempotency>();

        services.AddSingleton<ProjectService>();
        services.AddSingleton<SampleProject>();
        services.AddSingleton<ProjectOverviews>();
        services.AddSingleton<InstallationOverviews>();
        services.AddSingleton<ProjectCostReader>();
        services.AddSingleton<IRunHandler, DeleteProjectHandler>();
        services.AddSingleton<LabelEvolution>();
        services.AddSingleton<IRunHandler, EvolveLabelsHandler>().AddStartableRun<EvolveLabelsOptions>(EvolveLabelsHandler.RunKind);
        services.AddItemSearch();
        services.AddSingleton<ItemQueries>();
        services.AddSingleton<ItemReopening>();
        services.AddSingleton<BulkActions>();
        services.AddSingleton<AuditReader>();
        services.AddSingleton<AuditVerifier>();
        services.AddSingleton<IRunHandler, VerifyAuditHandler>().AddStartableRun(VerifyAuditHandler.RunKind);
        services.AddSingleton<ImportService>();
        services.AddSingleton<MediaImport>();
        services.AddSingleton<IRunHandler, ImportHandler>();
        services.AddSingleton<DuplicateWorkspaces>();
        services.AddSingleton<IRunHandler, DeduplicateHandler>().AddStartableRun(DeduplicateHandler.RunKind);
        services.AddSingleton<Representations>();
        services.AddSingleton<FirstSample>();
        services.AddSingleton<EncodedRepresentation>();
        services.AddSingleton<IRunHandler, RepresentHandler>().AddStartableRun(RepresentHandler.RunKind);
        services.AddSingleton<RepresentTrigger>();
        services.AddHostedService(p => p.GetRequiredService<RepresentTrigger>());
        services.AddSingleton<IRunHandler, SampleHandler>().AddStartableRun<SampleOptions>(SampleHandler.RunKind);
        services.AddItemMaps();
        services.AddSingleton<PropagationStates>();
        services.AddSingleton<IRunHandler, PropagateHandler>().AddStartableRun<PropagateOptions>(PropagateHandler.RunKind);

        services.AddSingleton<LabelHints>();
        services.AddSingleton<LlmProviders>();
        services.AddSingleton<PromptCatalog>();
        services.AddSingleton<DecidedTexts>();
        services.AddSingleton<LlmAnswerCache>();
        services.AddSingleton<Llm.Calibration.LlmTrustReader>();
        services.AddSingleton<DecidedPictures>();
        services.AddSingleton<LlmPictures>();
        services.AddSingleton<LlmRecovery>();
        services.AddHostedService(p => p.GetRequiredService<LlmRecovery>());
        services.AddSingleton<LlmPurses>();
        services.AddSingleton<LlmStage>();
        services.AddSingleton<LlmReports>();
        services.AddSingleton<PromptBench>();
        services.AddSingleton<IRunHandler, SampleLlmHandler>().AddStartableRun<SampleLlmOptions>(SampleLlmHandler.RunKind);
        services.AddSingleton<IRunHandler, MeasurePromptHandler>().AddStartableRun<MeasurePromptOptions>(MeasurePromptHandler.RunKind);
        services.AddSingleton<IRunHandler, RefinePromptHandler>().AddStartableRun<RefineOptions>(RefinePromptHandler.RunKind);
        services.AddSingleton<IRunHandler, LlmBatchHandler>().AddStartableRun<LlmBatchOptions>(LlmBatchHandler.RunKind);
        services.AddSingleton<PromptRules>();
        services.AddSingleton<IRunHandler, FindRulesHandler>().AddStartableRun<FindRulesOptions>(FindRulesHandler.RunKind);
        services.AddSingleton<StudentReader>();
        services.AddSingleton<BiasReader>();
        services.AddSingleton<IRunHandler, ProbeLlmHandler>().AddStartableRun<ProbeLlmOptions>(ProbeLlmHandler.RunKind);
        services.AddSingleton<TaxonomyService>();
        services.AddSingleton<IRunHandler, ProposeTaxonomyHandler>().AddStartableRun<ProposeTaxonomyOptions>(ProposeTaxonomyHandler.RunKind);
        services.AddSingleton<VisionReader>();
        services.AddSingleton<ItemIntake>();
        services.AddAnnotatorMedia();
        services.AddAnnotatorModels();
        services.AddSingleton<IntakeLanes>();
        services.AddSingleton<IRunHandler, PrelabelHandler>().AddStartableRun<PrelabelOptions>(PrelabelHandler.RunKind);

        services.AddSingleton<Courtesy>();
        services.AddSingleton<ReviewPacing>();
        services.AddQualityChecks();
        services.AddWork();
        services.AddSingleton<ReviewQueue>();
        services.AddSingleton<ReviewFigures>();
        services.AddSingleton<AdjudicationReader>();
        services.AddSingleton<DecisionRecorder>();

        services.AddSingleton<LearningTrigger>();
        services.AddHostedService(p => p.GetRequiredService<LearningTrigger>());
        services.AddSingleton<ItemFeatures>();
        services.AddSingleton<TrainingWorkspaces>();
        services.AddSingleton<AuditLedger>();
        services.AddSingleton<SteeringService>();
        services.AddSingleton<StudentCatalog>();
        services.AddSingleton<IRunHandler, TrainHandler>().AddStartableRun(TrainHandler.RunKind);

        services.AddEdge();

        services.AddDashboards();
        services.AddSingleton<SharedItems>();
        services.AddSingleton<MetricsReader>();
        services.AddSingleton<CertificateReader>();
        services.AddSingleton<AuditedPartReader>();
        services.AddSingleton(p => new SuspectReader(p.GetRequiredService<AnnotatorDatabase>(), p.GetRequiredService<TrainingWorkspaces>()));
        services.AddSingleton<AnnotatorReader>();
        services.AddSingleton<TeamQualityReader>();
        services.AddSingleton<ExportService>();
        services.AddSingleton<IRunHandler, ExportHandler>().AddStartableRun<ExportOptions>(ExportHandler.RunKind);
        return services;
    }
}
