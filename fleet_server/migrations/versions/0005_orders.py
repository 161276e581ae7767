"""Orders, notices, leases and the numbers of documents."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    _document_numbers()
    _orders()
    _order_ends()
    _order_venues()
    _hold_marks()
    _notices()
    _notice_venues()
    _lease_numbers()


def _document_numbers() -> None:
    op.create_table(
        "document_numbers",
        sa.Column("series", sa.String(40), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("series", name="pk_document_numbers"),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order", sa.String(18), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("authority", sa.String(6), nullable=False),
        sa.Column("scope_region", sa.String(6), nullable=False),
        sa.Column("drafted_by", sa.String(32), nullable=False),
        sa.Column("drafted_at_ms", sa.BigInteger, nullable=False),
        sa.Column("draft_until_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_at_ms", sa.BigInteger),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("envelope", sa.LargeBinary),
        sa.Column("signed_at_ms", sa.BigInteger),
        sa.Column("approved_by", sa.String(32)),
        sa.Column("issued_at_ms", sa.BigInteger),
        sa.Column("withdrawn_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("order", name="pk_orders"),
    )
    op.create_index("ix_orders_authority", "orders", ["authority"])


def _order_ends() -> None:
    op.create_table(
        "order_ends",
        sa.Column("order", sa.String(18), nullable=False),
        sa.Column("ended", sa.String(18), nullable=False),
        sa.PrimaryKeyConstraint("order", "ended", name="pk_order_ends"),
        sa.ForeignKeyConstraint(["order"], ["orders.order"], name="fk_order_ends_order"),
    )
    op.create_index("ix_order_ends_ended", "order_ends", ["ended"])


def _order_venues() -> None:
    op.create_table(
        "order_venues",
        sa.Column("order", sa.String(18), nullable=False),
        sa.Column("venue", sa.String(15), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("box", sa.String(36)),
        sa.Column("ordered_at_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger),
        sa.Column("delivered_at_ms", sa.BigInteger),
        sa.Column("in_force_at_ms", sa.BigInteger),
        sa.Column("lifted_at_ms", sa.BigInteger),
        sa.Column("result", sa.String(10)),
        sa.Column("code", sa.String(40)),
        sa.Column("receipt", sa.LargeBinary),
        sa.PrimaryKeyConstraint("order", "venue", name="pk_order_venues"),
        sa.ForeignKeyConstraint(["order"], ["orders.order"], name="fk_order_venues_order"),
    )
    op.create_index("ix_order_venues_region", "order_venues", ["region"])
    op.create_index("ix_order_venues_venue", "order_venues", ["venue"])


def _hold_marks() -> None:
    op.create_table(
        "hold_marks",
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("box", name="pk_hold_marks"),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("notice", sa.String(18), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("authority", sa.String(6), nullable=False),
        sa.Column("scope_region", sa.String(6), nullable=False),
        sa.Column("issued_by", sa.String(32), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger, nullable=False),
        sa.Column("show_until_ms", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("notice", name="pk_notices"),
    )
    op.create_index("ix_notices_authority", "notices", ["authority"])


def _notice_venues() -> None:
    op.create_table(
        "notice_venues",
        sa.Column("notice", sa.String(18), nullable=False),
        sa.Column("venue", sa.String(15), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("box", sa.String(36)),
        sa.Column("sent_at_ms", sa.BigInteger),
        sa.Column("delivered_at_ms", sa.BigInteger),
        sa.Column("shown_at_ms", sa.BigInteger),
        sa.Column("acknowledged_at_ms", sa.BigInteger),
        sa.Column("result", sa.String(10)),
        sa.Column("code", sa.String(40)),
        sa.PrimaryKeyConstraint("notice", "venue", name="pk_notice_venues"),
        sa.ForeignKeyConstraint(["notice"], ["notices.notice"], name="fk_notice_venues_notice"),
    )
    op.create_index("ix_notice_venues_region", "notice_venues", ["region"])
    op.create_index("ix_notice_venues_venue", "notice_venues", ["venue"])


def _lease_numbers() -> None:
    op.create_table(
        "lease_numbers",
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("box", name="pk_lease_numbers"),
    )
