// Keys, one submit per form, and a rollout page that moves by itself. Every page works without this.
"use strict";

const lines = () => [...document.querySelectorAll("[data-lines] > tr")];

function mark(step) {
  const all = lines();
  if (!all.length) return;
  const now = all.findIndex((line) => line.classList.contains("at"));
  const next = Math.min(Math.max(now + step, 0), all.length - 1);
  all.forEach((line) => line.classList.remove("at"));
  all[next].classList.add("at");
  const first = all[next].querySelector("a, input");
  (first || all[next]).focus({ preventScroll: true });
  all[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const at = event.target;
  const typing = at.closest("input:not([type=checkbox]), textarea, select");
  if (typing) return;
  const keys = document.getElementById("keys");
  const marked = document.querySelector("[data-lines] > tr.at");
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && search) { event.preventDefault(); search.focus(); search.select(); }
  else if (event.key === "j") mark(1);
  else if (event.key === "k") mark(-1);
  else if (event.key === "x" && marked) marked.querySelector("input[type=checkbox]")?.click();
  else if (event.key === "Enter" && marked && at.tagName !== "A" && at.tagName !== "BUTTON") {
    event.preventDefault(); // a box that has the focus would send its form
    marked.querySelector("a")?.click();
  }
  else if (event.key === "?" && !keys.open) keys.showModal();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true"));
});
// Coming back by the browser's own button shows the form as it was: let it be sent again.
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-all]");
  if (all) document.querySelectorAll(`input[name="${all.dataset.all}"]`).forEach((box) => { box.checked = all.checked; });
});

async function follow(part) {
  try {
    const answer = await fetch(part.dataset.follow, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
    if (!fresh) return;
    if (fresh.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.innerHTML = fresh.innerHTML;
    if (!fresh.dataset.follow) delete part.dataset.follow;
  } catch { /* the server is away: look again later */ }
}
setInterval(() => {
  if (!document.hidden) document.querySelectorAll("[data-follow]").forEach(follow);
}, 3000);
