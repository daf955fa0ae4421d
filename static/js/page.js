// What every page loads.
import "./confirm.js";
import "./copy.js";
import "./live.js";
import "./log.js";
import "./time.js";

// When a story is over, the head of its page hears it at once.
document.addEventListener("minato:over", () => {
  for (const live of document.querySelectorAll("m-live")) live.now();
});
// One click, one act.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && !event.defaultPrevented) setTimeout(() => { button.disabled = true; }, 0);
});
// A page that comes back from the browser's memory has its buttons again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
