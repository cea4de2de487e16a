using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Quality.Tallies;

internal sealed class TallyConfiguration : IEntityTypeConfiguration<Tally>
{
    public void Configure(EntityTypeBuilder<Tally> builder)
    {
        builder.ToTable("tallies");
        builder.HasKey(t => new { t.ProjectId, t.Kind, t.Hour, t.UserId, t.OtherId, t.Source, t.Outcome, t.Label, t.Other });
        builder.Property(t => t.Label).HasMaxLength(200);
        builder.Property(t => t.Other).HasMaxLength(200);
    }
}
