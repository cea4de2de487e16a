using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class Learning : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "created_by",
                table: "prompts",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "figures",
                table: "prompts",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "parent",
                table: "prompts",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "estimated_cost",
                table: "llm_calls",
                type: "REAL",
                nullable: false,
                defaultValue: 0.0);

            migrationBuilder.AddColumn<string>(
                name: "content_type",
                table: "idempotency",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "journal",
                table: "idempotency",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "owned_until",
                table: "idempotency",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "owner",
                table: "idempotency",
                type: "TEXT",
                maxLength: 40,
                nullable: true);

            migrationBuilder.CreateTable(
                name: "audit_records",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    number = table.Column<int>(type: "INTEGER", nullable: false),
                    ordinal = table.Column<int>(type: "INTEGER", nullable: false),
                    item_id = table.Column<long>(type: "INTEGER", nullable: false),
                    kind = table.Column<int>(type: "INTEGER", nullable: false),
                    wrong = table.Column<bool>(type: "INTEGER", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_audit_records", x => new { x.project_id, x.number, x.ordinal });
                });

            migrationBuilder.CreateTable(
                name: "audits",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    number = table.Column<int>(type: "INTEGER", nullable: false),
                    state = table.Column<int>(type: "INTEGER", nullable: false),
                    seed = table.Column<long>(type: "INTEGER", nullable: false),
                    alpha = table.Column<double>(type: "REAL", nullable: false),
                    target = table.Column<double>(type: "REAL", nullable: false),
                    confidence = table.Column<double>(type: "REAL", nullable: false),
                    allowed = table.Column<double>(type: "REAL", nullable: false),
                    decided_before = table.Column<int>(type: "INTEGER", nullable: false),
                    population = table.Column<int>(type: "INTEGER", nullable: false),
                    schema_version = table.Column<int>(type: "INTEGER", nullable: false),
                    student_version = table.Column<int>(type: "INTEGER", nullable: false),
                    classes = table.Column<string>(type: "TEXT", nullable: false),
                    blob = table.Column<string>(type: "TEXT", nullable: false),
                    started_at = table.Column<long>(type: "INTEGER", nullable: false),
                    ended_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_audits", x => new { x.project_id, x.number });
                });

            migrationBuilder.CreateTable(
                name: "llm_providers",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    name = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    settings = table.Column<string>(type: "TEXT", nullable: false),
                    protected_key = table.Column<string>(type: "TEXT", nullable: true),
                    probe = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    version = table.Column<int>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_providers", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "prompt_answers",
                columns: table => new
                {
                    project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    prompt_version = table.Column<int>(type: "INTEGER", nullable: false),
                    item_id = table.Column<long>(type: "INTEGER", nullable: false),
                    value = table.Column<string>(type: "TEXT", nullable: true),
                    confidence = table.Column<double>(type: "REAL", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_prompt_answers", x => new { x.project_id, x.prompt_version, x.item_id });
                });

            migrationBuilder.CreateIndex(
                name: "ix_audit_records_project_id_item_id",
                table: "audit_records",
                columns: new[] { "project_id", "item_id" });

            migrationBuilder.CreateIndex(
                name: "ix_llm_providers_name",
                table: "llm_providers",
                column: "name",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "audit_records");

            migrationBuilder.DropTable(
                name: "audits");

            migrationBuilder.DropTable(
                name: "llm_providers");

            migrationBuilder.DropTable(
                name: "prompt_answers");

            migrationBuilder.DropColumn(
                name: "created_by",
                table: "prompts");

            migrationBuilder.DropColumn(
                name: "figures",
                table: "prompts");

            migrationBuilder.DropColumn(
                name: "parent",
                table: "prompts");

            migrationBuilder.DropColumn(
                name: "estimated_cost",
                table: "llm_calls");

            migrationBuilder.DropColumn(
                name: "content_type",
                table: "idempotency");

            migrationBuilder.DropColumn(
                name: "journal",
                table: "idempotency");

            migrationBuilder.DropColumn(
                name: "owned_until",
                table: "idempotency");

            migrationBuilder.DropColumn(
                name: "owner",
                table: "idempotency");
        }
    }
}
