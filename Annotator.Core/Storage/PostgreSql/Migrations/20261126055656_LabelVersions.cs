using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.PostgreSql.Migrations
{
    /// <inheritdoc />
    public partial class LabelVersions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "schema_snapshots",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "bigint", nullable: false),
                    version = table.Column<int>(type: "integer", nullable: false),
                    schema_json = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_schema_snapshots", x => new { x.project_id, x.version });
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "schema_snapshots");
        }
    }
}
