// Keeps the parts of a page that carry `data-live` (topics) true, and says how old what is shown may be.
"use strict";

(() => {
  const REFRESH_EVERY_MS = 1000; // at most one refresh in that time
  const AGES_EVERY_MS = 60000; // "3 minutes ago" grows old without any news
  const box = document.getElementById("live");
  const text = document.getElementById("live-text");
  const said = document.getElementById("live-said");
  if (!box) return;

  let state = "connecting";
  let told = performance.now(); // when the server was last heard
  let refreshed = performance.now();
  let timer = null;
  let isStale = false;

  function show() {
    const seconds = Math.max(0, Math.round((performance.now() - told) / 1000));
    const words = box.dataset[state].replace("{s}", String(seconds));
    if (text.textContent !== words) text.textContent = words;
    box.dataset.state = state;
  }

  function become(next) {
    if (next === "open") told = performance.now();
    if (next !== state) {
      if (next === "lost" || next === "ended") said.textContent = box.dataset[next].replace("{s}", "0");
      if (next === "open") {
        if (state === "lost") said.textContent = box.dataset.reconnected;
        wish(); // what happened between the making of the page and this connection
      }
      state = next;
    }
    show();
  }

  function topics(part) {
    return part.dataset.live.split(" ");
  }

  function concerns(news) {
    if (news.lost) return true;
    return [...document.querySelectorAll("[data-live]")].some((part) =>
      topics(part).some((topic) => {
        const subjects = news.topics[topic];
        const mine = part.dataset.liveSubject;
        return subjects && (!mine || subjects.length === 0 || subjects.includes(mine));
      }));
  }

  function wish() {
    if (document.visibilityState !== "visible") {
      isStale = true;
      return;
    }
    if (timer !== null) return;
    const wait = Math.max(0, refreshed + REFRESH_EVERY_MS - performance.now());
    timer = setTimeout(refresh, wait);
  }

  async function refresh() {
    refreshed = performance.now();
    isStale = false;
    try {
      const answer = await fetch(location.href, { headers: { "X-Frontbox-Refresh": "1" } });
      if (answer.redirected) return become("ended");
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      isStale = true; // the stream says that the connection is lost; it brings us back here
    } finally {
      timer = null;
    }
  }

  function replace(fresh) {
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const next = fresh.getElementById(part.id);
      if (!next || next.innerHTML === part.innerHTML) continue;
      const focused = part.contains(document.activeElement) ? place(part, document.activeElement) : null;
      part.replaceChildren(...next.childNodes);
      part.classList.remove("fresh");
      void part.offsetWidth;
      part.classList.add("fresh");
      for (const button of part.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
      if (focused) find(part, focused)?.focus({ preventScroll: true });
    }
  }

  function place(part, element) {
    return { href: element.getAttribute("href"), at: [...part.querySelectorAll("a, button")].indexOf(element) };
  }

  function find(part, { href, at }) {
    const all = [...part.querySelectorAll("a, button")];
    return (href && all.find((element) => element.getAttribute("href") === href)) || all[at];
  }

  function hear(message) {
    if (message.state) become(message.state);
    if (message.news && concerns(message.news)) wish();
  }

  function listen() {
    if (typeof SharedWorker === "function") {
      const worker = new SharedWorker(box.dataset.worker, { name: box.dataset.session });
      worker.port.onmessage = (event) => hear(event.data);
      worker.port.start();
      addEventListener("pagehide", () => worker.port.postMessage("leave"));
      return;
    }
    const source = new EventSource("/events");
    source.addEventListener("tick", () => hear({ state: "open" }));
    source.addEventListener("news", (event) => {
      hear({ state: "open" });
      hear({ news: JSON.parse(event.data) });
    });
    source.addEventListener("ended", () => { source.close(); hear({ state: "ended" }); });
    source.onerror = () => hear({ state: "lost" });
  }

  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); wish(); } });
  document.addEventListener("visibilitychange", () => { if (isStale) wish(); });
  setInterval(show, 1000);
  setInterval(wish, AGES_EVERY_MS);
  listen();
})();
