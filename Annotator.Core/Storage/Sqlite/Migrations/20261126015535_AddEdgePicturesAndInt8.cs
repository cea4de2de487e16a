using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddEdgePicturesAndInt8 : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "int8",
                table: "edge_rollouts",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.CreateTable(
                name: "edge_picture_parts",
                columns: table => new
                {
                    device_id = table.Column<long>(type: "INTEGER", nullable: false),
                    sequence = table.Column<long>(type: "INTEGER", nullable: false),
                    number = table.Column<int>(type: "INTEGER", nullable: false),
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    sha256 = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    bytes = table.Column<long>(type: "INTEGER", nullable: false),
                    blob = table.Column<string>(type: "TEXT", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_edge_picture_parts", x => new { x.device_id, x.sequence, x.number });
                });

            migrationBuilder.CreateTable(
                name: "quantized_students",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    version = table.Column<int>(type: "INTEGER", nullable: false),
                    blob = table.Column<string>(type: "TEXT", nullable: false),
                    hash = table.Column<string>(type: "TEXT", nullable: false),
                    bytes = table.Column<long>(type: "INTEGER", nullable: false),
                    full_bytes = table.Column<long>(type: "INTEGER", nullable: false),
                    held_out = table.Column<int>(type: "INTEGER", nullable: false),
                    full_right = table.Column<int>(type: "INTEGER", nullable: false),
                    right = table.Column<int>(type: "INTEGER", nullable: false),
                    changed = table.Column<int>(type: "INTEGER", nullable: false),
                    reason = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_quantized_students", x => new { x.project_id, x.version });
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "edge_picture_parts");

            migrationBuilder.DropTable(
                name: "quantized_students");

            migrationBuilder.DropColumn(
                name: "int8",
                table: "edge_rollouts");
        }
    }
}
