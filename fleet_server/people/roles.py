"""Which role may do what: one table, and the roles that exclude each other.

A role is held in a region and counts in that region and below it. Officers' documents (orders, notices)
need more than a role: the box itself verifies their signatures (SPEC 6.2). A role here says who may draft,
see and pass them on through this server.
"""

from enum import StrEnum


class Role(StrEnum):
    """What a person is to this system."""

    ADMINISTRATOR = "administrator"  # people and their roles, nothing else
    OPERATOR = "operator"  # venues, boxes, catalog, rollouts
    OFFICER = "officer"  # orders and notices
    INSTALLER = "installer"  # sees venues and boxes, fetches vouchers
    RIGHTS_HOLDER = "rights-holder"  # the ledger
    VENUE = "venue"  # what the public authority of its county shows venues
    AUDITOR = "auditor"  # reads everything, changes nothing


class Action(StrEnum):
    """What can be done; named in audit rows."""

    SESSION_READ = "session.read"
    REGION_READ = "region.read"
    PERSON_READ = "person.read"
    PERSON_MANAGE = "person.manage"
    AUDIT_READ = "audit.read"
    VENUE_READ = "venue.read"
    VENUE_MANAGE = "venue.manage"
    VOUCHER_ISSUE = "voucher.issue"
    BOX_READ = "box.read"
    BOX_REGISTER = "box.register"
    BOX_SUSPEND = "box.suspend"
    LEASE_EXTEND = "lease.extend"
    ORDER_READ = "order.read"
    ORDER_DRAFT = "order.draft"
    ORDER_APPROVE = "order.approve"
    ORDER_RECEIPT = "order.receipt"
    NOTICE_READ = "notice.read"
    NOTICE_SEND = "notice.send"
    PLAYS_READ = "plays.read"
    PLAYS_EXPORT = "plays.export"
    CATALOG_READ = "catalog.read"
    CATALOG_MANAGE = "catalog.manage"
    ROLLOUT_READ = "rollout.read"
    ROLLOUT_MANAGE = "rollout.manage"


_EVERYBODY = frozenset({Action.SESSION_READ, Action.REGION_READ, Action.CATALOG_READ})
_READ = frozenset(action for action in Action if action.value.endswith(".read"))

MAY: dict[Role, frozenset[Action]] = {
    Role.ADMINISTRATOR: _EVERYBODY
    | {Action.PERSON_READ, Action.PERSON_MANAGE, Action.AUDIT_READ, Action.VENUE_READ, Action.BOX_READ},
    Role.OPERATOR: (_READ - {Action.AUDIT_READ, Action.PERSON_READ})
    | {
        Action.VENUE_MANAGE,
        Action.VOUCHER_ISSUE,
        Action.BOX_REGISTER,
        Action.BOX_SUSPEND,
        Action.LEASE_EXTEND,
        Action.PLAYS_EXPORT,
        Action.CATALOG_MANAGE,
        Action.ROLLOUT_MANAGE,
    },
    Role.OFFICER: (_READ - {Action.AUDIT_READ, Action.PERSON_READ})
    | {
        Action.ORDER_DRAFT,
        Action.ORDER_APPROVE,
        Action.ORDER_RECEIPT,
        Action.NOTICE_SEND,
        Action.PLAYS_EXPORT,
    },
    Role.INSTALLER: _EVERYBODY | {Action.VENUE_READ, Action.BOX_READ, Action.VOUCHER_ISSUE},
    Role.RIGHTS_HOLDER: _EVERYBODY | {Action.PLAYS_READ, Action.PLAYS_EXPORT},
    Role.VENUE: _EVERYBODY | {Action.VENUE_READ, Action.NOTICE_READ},
    Role.AUDITOR: _READ | {Action.PLAYS_EXPORT},
}

# Separation of duties (三员分立): nobody holds both, in whatever regions.
EXCLUSIVE: frozenset[frozenset[Role]] = frozenset(
    {
        frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
        frozenset({Role.ADMINISTRATOR, Role.OFFICER}),
        frozenset({Role.OPERATOR, Role.AUDITOR}),
        frozenset({Role.OFFICER, Role.AUDITOR}),
    }
)


def conflicts(held: frozenset[Role], wanted: Role) -> frozenset[Role]:
    """Roles of `held` that exclude `wanted`."""
    return frozenset(role for role in held if frozenset({role, wanted}) in EXCLUSIVE)
