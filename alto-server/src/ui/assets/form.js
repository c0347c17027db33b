// Answers a question on the same page. Without this script, the answer is another page.
import { refresh } from "./refresh.js";

const form = document.getElementById("question");

async function ask(uri) {
  try {
    await refresh(uri);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(uri);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const uri = new URL(location.href);
  uri.search = new URLSearchParams(new FormData(form)).toString();
  uri.hash = "";
  history.pushState(null, "", uri);
  ask(uri);
});
form.metric.addEventListener("change", () => form.requestSubmit());
addEventListener("popstate", () => {
  const asked = new URLSearchParams(location.search);
  form.address.value = asked.get("address") ?? "";
  form.metric.value = asked.get("metric") ?? form.metric.options[0].value;
  ask(new URL(location.href));
});
