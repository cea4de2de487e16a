using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Annotator.Core.Storage.PostgreSql.Migrations
{
    /// <inheritdoc />
    public partial class IdempotencyOwners : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterColumn<string>(
                name: "key",
                table: "idempotency",
                type: "character varying(64)",
                maxLength: 64,
                nullable: false,
                oldClrType: typeof(string),
                oldType: "character varying(255)",
                oldMaxLength: 255);

            migrationBuilder.AddColumn<string>(
                name: "content_type",
                table: "idempotency",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "journal",
                table: "idempotency",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "owned_until",
                table: "idempotency",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "owner",
                table: "idempotency",
                type: "character varying(40)",
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

            migrationBuilder.AlterColumn<string>(
                name: "key",
                table: "idempotency",
                type: "character varying(255)",
                maxLength: 255,
                nullable: false,
                oldClrType: typeof(string),
                oldType: "character varying(64)",
                oldMaxLength: 64);
        }
    }
}
