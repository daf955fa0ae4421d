// What every page loads.
import "./copy.js";
import "./live.js";
import "./log.js";
import "./time.js";

// A deploy's page shows its last state by itself when the story is over.
document.addEventListener("minato:over", (event) => {
  if (event.target.hasAttribute("data-live")) setTimeout(() => location.reload(), 400);
});
// One click, one act.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button) setTimeout(() => { button.disabled = true; }, 0);
});
