"""What a box is to the fleet, as a table. Pure."""

from enum import StrEnum


class Status(StrEnum):
    """`registered` has a factory certificate; `active` stands in a venue."""

    REGISTERED = "registered"
    ACTIVE = "active"
    SUSPENDED = "suspended"  # may not connect for now
    REVOKED = "revoked"  # for good; its venue may have another box


# status -> statuses that an operator may set; claims alone make a box active for the first time.
OPERATOR_MAY: dict[Status, frozenset[Status]] = {
    Status.REGISTERED: frozenset({Status.REVOKED}),
    Status.ACTIVE: frozenset({Status.SUSPENDED, Status.REVOKED}),
    Status.SUSPENDED: frozenset({Status.ACTIVE, Status.REVOKED}),
    Status.REVOKED: frozenset(),
}

# A venue with such a box can have no other.
OCCUPYING = (Status.ACTIVE, Status.SUSPENDED)
