"""What every page has around its content: who is signed in, what they may see, language, colours, menu.

A menu shows what the person may open and nothing else; a page that is not in it answers 403 or 404 anyway,
since each page asks the gate itself.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fleet_server.console import assets, instants, language, words
from fleet_server.console.language import Lang
from fleet_server.console.words.states import kind_of
from fleet_server.fleet import Fleet
from fleet_server.people import Action, Actor, Call
from fleet_server.regions import Regions

THEME_COOKIE = "frontbox-theme"
THEMES = ("auto", "light", "dark")
COUNTRY = "000000"
_CHINESE = re.compile(r"[\u3400-\u9fff]")

# Path, word, and what one must be allowed to do somewhere to see the entry.
MENU: tuple[tuple[str, str, Action], ...] = (
    ("/", "menu.overview", Action.SESSION_READ),
    ("/venues", "menu.venues", Action.VENUE_READ),
    ("/orders", "menu.orders", Action.ORDER_READ),
    ("/notices", "menu.notices", Action.NOTICE_READ),
    ("/plays", "menu.plays", Action.PLAYS_READ),
    ("/boxes", "menu.boxes", Action.BOX_READ),
    ("/rollouts", "menu.rollouts", Action.ROLLOUT_READ),
    ("/catalog", "menu.catalog", Action.CATALOG_READ),
    ("/audit", "menu.audit", Action.AUDIT_READ),
    ("/about", "menu.about", Action.SESSION_READ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu."""

    path: str
    word: str
    is_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Given to every template as `frame`."""

    lang: Lang
    theme: str
    path: str
    query: str
    now_ms: int
    actor: Actor | None
    names: Regions

    @property
    def tag(self) -> str:
        return language.TAGS[self.lang]

    @property
    def here(self) -> str:
        """This page, for forms that come back to it."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def menu(self) -> list[Entry]:
        return [Entry(path, word, _is_below(self.path, path)) for path, word, action in MENU if may(self.actor, action)]

    @property
    def regions(self) -> tuple[str, ...]:
        """Codes of the regions the person sees, none twice."""
        return tuple(dict.fromkeys(grant.region for grant in self.actor.grants)) if self.actor else ()

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(grant.role.value for grant in self.actor.grants)) if self.actor else ()

    def say(self, key: str, **values: object) -> str:
        return words.say(self.lang, key, **values)

    def say_code(self, prefix: str, code: str) -> str:
        """The word for a value of the protocol; the value itself if a newer box says something unknown."""
        key = f"{prefix}.{code}"
        return words.say(self.lang, key) if words.has(key) else code

    def region_name(self, code: str) -> str:
        """`天河区`; the code itself if the table does not have it."""
        region = self.names.find(code)
        if region is None:
            return code
        return region.name if self.lang == "zh" else region.name_en or region.name

    def region_path(self, code: str) -> str:
        """`广东省 广州市 天河区`, `Tianhe, Guangzhou, Guangdong`; the country is left out unless it is all there is."""
        path = [region.code for region in self.names.path(code) if region.code != COUNTRY or code == COUNTRY]
        named = [self.region_name(one) for one in path or [code]]
        return " ".join(named) if self.lang == "zh" else ", ".join(reversed(named))

    def own(self, text: str) -> Markup:
        """What somebody wrote or is called: never translated, and marked where its language is not the page's."""
        if self.lang != "zh" and _CHINESE.search(text):
            return Markup('<span lang="zh-CN">{}</span>').format(text)
        return escape(text)

    def ago(self, at_ms: int) -> Markup:
        return instants.ago(at_ms, self.now_ms, self.lang)

    def span(self, for_ms: int) -> str:
        return instants.span(for_ms, self.lang)


def of(request: Request, actor: Actor | None) -> Frame:
    fleet: Fleet = request.app.state.fleet
    theme = request.cookies.get(THEME_COOKIE, "")
    return Frame(
        lang=language.choose(request.cookies.get(language.COOKIE, ""), request.headers.get("accept-language", "")),
        theme=theme if theme in THEMES else THEMES[0],
        path=request.url.path,
        query=request.url.query,
        now_ms=fleet.clock.now_ms(),
        actor=actor,
        names=fleet.regions,
    )


def page(request: Request, call: Call, template: str, **view: object) -> HTMLResponse:
    """A page of somebody who is signed in."""
    return HTMLResponse(render(of(request, call.actor), template, view))


def render(frame: Frame, template: str, view: Mapping[str, object]) -> str:
    bound = {
        "frame": frame,
        "t": frame.say,
        "code": frame.say_code,
        "ago": frame.ago,
        "span": frame.span,
        "own": frame.own,
        "region_name": frame.region_name,
        "region_path": frame.region_path,
    }
    return _templates().get_template(template).render(**view, **bound)


def may(actor: Actor | None, action: Action) -> bool:
    """Whether anywhere; templates ask it before they show a link."""
    return actor is not None and bool(actor.regions(action))


@functools.cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("fleet_server.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "Action": Action,
        "address": assets.address,
        "day": instants.day,
        "duration": instants.duration,
        "instant": instants.instant,
        "kind_of": kind_of,
        "may": may,
        "number": instants.number,
        "size": instants.size,
    }
    return environment


def _is_below(path: str, entry: str) -> bool:
    return path == entry or (entry != "/" and path.startswith(f"{entry}/"))
