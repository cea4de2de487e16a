using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Llm;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Storage;

internal sealed class ProjectConfiguration : IEntityTypeConfiguration<Project>
{
    public void Configure(EntityTypeBuilder<Project> builder)
    {
        builder.ToTable("projects");
        builder.Property(p => p.Name).HasMaxLength(200);
        builder.Ignore(p => p.Schema);
        builder.Ignore(p => p.Settings);
        builder.Property(p => p.Version).IsConcurrencyToken();
    }
}

internal sealed class ItemConfiguration : IEntityTypeConfiguration<Item>
{
    public void Configure(EntityTypeBuilder<Item> builder)
    {
        builder.ToTable("items");
        builder.HasKey(i => new { i.ProjectId, i.Id });
        builder.Property(i => i.Id).ValueGeneratedNever();
        builder.Property(i => i.Key).HasMaxLength(500);
        builder.Ignore(i => i.Label);
        builder.Ignore(i => i.Prediction);
        builder.Property(i => i.Version).IsConcurrencyToken();
        builder.HasIndex(i => new { i.ProjectId, i.Key }).IsUnique();
        builder.HasIndex(i => new { i.ProjectId, i.State, i.Id });
        builder.HasIndex(i => new { i.ProjectId, i.GroupId }).HasFilter("group_id IS NOT NULL");
        builder.HasIndex(i => new { i.ProjectId, i.LabelSource, i.Id }).HasFilter("label_source IS NOT NULL");
        builder.HasIndex(i => new { i.ProjectId, i.Id }, "ix_items_flagged").HasFilter("flagged");
        builder.HasIndex(i => new { i.ProjectId, i.Id }, "ix_items_audit").HasFilter("audit");
    }
}

internal sealed class PredictionConfiguration : IEntityTypeConfiguration<Prediction>
{
    public void Configure(EntityTypeBuilder<Prediction> builder)
    {
        builder.ToTable("predictions");
        builder.HasKey(p => new { p.ProjectId, p.ItemId, p.Source });
    }
}

internal sealed class ItemEventConfiguration : IEntityTypeConfiguration<ItemEvent>
{
    public void Configure(EntityTypeBuilder<ItemEvent> builder)
    {
        builder.ToTable("item_events");
        builder.HasKey(e => e.Id);
        builder.Property(e => e.Id).ValueGeneratedNever();
        builder.HasIndex(e => new { e.ProjectId, e.ItemId, e.Id });
    }
}

internal sealed class ProjectCounterConfiguration : IEntityTypeConfiguration<ProjectCounter>
{
    public void Configure(EntityTypeBuilder<ProjectCounter> builder)
    {
        builder.ToTable("project_counters");
        builder.HasKey(c => new { c.ProjectId, c.Name });
    }
}

internal sealed class QueueEntryConfiguration : IEntityTypeConfiguration<QueueEntry>
{
    public void Configure(EntityTypeBuilder<QueueEntry> builder)
    {
        builder.ToTable("queue_entries");
        builder.HasKey(e => new { e.ProjectId, e.ItemId });
        builder.Ignore(e => e.Signs);
        builder.HasIndex(e => new { e.ProjectId, e.LastAnnotatorId, e.Rank, e.ItemId }, "ix_queue_entries_open").HasFilter("open > 0");
    }
}

internal sealed class LeaseConfiguration : IEntityTypeConfiguration<Lease>
{
    public void Configure(EntityTypeBuilder<Lease> builder)
    {
        builder.ToTable("leases");
        builder.HasKey(l => l.Id);
        builder.Property(l => l.Id).HasMaxLength(40);
        builder.HasIndex(l => new { l.ProjectId, l.ItemId, l.UserId }).IsUnique();
        builder.HasIndex(l => new { l.ProjectId, l.ExpiresAt });
    }
}

internal sealed class DecisionConfiguration : IEntityTypeConfiguration<Decision>
{
    public void Configure(EntityTypeBuilder<Decision> builder)
    {
        builder.ToTable("decisions");
        builder.HasKey(d => d.Id);
        builder.Property(d => d.Id).ValueGeneratedNever();
        builder.HasIndex(d => new { d.ProjectId, d.ItemId, d.Id });
        builder.HasIndex(d => new { d.ProjectId, d.UserId, d.Id });
        builder.HasIndex(d => new { d.ProjectId, d.ItemId }, "ix_decisions_corrected").HasFilter("shown_value <> value AND undone_by_id IS NULL");
    }
}

internal sealed class RunConfiguration : IEntityTypeConfiguration<Run>
{
    public void Configure(EntityTypeBuilder<Run> builder)
    {
        builder.ToTable("runs");
        builder.Property(r => r.Kind).HasMaxLength(60);
        builder.Property(r => r.Owner).HasMaxLength(60);
        builder.HasIndex(r => new { r.ProjectId, r.Id });
        builder.HasIndex(r => r.Id, "ix_runs_open").HasFilter("state < 2");
    }
}

internal sealed class RunRejectionConfiguration : IEntityTypeConfiguration<RunRejection>
{
    public void Configure(EntityTypeBuilder<RunRejection> builder)
    {
        builder.ToTable("run_rejections");
        builder.HasKey(r => new { r.RunId, r.Line, r.Ordinal });
    }
}

internal sealed class StudentVersionConfiguration : IEntityTypeConfiguration<StudentVersion>
{
    public void Configure(EntityTypeBuilder<StudentVersion> builder)
    {
        builder.ToTable("students");
        builder.HasKey(s => new { s.ProjectId, s.Version });
    }
}

internal sealed class PromptVersionConfiguration : IEntityTypeConfiguration<PromptVersion>
{
    public void Configure(EntityTypeBuilder<PromptVersion> builder)
    {
        builder.ToTable("prompts");
        builder.HasKey(p => new { p.ProjectId, p.Version });
    }
}

internal sealed class PromptAnswerConfiguration : IEntityTypeConfiguration<PromptAnswer>
{
    public void Configure(EntityTypeBuilder<PromptAnswer> builder)
    {
        builder.ToTable("prompt_answers");
        builder.HasKey(a => new { a.ProjectId, a.PromptVersion, a.ItemId });
    }
}

internal sealed class LlmProviderConfiguration : IEntityTypeConfiguration<LlmProvider>
{
    public void Configure(EntityTypeBuilder<LlmProvider> builder)
    {
        builder.ToTable("llm_providers");
        builder.Property(p => p.Name).HasMaxLength(200);
        builder.Property(p => p.Version).IsConcurrencyToken();
        builder.HasIndex(p => p.Name).IsUnique();
    }
}

internal sealed class CachedAnswerConfiguration : IEntityTypeConfiguration<CachedAnswer>
{
    public void Configure(EntityTypeBuilder<CachedAnswer> builder)
    {
        builder.ToTable("llm_answers");
        builder.HasKey(a => new { a.ProjectId, a.Key });
        builder.Property(a => a.Key).HasMaxLength(32);
        builder.HasIndex(a => a.CreatedAt);
    }
}

internal sealed class LlmCallConfiguration : IEntityTypeConfiguration<LlmCall>
{
    public void Configure(EntityTypeBuilder<LlmCall> builder)
    {
        builder.ToTable("llm_calls");
        builder.Property(c => c.Id).ValueGeneratedNever();
        builder.HasIndex(c => new { c.ProjectId, c.Id });
    }
}

internal sealed class CertificateSnapshotConfiguration : IEntityTypeConfiguration<CertificateSnapshot>
{
    public void Configure(EntityTypeBuilder<CertificateSnapshot> builder)
    {
        builder.ToTable("certificates");
        builder.Property(c => c.Id).ValueGeneratedNever();
        builder.HasIndex(c => new { c.ProjectId, c.Id });
    }
}

internal sealed class AuditConfiguration : IEntityTypeConfiguration<Quality.Certificate.Audit>
{
    public void Configure(EntityTypeBuilder<Quality.Certificate.Audit> builder)
    {
        builder.ToTable("audits");
        builder.HasKey(a => new { a.ProjectId, a.Number });
    }
}

internal sealed class AuditRecordConfiguration : IEntityTypeConfiguration<Quality.Certificate.AuditRecord>
{
    public void Configure(EntityTypeBuilder<Quality.Certificate.AuditRecord> builder)
    {
        builder.ToTable("audit_records");
        builder.HasKey(r => new { r.ProjectId, r.Number, r.Ordinal });
        builder.HasIndex(r => new { r.ProjectId, r.ItemId });
    }
}

internal sealed class ApiTokenConfiguration : IEntityTypeConfiguration<ApiToken>
{
    public void Configure(EntityTypeBuilder<ApiToken> builder)
    {
        builder.ToTable("api_tokens");
        builder.HasIndex(t => t.Hash).IsUnique();
        builder.HasIndex(t => t.UserId);
    }
}

internal sealed class MembershipConfiguration : IEntityTypeConfiguration<Membership>
{
    public void Configure(EntityTypeBuilder<Membership> builder)
    {
        builder.ToTable("memberships");
        builder.HasKey(m => new { m.ProjectId, m.UserId });
        builder.HasIndex(m => m.UserId);
    }
}

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntry>
{
    public void Configure(EntityTypeBuilder<AuditEntry> builder)
    {
        builder.ToTable("audit_log");
        builder.Property(e => e.Hash).HasMaxLength(64);
        builder.HasIndex(e => new { e.ProjectId, e.Id });
    }
}

internal sealed class IdempotencyRecordConfiguration : IEntityTypeConfiguration<IdempotencyRecord>
{
    public void Configure(EntityTypeBuilder<IdempotencyRecord> builder)
    {
        builder.ToTable("idempotency");
        builder.HasKey(r => new { r.UserId, r.Key });
        builder.Property(r => r.Key).HasMaxLength(64);
        builder.Property(r => r.Owner).HasMaxLength(40);
        builder.HasIndex(r => r.CreatedAt);
    }
}

internal sealed class IdBlockConfiguration : IEntityTypeConfiguration<IdBlock>
{
    public void Configure(EntityTypeBuilder<IdBlock> builder)
    {
        builder.ToTable("id_blocks");
        builder.HasKey(b => b.Name);
        builder.HasData(
            new IdBlock { Name = "item", Next = 1 },
            new IdBlock { Name = "decision", Next = 1 },
            new IdBlock { Name = "event", Next = 1 },
            new IdBlock { Name = "llmCall", Next = 1 },
            new IdBlock { Name = "certificate", Next = 1 });
    }
}
