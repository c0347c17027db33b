// Follows the network: when its view changes, the page shows the new one, and changed links flash.
import { refresh } from "./refresh.js";

const PAUSE = 1000;
const state = document.getElementById("live");
let events = null;
let waiting = null;
let changed = new Set();

function say(text) {
  state.hidden = false;
  state.textContent = text;
}

function flash() {
  for (const mark of document.querySelectorAll(".marks [data-ends]")) mark.classList.toggle("flash", changed.has(mark.dataset.ends));
  changed = new Set();
}

/** Shows a new view, at most once per pause. */
function follow(news) {
  for (const ends of news.links) changed.add([...ends].sort().join(" "));
  if (waiting || news["view-tag"] === document.body.dataset.view) return;
  waiting = setTimeout(async () => {
    waiting = null;
    try {
      await refresh(location.href);
      flash();
    } catch (error) {
      if (error.name !== "AbortError") say("The server does not answer.");
    }
  }, PAUSE);
}

function listen() {
  events = new EventSource(new URL("events", import.meta.url));
  events.addEventListener("view", (event) => {
    say("Live: changes appear as they happen.");
    follow(JSON.parse(event.data));
  });
  events.addEventListener("error", () => say("The connection is lost; trying again."));
}

// A page that nobody sees needs no stream, of which a browser has few.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) events?.close();
  else listen();
});
addEventListener("pagehide", () => events?.close());
if (!document.hidden) listen();
