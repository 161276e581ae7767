"""console: the pages of officers and operators; they read through the domains and change nothing."""

from fleet_server.console.pages import router

__all__ = ["router"]
