using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddWork : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "assigned_items",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    item_id = table.Column<long>(type: "INTEGER", nullable: false),
                    lane_id = table.Column<long>(type: "INTEGER", nullable: false),
                    assignment_id = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_assigned_items", x => new { x.project_id, x.item_id });
                });

            migrationBuilder.CreateTable(
                name: "assignments",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    lane_id = table.Column<long>(type: "INTEGER", nullable: false),
                    note = table.Column<string>(type: "TEXT", maxLength: 500, nullable: false),
                    due_at = table.Column<long>(type: "INTEGER", nullable: true),
                    items = table.Column<int>(type: "INTEGER", nullable: false),
                    created_by = table.Column<long>(type: "INTEGER", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    ended_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_assignments", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "work_lanes",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    user_id = table.Column<long>(type: "INTEGER", nullable: false),
                    group_name = table.Column<string>(type: "TEXT", maxLength: 100, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_work_lanes", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_assigned_items_project_id_assignment_id_item_id",
                table: "assigned_items",
                columns: new[] { "project_id", "assignment_id", "item_id" });

            migrationBuilder.CreateIndex(
                name: "ix_assignments_project_id_id",
                table: "assignments",
                columns: new[] { "project_id", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_work_lanes_project_id_user_id_group_name",
                table: "work_lanes",
                columns: new[] { "project_id", "user_id", "group_name" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "assigned_items");

            migrationBuilder.DropTable(
                name: "assignments");

            migrationBuilder.DropTable(
                name: "work_lanes");
        }
    }
}
