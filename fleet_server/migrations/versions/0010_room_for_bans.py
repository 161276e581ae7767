"""What an order takes of a box's room for bans."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("orders", sa.Column("banned", sa.Integer, nullable=False, server_default="0"))
    _count_targets()


def _count_targets() -> None:
    """Of orders that are here already; a picture is banned as a file too."""
    orders = sa.table("orders", sa.column("order"), sa.column("kind"), sa.column("payload"), sa.column("banned"))
    connection = op.get_bind()
    bans = sa.select(orders.c.order, orders.c.payload).where(orders.c.kind == "ban")
    for number, payload in connection.execute(bans).all():
        targets = {(target["by"], target["id"]) for target in json.loads(payload)["targets"]}
        files = {name for by, name in targets if by in ("file", "picture")}
        others = {(by, name) for by, name in targets if by != "file"}
        counted = sa.update(orders).where(orders.c.order == number).values(banned=len(files) + len(others))
        connection.execute(counted)
