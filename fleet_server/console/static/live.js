// Keeps the parts of a page that carry `data-live` (topics) true, and says how old what is shown may be.
"use strict";

(() => {
  const REFRESH_EVERY_MS = 1000; // at most one refresh in that time
  const PLAYS_EVERY_MS = 3000; // where songs alone have changed: a busy evening has many each second
  const AGES_EVERY_MS = 60000; // "3 minutes ago" grows old without any news
  const box = document.getElementById("live");
  const text = document.getElementById("live-text");
  const said = document.getElementById("live-said");
  if (!box) return;

  let state = "connecting";
  let told = performance.now(); // when the server was last heard
  let refreshed = performance.now();
  let timer = null;
  let due = Infinity; // when the timer will have run out
  let isReading = false;
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

  function isOfPlays(news) {
    return !news.lost && Object.keys(news.topics).every((topic) => topic === "play");
  }

  function wish(every = REFRESH_EVERY_MS) {
    if (document.visibilityState !== "visible" || isReading) {
      isStale = true;
      return;
    }
    const at = Math.max(performance.now(), refreshed + every);
    if (at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(refresh, at - performance.now());
  }

  async function refresh() {
    refreshed = performance.now();
    due = Infinity;
    isReading = true;
    isStale = false;
    try {
      const answer = await fetch(location.href, { headers: { "X-Frontbox-Refresh": "1" } });
      if (answer.redirected) return become("ended");
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      isStale = true; // the stream says that the connection is lost; it brings us back here
    } finally {
      isReading = false;
    }
    // What came while the page was being read may not be in what was read. Without a connection there is no hurry.
    if (isStale && state === "open") wish();
  }

  function replace(fresh) {
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const next = fresh.getElementById(part.id);
      if (!next || next.innerHTML === part.innerHTML) continue;
      const focused = part.contains(document.activeElement) ? place(part, document.activeElement) : null;
      const isNews = facts(next) !== facts(part) && !topics(part).includes("play");
      part.replaceChildren(...next.childNodes);
      part.classList.remove("fresh");
      if (isNews) {
        void part.offsetWidth; // so that the animation begins anew
        part.classList.add("fresh");
      }
      for (const button of part.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
      if (focused) find(part, focused)?.focus({ preventScroll: true });
    }
  }

  // What a part says, but for ages that only grow.
  function facts(part) {
    return part.innerHTML.replace(/<time[^>]*>[^<]*<\/time>/g, "");
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
    if (message.news && concerns(message.news)) wish(isOfPlays(message.news) ? PLAYS_EVERY_MS : REFRESH_EVERY_MS);
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
  setInterval(() => wish(), AGES_EVERY_MS);
  listen();
})();
