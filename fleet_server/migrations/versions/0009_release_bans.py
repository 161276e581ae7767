"""The bans that releases of the catalog carry."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "catalog_release_bans",
        sa.Column("epoch", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("order", sa.String(18), nullable=False),
        sa.PrimaryKeyConstraint("epoch", "order", name="pk_catalog_release_bans"),
    )
    op.create_index("ix_catalog_release_bans_order", "catalog_release_bans", ["order"])
