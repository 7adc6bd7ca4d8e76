"use strict";
// Asks for the same page again while it is visible, and shows what has changed.
(() => {
  const state = document.getElementById("live");
  const show = (text) => { if (state.textContent !== text) state.textContent = text; };
  const update = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
      if (answer.status !== 200 && answer.status !== 404) throw new Error(answer.status);
      const text = await answer.text();
      const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
      const shown = document.querySelector("main");
      if (fresh && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh);
      show("Live: updates by itself.");
    } catch {
      show("The worker does not answer: what you see may be old.");
    }
  };
  show("Live: updates by itself.");
  setInterval(update, 3000);
  document.addEventListener("visibilitychange", update);
})();
