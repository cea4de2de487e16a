using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Web.Components.Controls;
using Annotator.Web.Edge;
using Annotator.Web.Resources;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Projects;

/// <summary>Says in the reader's language what the service would refuse in English.</summary>
internal static class ProjectFormRules
{
    public static void Check(ProjectDraft draft, FieldErrors errors, IStringLocalizer<Text> texts)
    {
        if (string.IsNullOrWhiteSpace(draft.Name) || draft.Name.Trim().Length > 200) errors.Add("name", texts["Field.name"]);
        if (draft.Labels.Problems().Count > 0) errors.Add("task.labels", texts["ProjectForm.LabelsInvalid"]);
        if (draft.Labels.Labels.Count > LabelSchema.MaxLabels) errors.Add("task.labels", texts["ProjectForm.LabelsTooMany", LabelSchema.MaxLabels]);
        foreach (var (field, _) in draft.ToNew().Settings!.Validate())
        {
            var (low, high) = field switch
            {
                "settings.overlap" => (1, 10.0),
                "settings.targetAccuracy" => (50, 99.99),
                "settings.confidence" => (50, 99.9),
                "settings.leaseSeconds" => (0.5, 1440),
                "settings.auditShare" => (0, 50),
                "settings.llm.budget" => (0, 1_000_000),
                "settings.llm.itemsPerCall" => (1, 100),
                "settings.llm.imagesPerCall" => (1, 20),
                "settings.llm.imageExamples" => (0, 20),
                "settings.llm.imagePixels" => (64, 2_048),
                _ => DeliveryDraft.RangeOf(field) ?? (double.NaN, double.NaN),
            };
            errors.Add(field, double.IsNaN(low) ? texts["ProjectForm.Invalid"] : texts["ProjectForm.Range", low, high]);
        }
    }
}
