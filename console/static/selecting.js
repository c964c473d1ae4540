// Ticks on the learners list: each is kept on the server at once, so that links, filters and pages keep them.
// Without this the buttons of the bar, and those below the list, carry the ticks.
"use strict";

(() => {
  document.documentElement.classList.add("script");
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.more[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details.more[open]").forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
  });

  const form = document.querySelector("form[data-pick]");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=line]")];
  const all = form.querySelector("[data-page]");
  const bar = form.querySelector(".actionbar");
  if (!bar) return;
  const said = form.querySelector("[data-chosen]");
  const actions = [...bar.querySelectorAll("button[name=do]")];
  const number = (value) => value.toLocaleString("en-US");
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
  let selected = bar.classList.contains("on");
  let last = 0;

  function look() {
    const ticked = boxes.filter((box) => box.checked).length;
    if (all) {
      all.checked = ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    const any = selected || ticked > 0;
    bar.classList.toggle("on", any);
    actions.forEach((button) => button.setAttribute("aria-disabled", String(!any)));
  }

  function tell(kept) {
    selected = kept.lines > 0;
    form.elements.selection.value = kept.selection ?? "";
    const learners = kept.learners === kept.lines ? "" : `, ${number(kept.learners)} ${kept.learners === 1 ? "learner" : "learners"}`;
    said.replaceChildren();
    if (selected) {
      const many = document.createElement("b");
      many.textContent = number(kept.lines);
      said.append(many, ` ${kept.lines === 1 ? "line" : "lines"} selected${learners}`);
    } else said.textContent = "Nothing selected";
    if (kept.selection) {
      const here = new URL(location.href);
      here.searchParams.set("selection", kept.selection);
      here.searchParams.delete("said");
      history.replaceState(null, "", here);
      document.querySelectorAll("main a[href^='?'], main a[href^='/learners?']").forEach((link) => {
        if (link.hasAttribute("data-clear")) return;
        const there = new URL(link.href);
        there.searchParams.set("selection", kept.selection);
        link.href = link.getAttribute("href").startsWith("?") ? there.search : there.pathname + there.search;
      });
      const filters = document.querySelector("form.filters");
      const field = filters.elements.selection ?? filters.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "selection" }));
      field.value = kept.selection;
    }
    look();
  }

  // One note at a time, each of the whole page: whoever ticks fast is noted in the order of the ticks.
  let noting = Promise.resolve();
  let waiting = 0;
  function note() {
    const mine = ++last;
    waiting += 1;
    bar.classList.add("waits");
    noting = noting.then(async () => {
      if (mine !== last) return;
      const words = new URLSearchParams(new FormData(form));
      words.set("by", "script");
      words.set("once", fresh());
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: words, redirect: "error", headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      tell(await answer.json());
    }).catch(() => { said.textContent = "The ticks are not kept yet: they go with the next button."; }).finally(() => {
      waiting -= 1;
      if (!waiting) bar.classList.remove("waits");
    });
  }

  form.addEventListener("change", (event) => {
    if (event.target === all) boxes.forEach((box) => { box.checked = all.checked; });
    if (event.target === all || event.target.name === "line") { look(); note(); }
  });
  // A range, as everywhere: the box that was clicked last, Shift, and another.
  let from = null;
  form.addEventListener("click", (event) => {
    const box = event.target;
    if (box.name !== "line") return;
    if (event.shiftKey && from !== null) {
      const [a, b] = [boxes.indexOf(from), boxes.indexOf(box)].sort((x, y) => x - y);
      boxes.slice(a, b + 1).forEach((one) => { one.checked = box.checked; });
    }
    from = box;
  });
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.name === "do" && button.getAttribute("aria-disabled") === "true" && !selected && !boxes.some((box) => box.checked)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      said.textContent = "Nothing selected: tick at least one line first";
    } else if (waiting) {
      event.preventDefault();
      event.stopImmediatePropagation();
      noting.then(() => form.requestSubmit(button));
    }
  }, true);
  // A link waits for the note before it, so that it carries the selection.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || !waiting || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    noting.then(() => { location.href = link.href; });
  });
  document.querySelector("form.filters").addEventListener("submit", (event) => {
    if (!waiting) return;
    event.preventDefault();
    noting.then(() => event.target.requestSubmit());
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) form.elements.once.value = fresh(); });
  look();
})();
