using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Llm;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Student;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Annotator.Core.Storage;

/// <summary>The model, one for both databases. Each provider has a small subclass and its own migrations.</summary>
public abstract class AnnotatorDbContext : IdentityUserContext<AppUser, long>, IDataProtectionKeyContext
{
    private protected AnnotatorDbContext(DbContextOptions options)
        : base(options)
    {
    }

    /// <summary>Projects.</summary>
    public DbSet<Project> Projects => Set<Project>();

    /// <summary>Items, keyed by (project, id).</summary>
    public DbSet<Item> Items => Set<Item>();

    /// <summary>Newest prediction of each labeller for an item.</summary>
    public DbSet<Prediction> Predictions => Set<Prediction>();

    /// <summary>Histories of items.</summary>
    public DbSet<ItemEvent> ItemEvents => Set<ItemEvent>();

    /// <summary>Counters of projects.</summary>
    public DbSet<ProjectCounter> Counters => Set<ProjectCounter>();

    /// <summary>Counts for the dashboards.</summary>
    public DbSet<Quality.Tallies.Tally> Tallies => Set<Quality.Tallies.Tally>();

    /// <summary>The queue.</summary>
    public DbSet<QueueEntry> Queue => Set<QueueEntry>();

    /// <summary>Leases.</summary>
    public DbSet<Lease> Leases => Set<Lease>();

    /// <summary>Decisions.</summary>
    public DbSet<Decision> Decisions => Set<Decision>();

    /// <summary>Runs.</summary>
    public DbSet<Run> Runs => Set<Run>();

    /// <summary>What runs could not read.</summary>
    public DbSet<RunRejection> RunRejections => Set<RunRejection>();

    /// <summary>Student versions.</summary>
    public DbSet<StudentVersion> Students => Set<StudentVersion>();

    /// <summary>Prompt versions.</summary>
    public DbSet<PromptVersion> Prompts => Set<PromptVersion>();

    /// <summary>What versions of prompts answered when they were measured.</summary>
    public DbSet<PromptAnswer> PromptAnswers => Set<PromptAnswer>();

    /// <summary>Connected endpoints of models.</summary>
    public DbSet<LlmProvider> LlmProviders => Set<LlmProvider>();

    /// <summary>What models answered about texts, to be used again.</summary>
    public DbSet<CachedAnswer> CachedAnswers => Set<CachedAnswer>();

    /// <summary>Calls to models.</summary>
    public DbSet<LlmCall> LlmCalls => Set<LlmCall>();

    /// <summary>Certificates over time.</summary>
    public DbSet<CertificateSnapshot> Certificates => Set<CertificateSnapshot>();

    /// <summary>Audits.</summary>
    public DbSet<Quality.Certificate.Audit> Audits => Set<Quality.Certificate.Audit>();

    /// <summary>Draws and answers of audits.</summary>
    public DbSet<Quality.Certificate.AuditRecord> AuditRecords => Set<Quality.Certificate.AuditRecord>();

    /// <summary>Uploaded images and videos.</summary>
    public DbSet<Media.MediaFile> MediaFiles => Set<Media.MediaFile>();

    /// <summary>Uploaded models for images.</summary>
    public DbSet<Models.VisionModel> VisionModels => Set<Models.VisionModel>();

    /// <summary>Uploaded encoders of texts.</summary>
    public DbSet<Models.Encoders.TextEncoderRow> TextEncoders => Set<Models.Encoders.TextEncoderRow>();

    /// <summary>What people taught about detectors.</summary>
    public DbSet<Models.DetectorTuning> DetectorTunings => Set<Models.DetectorTuning>();

    /// <summary>API tokens.</summary>
    public DbSet<ApiToken> ApiTokens => Set<ApiToken>();

    /// <summary>Who belongs to which project.</summary>
    public DbSet<Membership> Memberships => Set<Membership>();

    /// <summary>The audit log.</summary>
    public DbSet<AuditEntry> AuditLog => Set<AuditEntry>();

    /// <summary>Answers to repeated requests.</summary>
    public DbSet<IdempotencyRecord> Idempotency => Set<IdempotencyRecord>();

    /// <summary>Blocks of identifiers handed out.</summary>
    public DbSet<IdBlock> IdBlocks => Set<IdBlock>();

    /// <inheritdoc />
    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    /// <inheritdoc />
    public override async Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        await AuditChain.LinkAsync(this, cancellationToken);
        return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
    }

    /// <inheritdoc />
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        // One meaning on both databases: milliseconds since 1970, which sort and compare in SQL.
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UnixMilliseconds>();
    }

    /// <inheritdoc />
    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.ApplyConfigurationsFromAssembly(typeof(AnnotatorDbContext).Assembly);
        builder.Entity<AppUser>(user =>
        {
            user.ToTable("users");
            user.Property(u => u.DisplayName).HasMaxLength(200);
            user.HasIndex(u => u.InvitationHash).IsUnique().HasFilter("invitation_hash IS NOT NULL");
        });
        builder.Entity<IdentityUserClaim<long>>().ToTable("user_claims");
        builder.Entity<IdentityUserLogin<long>>().ToTable("user_logins");
        builder.Entity<IdentityUserToken<long>>().ToTable("user_tokens");
        builder.Entity<DataProtectionKey>().ToTable("data_protection_keys");
        SnakeCase.Apply(builder.Model);
    }

    private sealed class UnixMilliseconds() : ValueConverter<DateTimeOffset, long>(
        v => v.ToUnixTimeMilliseconds(),
        v => DateTimeOffset.FromUnixTimeMilliseconds(v));
}

/// <summary>A running number that is handed out in blocks.</summary>
public sealed class IdBlock
{
    /// <summary>What the numbers are for.</summary>
    public required string Name { get; set; }

    /// <summary>The next free number.</summary>
    public long Next { get; set; }
}
