"""people: persons, accounts, roles by region, sessions, and the one gate."""

from fleet_server.people.authority import Actor, authorise, below, visible
from fleet_server.people.gate import Act, Call, Gate, form_needs, needs
from fleet_server.people.roles import Action, Role

__all__ = ["Act", "Action", "Actor", "Call", "Gate", "Role", "authorise", "below", "form_needs", "needs", "visible"]
