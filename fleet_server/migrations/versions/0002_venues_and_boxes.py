"""Venues, boxes, certificates, vouchers, reports."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _venues()
    _boxes()
    _vouchers()
    _reports()


def _venues() -> None:
    op.create_table(
        "venues",
        sa.Column("venue", sa.String(15), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("credit_code", sa.String(18), nullable=False),
        sa.Column("licence", sa.String(40), nullable=False),
        sa.Column("rooms", sa.Integer, nullable=False),
        sa.Column("added_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("venue", name="pk_venues"),
        sa.UniqueConstraint("licence", name="uq_venues_licence"),
    )
    op.create_index("ix_venues_region", "venues", ["region"])
    op.create_index("ix_venues_credit_code", "venues", ["credit_code"])
    op.create_table(
        "venue_sequences",
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("region", name="pk_venue_sequences"),
    )


def _boxes() -> None:
    op.create_table(
        "boxes",
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("venue", sa.String(15), nullable=True),
        sa.Column("idevid", sa.LargeBinary, nullable=False),
        sa.Column("idevid_keyid", sa.String(64), nullable=False),
        sa.Column("registered_at_ms", sa.BigInteger, nullable=False),
        sa.Column("claimed_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("box", name="pk_boxes"),
        sa.UniqueConstraint("idevid_keyid", name="uq_boxes_idevid_keyid"),
        sa.ForeignKeyConstraint(["venue"], ["venues.venue"], name="fk_boxes_venue"),
    )
    op.create_index("ix_boxes_region", "boxes", ["region"])
    op.create_index("ix_boxes_venue", "boxes", ["venue"])
    op.create_table(
        "box_certificates",
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("keyid", sa.String(64), nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("issued_at_ms", sa.BigInteger, nullable=False),
        sa.Column("not_after_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_box_certificates"),
        sa.ForeignKeyConstraint(["box"], ["boxes.box"], name="fk_box_certificates_box"),
    )
    op.create_index("ix_box_certificates_box", "box_certificates", ["box"])
    op.create_index("ix_box_certificates_keyid", "box_certificates", ["keyid"])


def _vouchers() -> None:
    op.create_table(
        "vouchers",
        sa.Column("voucher", sa.String(32), nullable=False),
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("venue", sa.String(15), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.Column("not_after_ms", sa.BigInteger, nullable=False),
        sa.Column("issued_by", sa.String(32), nullable=False),
        sa.Column("issued_at_ms", sa.BigInteger, nullable=False),
        sa.Column("is_withdrawn", sa.Boolean, nullable=False),
        sa.Column("used_at_ms", sa.BigInteger, nullable=True),
        sa.Column("serial", sa.String(40), nullable=True),
        sa.PrimaryKeyConstraint("voucher", name="pk_vouchers"),
        sa.ForeignKeyConstraint(["box"], ["boxes.box"], name="fk_vouchers_box"),
        sa.ForeignKeyConstraint(["venue"], ["venues.venue"], name="fk_vouchers_venue"),
        sa.ForeignKeyConstraint(["serial"], ["box_certificates.serial"], name="fk_vouchers_serial"),
    )
    op.create_index("ix_vouchers_box", "vouchers", ["box"])


def _reports() -> None:
    op.create_table(
        "box_reports",
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("box", name="pk_box_reports"),
        sa.ForeignKeyConstraint(["box"], ["boxes.box"], name="fk_box_reports_box"),
    )
    op.create_index("ix_box_reports_state", "box_reports", ["state"])
    op.create_index("ix_box_reports_received_at_ms", "box_reports", ["received_at_ms"])
