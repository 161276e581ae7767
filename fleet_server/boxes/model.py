"""Tables of boxes: who they are, where they stand, what they last reported."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table

from fleet_server.database import metadata

boxes = Table(
    "boxes",
    metadata,
    Column("box", String(36), primary_key=True),
    Column("status", String(12), nullable=False),
    Column("region", String(6), nullable=False, index=True),  # of its venue; before the claim, of who keeps it
    Column("venue", ForeignKey("venues.venue"), nullable=True, index=True),
    Column("idevid", LargeBinary, nullable=False),  # factory certificate, DER
    Column("idevid_keyid", String(64), nullable=False, unique=True),
    Column("registered_at_ms", BigInteger, nullable=False),
    Column("claimed_at_ms", BigInteger, nullable=True),
)

box_certificates = Table(
    "box_certificates",
    metadata,
    Column("serial", String(40), primary_key=True),  # hexadecimal
    Column("box", ForeignKey("boxes.box"), nullable=False, index=True),
    Column("keyid", String(64), nullable=False, index=True),
    Column("certificate", LargeBinary, nullable=False),  # DER
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
)

vouchers = Table(
    "vouchers",
    metadata,
    Column("voucher", String(32), primary_key=True),
    Column("box", ForeignKey("boxes.box"), nullable=False, index=True),
    Column("venue", ForeignKey("venues.venue"), nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
    Column("issued_by", String(32), nullable=False),
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("is_withdrawn", Boolean, nullable=False),  # a newer voucher of the box took its place
    Column("used_at_ms", BigInteger, nullable=True),
    Column("serial", ForeignKey("box_certificates.serial"), nullable=True),  # what it was used for
)

box_reports = Table(
    "box_reports",
    metadata,
    Column("box", ForeignKey("boxes.box"), primary_key=True),
    Column("report", LargeBinary, nullable=False),  # the payload as signed
    Column("boot", Integer, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("version", String(32), nullable=False),
    Column("received_at_ms", BigInteger, nullable=False, index=True),
)
