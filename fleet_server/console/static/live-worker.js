// One event stream for all tabs of one session. A browser opens at most six connections to a server, so a
// stream per tab would leave the seventh tab without any.
"use strict";

const AGAIN_MS = 5000;
const ports = new Set();
let source = null;
let last = { state: "connecting" };

function tell(message) {
  if (message.state) last = message;
  for (const port of ports) port.postMessage(message);
}

function open() {
  source = new EventSource("/events");
  source.addEventListener("tick", () => tell({ state: "open" }));
  source.addEventListener("news", (event) => {
    tell({ state: "open" });
    tell({ news: JSON.parse(event.data) });
  });
  source.addEventListener("ended", end);
  source.onerror = () => {
    tell({ state: "lost" });
    // The browser connects again by itself, with Last-Event-ID, unless the server answered with an error.
    if (source.readyState === EventSource.CLOSED) again();
  };
}

function end() {
  source.close();
  source = null;
  tell({ state: "ended" });
}

// An event source does not say which error it met: a page that leads to sign-in says that the session is over.
async function again() {
  try {
    const answer = await fetch("/about", { redirect: "manual", headers: { "X-Frontbox-Refresh": "1" } });
    if (answer.type === "opaqueredirect") return end();
  } catch {
    // the server is away; the next attempt will tell
  }
  setTimeout(open, AGAIN_MS);
}

function join(port) {
  ports.add(port);
  port.onmessage = (event) => {
    if (event.data === "leave") ports.delete(port);
  };
  port.postMessage(last);
  if (source === null) open();
}

self.onconnect = (event) => join(event.ports[0]);
