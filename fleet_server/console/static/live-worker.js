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
  source.addEventListener("ended", () => {
    source.close();
    source = null;
    tell({ state: "ended" });
  });
  source.onerror = () => {
    tell({ state: "lost" });
    // The browser connects again by itself, with Last-Event-ID, unless the server answered with an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS);
  };
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
