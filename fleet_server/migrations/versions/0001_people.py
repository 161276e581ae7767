"""People and the audit record."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_rows",
        sa.Column("n", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("row", sa.String, nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_audit_rows"),
    )
    op.create_index("ix_audit_rows_region", "audit_rows", ["region"])
    op.create_index("ix_audit_rows_subject", "audit_rows", ["subject"])
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_rows_no_{verb.lower()} BEFORE {verb} ON audit_rows "
            "BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END"
        )
    op.create_table(
        "persons",
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("added_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_persons"),
    )
    op.create_index("ix_persons_region", "persons", ["region"])
    op.create_table(
        "accounts",
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("added_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_accounts"),
        sa.ForeignKeyConstraint(["person"], ["persons.person"], name="fk_accounts_person"),
    )
    op.create_index("ix_accounts_person", "accounts", ["person"])
    op.create_table(
        "grants",
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("granted_by", sa.String(32), nullable=False),
        sa.Column("granted_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person", "role", "region", name="pk_grants"),
        sa.ForeignKeyConstraint(["person"], ["persons.person"], name="fk_grants_person"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], name="fk_sessions_account"),
    )
    op.create_index("ix_sessions_account", "sessions", ["account"])
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_failures"),
    )
    for column in ("account", "ip", "at_ms"):
        op.create_index(f"ix_sign_in_failures_{column}", "sign_in_failures", [column])
