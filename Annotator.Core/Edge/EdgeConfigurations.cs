using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Edge;

internal sealed class EdgeDeviceConfiguration : IEntityTypeConfiguration<EdgeDevice>
{
    public void Configure(EntityTypeBuilder<EdgeDevice> builder)
    {
        builder.ToTable("edge_devices");
        builder.Property(d => d.Name).HasMaxLength(EdgeLimits.MostNameLength);
        builder.HasIndex(d => d.TokenHash).IsUnique();
        builder.HasIndex(d => new { d.ProjectId, d.Name }).IsUnique();
    }
}

internal sealed class EnrolmentCodeConfiguration : IEntityTypeConfiguration<EnrolmentCode>
{
    public void Configure(EntityTypeBuilder<EnrolmentCode> builder)
    {
        builder.ToTable("edge_codes");
        builder.HasIndex(c => c.Hash).IsUnique();
        builder.HasIndex(c => c.ProjectId);
    }
}

internal sealed class EdgeRolloutConfiguration : IEntityTypeConfiguration<EdgeRollout>
{
    public void Configure(EntityTypeBuilder<EdgeRollout> builder)
    {
        builder.ToTable("edge_rollouts");
        builder.HasKey(r => new { r.ProjectId, r.Serial });
    }
}

internal sealed class EdgeLabelConfiguration : IEntityTypeConfiguration<EdgeLabel>
{
    public void Configure(EntityTypeBuilder<EdgeLabel> builder)
    {
        builder.ToTable("edge_labels");
        builder.HasKey(l => new { l.ProjectId, l.DeviceId, l.Sequence });
        builder.Property(l => l.Key).HasMaxLength(EdgeLimits.MostKeyLength);
    }
}

internal sealed class EdgeKeyConfiguration : IEntityTypeConfiguration<EdgeKey>
{
    public void Configure(EntityTypeBuilder<EdgeKey> builder) => builder.ToTable("edge_keys");
}
