"""The state of the box as HTML: what an inspector and the owner of the venue need, in words and shape.

Everything that came from outside is escaped here, once, where it is put between tags.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from typing import Any

from device.protocol.codes import MESSAGES
from device.services import status_words as words
from device.services.status_words import Words

CHINA = timezone(timedelta(hours=8))
REJECTIONS_SHOWN_MAX = 5

# Drawn in a square of 24; colour comes from the text around it, so the shape alone must tell the states apart.
_SHAPES = {
    "check": '<circle cx="12" cy="12" r="10"/><path d="m7 12.5 3.5 3.5L17 9"/>',
    "octagon": '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M7 12h10"/>',
    "moon": '<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.500 10.500z"/>',
    "clock": '<circle cx="12" cy="12" r="10"/><path d="M12 6v6l4 3"/>',
    "ring": '<circle cx="12" cy="12" r="10" stroke-dasharray="4 4"/>',
    "cross": '<path d="M12 2 23 21H1z"/><path d="M12 9v6m0 2.500v.5"/>',
}

State = Mapping[str, Any]


class StatusView:
    """Renders one state in one language."""

    def __init__(self, state: State, language: str) -> None:
        self._state = state
        self._index = words.LANGUAGES.index(language)

    def page_parts(self) -> list[str]:
        """The blocks of the page, most important first."""
        holds: Sequence[State] = self._state.get("holds", ())
        stops = [hold for hold in holds if hold["kind"] == "stop" and not hold["rooms"]]
        rooms = [hold for hold in holds if hold["kind"] == "stop" and hold["rooms"]]
        bans = [hold for hold in holds if hold["kind"] == "ban"]
        return [
            self._banner(),
            self._orders(words.STOP_ORDERS, stops, "why"),
            self._orders(words.ROOM_ORDERS, rooms, "why"),
            self._faults(self._state.get("faults", ())),
            self._notices(self._state.get("notices", ())),
            self._facts(),
            self._orders(words.BAN_ORDERS, bans, ""),
            self._rejections(self._state.get("rejections", ())),
        ]

    def _banner(self) -> str:
        state = str(self._state["state"])
        if state == "in-service" and "DISK_STALLED" in self._state.get("faults", ()):
            state = "failed"  # whoever asks to play now waits in vain
        tone, shape, headline, sentence = words.STATES.get(state, words.STATES["starting"])
        code = self._state.get("code", "")
        headline, sentence = words.FAILURES.get(code, (headline, sentence))
        sentences = [self._say(sentence)]
        if code in words.STEPS:
            sentences.append(self._say(words.STEPS[code]))
        warnings = [*self._of_songs(state), *self._of_contact(state), *self._of_seal()]
        if warnings and tone == "good":
            tone = "good" if warnings == [self._say(words.OFFLINE)] else "warn"
        sentences += warnings
        drawn = f'<svg viewBox="0 0 24 24" {_STROKE} aria-hidden="true">{_SHAPES[shape]}</svg>'
        told = "".join(f"<p>{text}</p>" for text in sentences)
        return f'<div class="state {tone}" role="status">{drawn}<div><h1>{self._say(headline)}</h1>{told}</div></div>'

    def _of_songs(self, state: str) -> Iterator[str]:
        """What ends, and which rooms are stopped."""
        rooms, closes_in_s = self._state.get("rooms_locked"), self._state.get("closes_in_s")
        if state == "in-service" and rooms:
            yield self._say(words.ROOMS_LOCKED, escape(" ".join(rooms)))
        if self._state.get("cut_in_s"):  # at 0 nothing plays any more
            yield self._say(words.CUT_SOON, self._state["cut_in_s"])
        if state == "in-service" and closes_in_s:
            yield self._say(words.CLOSES_SOON, -(-closes_in_s // 60))

    def _of_contact(self, state: str) -> Iterator[str]:
        lease: State = self._state.get("lease") or {}
        if lease.get("standing") == "core":
            yield self._say(words.CORE_ONLY, self._instant(lease["stop_at_ms"]))
        elif lease.get("standing") == "warning":
            yield self._say(words.LEASE_SOON, *(self._instant(lease[rung]) for rung in ("core_from_ms", "stop_at_ms")))
        elif self._state.get("online") is False and self._state.get("venue"):
            yield self._say(words.OFFLINE if state == "in-service" else words.OFFLINE_CLOSED)

    def _of_seal(self) -> Iterator[str]:
        if self._state.get("seal") in words.SEAL_ALARM:
            yield self._say(words.SEAL_ALARM[self._state["seal"]])

    def _orders(self, title: Words, holds: Sequence[State], kind: str) -> str:
        return self._section(title, kind, [self._order(hold) for hold in holds])

    def _order(self, hold: State) -> str:
        rows = [
            (words.DOCUMENT, escape(hold["document"])),
            (words.ORDER, f"<code>{escape(hold['order'])}</code>"),
            (words.AUTHORITY, f"<code>{escape(hold['authority'])}</code>"),
            (words.ISSUED, self._instant(hold["issued_at_ms"])),
            (words.UNTIL, self._until(hold["ends_at_ms"])),
        ]
        if hold["rooms"]:
            rows.insert(0, (words.ROOMS_STOPPED, escape(" ".join(hold["rooms"]))))
        text = self._text_of(hold)
        if hold["kind"] == "ban":
            text += f' <span class="soft">({self._say(words.BANNED_COUNT, hold["targets_count"])})</span>'
        return f"<p>{text}</p>{self._rows(rows)}"

    def _faults(self, codes: Sequence[str]) -> str:
        return self._section(words.FAULTS, "told", [f"<p>{self._message(code)}</p>" for code in codes])

    def _notices(self, notices: Sequence[State]) -> str:
        items = []
        for notice in notices:
            kind = self._say(words.NOTICE_KINDS[notice["kind"]])
            rows = [
                (words.AUTHORITY, f"<code>{escape(notice['authority'])}</code>"),
                (words.ISSUED, self._instant(notice["issued_at_ms"])),
                (words.UNTIL, self._instant(notice["show_until_ms"])),
            ]
            head = f'<p>{self._text_of(notice)}</p><p class="soft">{kind} <code>{escape(notice["notice"])}</code></p>'
            items.append(head + self._rows(rows))
        return self._section(words.NOTICES, "told", items)

    def _facts(self) -> str:
        state = self._state
        rows: list[tuple[Words, str]] = [(words.VENUE, f"<code>{escape(state['venue'] or '—')}</code>")]
        if state.get("region"):
            rows.append((words.REGION, f"<code>{escape(state['region'])}</code>"))
        if "journal" in state:
            rows += self._rows_of_core()
        body = self._rows(rows)
        return f"<section><h2>{self._say(words.FACTS)}</h2>{body}</section>"

    def _rows_of_core(self) -> list[tuple[Words, str]]:
        state = self._state
        journal, update = state["journal"], state["update"]
        quality = self._say(words.TIME_QUALITY[state["tq"]])
        trusted = "" if state["at_ms"] is None else f"{self._instant(state['at_ms'])} "
        rows = [
            (words.PLATFORM, self._say(words.CONNECTED if state["online"] else words.NOT_CONNECTED)),
            (words.TIME, f'{trusted}<span class="soft">{quality}</span>'),
            (words.LEASE, self._lease(state["lease"])),
            (words.CATALOG, self._catalog(state["catalog"])),
            (words.ROOMS, self._number(len(state["rooms"]))),
            (
                words.JOURNAL,
                self._say(words.JOURNAL_TEXT, self._number(journal["size"]), self._number(journal["watermark"])),
            ),
            (words.HEAD, f"<code>{escape(journal['head'])}</code>"),
            (words.SEAL, self._say(words.SEALS[state["seal"]])),
            (words.VERSION, self._say(words.VERSION_TEXT, escape(state["version"]), state["slot"], state["boot"])),
        ]
        if update["state"] in words.UPDATES:
            text = f"{escape(update['version'])}: {self._say(words.UPDATES[update['state']])}"
            if update["code"]:
                text += f' <span class="soft">{self._message(update["code"])}</span>'
            rows.append((words.UPDATE, text))
        return rows

    def _lease(self, lease: State | None) -> str:
        if lease is None:
            return self._say(words.NO_LEASE)
        rungs = [self._instant(lease[name]) for name in ("core_from_ms", "stop_at_ms")]
        text = self._say(words.LEASE_TEXT, lease["lease"], *rungs)
        if lease["standing"] in ("warning", "core"):
            text += f" <strong>{self._say(words.LEASE_WARNING)}</strong>"
        return text

    def _catalog(self, catalog: State) -> str:
        if not catalog["epoch"]:
            return self._say(words.NO_CATALOG)
        return self._say(words.CATALOG_TEXT, catalog["epoch"], self._number(catalog["entries"]))

    def _rejections(self, rejections: Sequence[State]) -> str:
        items = []
        for rejection in list(rejections)[-REJECTIONS_SHOWN_MAX:]:
            when = "" if rejection["at_ms"] is None else f" · {self._instant(rejection['at_ms'])}"
            items.append(
                f"<p>{self._message(rejection['code'])}</p>"
                f'<p class="soft"><code>{escape(rejection["id"] or "—")}</code>{when}</p>'
            )
        return self._section(words.REJECTED, "", items)

    def _section(self, title: Words, kind: str, items: Sequence[str]) -> str:
        if not items:
            return ""
        listed = "".join(f"<li>{item}</li>" for item in items)
        return f'<section class="{kind}"><h2>{self._say(title)}</h2><ul>{listed}</ul></section>'

    def _rows(self, rows: Sequence[tuple[Words, str]]) -> str:
        return "<dl>" + "".join(f"<dt>{self._say(name)}</dt><dd>{value}</dd>" for name, value in rows) + "</dl>"

    def _say(self, sentence: Words, *values: object) -> str:
        """`values` are numbers or HTML made here."""
        text = sentence[self._index]
        return text.format(*values) if values else text

    def _text_of(self, document: State) -> str:
        return escape(str(document["text_zh" if self._index == 0 else "text_en"]))

    def _message(self, code: str) -> str:
        sentence = MESSAGES.get(code, ("", ""))[self._index]
        return f"{escape(sentence)} <code>{escape(code)}</code>"

    def _until(self, at_ms: int | None) -> str:
        return self._say(words.NO_END) if at_ms is None else self._instant(at_ms)

    def _number(self, number: int) -> str:
        return f'<span class="number">{number:,}</span>'

    def _instant(self, at_ms: int) -> str:
        """China has one time, SPEC 7.4; a minute is exact enough for people."""
        try:
            then = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(CHINA)
        except (OverflowError, ValueError):
            return f'<span class="number">{at_ms}</span>'
        return f'<time class="number" datetime="{then.isoformat()}">{then:%Y-%m-%d %H:%M}</time>'


_STROKE = 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
