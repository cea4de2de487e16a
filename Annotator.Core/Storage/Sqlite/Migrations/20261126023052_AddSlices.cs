using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddSlices : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "slices",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    field = table.Column<string>(type: "TEXT", maxLength: 100, nullable: false),
                    value = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_slices", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_slices_project_id_field_value",
                table: "slices",
                columns: new[] { "project_id", "field", "value" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "slices");
        }
    }
}
