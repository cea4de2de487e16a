using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class IdempotencyOwners : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
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
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
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
