using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddTallies : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "tallies",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    kind = table.Column<int>(type: "INTEGER", nullable: false),
                    hour = table.Column<int>(type: "INTEGER", nullable: false),
                    user_id = table.Column<long>(type: "INTEGER", nullable: false),
                    other_id = table.Column<long>(type: "INTEGER", nullable: false),
                    source = table.Column<int>(type: "INTEGER", nullable: false),
                    outcome = table.Column<int>(type: "INTEGER", nullable: false),
                    label = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    other = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    count = table.Column<long>(type: "INTEGER", nullable: false),
                    extra = table.Column<long>(type: "INTEGER", nullable: false),
                    amount = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tallies", x => new { x.project_id, x.kind, x.hour, x.user_id, x.other_id, x.source, x.outcome, x.label, x.other });
                });

            migrationBuilder.CreateIndex(
                name: "ix_decisions_corrected",
                table: "decisions",
                columns: new[] { "project_id", "item_id" },
                filter: "shown_value <> value AND undone_by_id IS NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "tallies");

            migrationBuilder.DropIndex(
                name: "ix_decisions_corrected",
                table: "decisions");
        }
    }
}
