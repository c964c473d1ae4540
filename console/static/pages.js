// What only some pages have: a button that prints.
"use strict";

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// A large file shows how much of it was sent. Without this the browser shows it, or nothing; what happens is the same.
function send(form, place) {
  const request = new XMLHttpRequest();
  const bar = document.createElement("progress");
  const words = document.createElement("span");
  bar.setAttribute("aria-label", "Sent so far");
  place.replaceChildren(bar, words);
  request.upload.addEventListener("progress", (event) => {
    bar.max = event.total;
    bar.value = event.loaded;
    words.textContent = event.loaded < event.total ? `${Math.floor(100 * event.loaded / event.total)} % is sent` : "It is sent, and being looked at";
  });
  request.addEventListener("load", () => {
    if (request.responseURL !== form.action) { location.assign(request.responseURL); return; }
    const fresh = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("main");
    if (fresh) document.getElementById("main").innerHTML = fresh.innerHTML;
  });
  request.addEventListener("error", () => {
    place.textContent = "The connection was lost; nothing was stored. Send it again.";
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-disabled"));
  });
  request.open("POST", form.action);
  request.send(new FormData(form));
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  const file = form.querySelector("input[type=file]")?.files[0];
  if (!form.dataset.sentInPieces || form.dataset.sent || !file || file.size <= Number(form.dataset.sentInPieces)) return;
  event.preventDefault();
  send(form, form.querySelector("[data-sending]"));
}, true);
