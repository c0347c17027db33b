// Takes over what the server renders anew. Names were made text by the server and stay text: nothing is put together here.

let fetching = null;

/** Fetches a state of the page, and puts its sections in the place of those that differ. The last call wins. */
export async function refresh(uri) {
  fetching?.abort();
  fetching = new AbortController();
  const answer = await fetch(uri, { headers: { Accept: "text/html" }, signal: fetching.signal });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of fresh.querySelectorAll("main > [id]:not(form)")) replace(document.getElementById(part.id), part);
  document.body.dataset.view = fresh.body.dataset.view;
}

/** Replaces the content of a section, and keeps what the visitor has opened, scrolled and focused in it. */
function replace(old, part) {
  if (!old || old.innerHTML === part.innerHTML) return;
  const said = old.querySelector("#said");
  if (said && part.querySelector("#said")) {
    // A status is read aloud if its content changes, not if it is replaced.
    if (said.innerHTML !== part.querySelector("#said").innerHTML) said.replaceChildren(...part.querySelector("#said").childNodes);
    part.querySelector("#said").replaceWith(said);
  }
  const all = (root, selector) => [...root.querySelectorAll(selector)];
  all(old, "details").forEach((details, index) => { const other = all(part, "details")[index]; if (other) other.open = details.open; });
  const scrolled = all(old, ".scroll").map((region) => region.scrollLeft);
  const focused = all(old, "summary, [tabindex], a").indexOf(document.activeElement);
  old.replaceChildren(...part.childNodes);
  all(old, ".scroll").forEach((region, index) => { region.scrollLeft = scrolled[index] ?? 0; });
  if (focused >= 0) all(old, "summary, [tabindex], a")[focused]?.focus({ preventScroll: true });
}
