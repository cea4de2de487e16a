using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.PostgreSql.Migrations
{
    /// <inheritdoc />
    public partial class DetectorTunings : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "detector_tunings",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "bigint", nullable: false),
                    model_id = table.Column<long>(type: "bigint", nullable: false),
                    images = table.Column<int>(type: "integer", nullable: false),
                    decided = table.Column<long>(type: "bigint", nullable: false),
                    labels = table.Column<string>(type: "text", nullable: false),
                    updated_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_detector_tunings", x => new { x.project_id, x.model_id });
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "detector_tunings");
        }
    }
}
