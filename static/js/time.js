// <time datetime>: shows the reader's own time with its offset on hover, and "4 s ago" inside.
const sizes = [86400, 3600, 60, 1];
const units = document.documentElement.dataset.units.split(" "); // day, hour, minute, second in the page's language
const age = (seconds) => {
  const at = sizes.findIndex((size) => seconds >= size);
  return at < 0 ? `0 ${units[3]}` : `${Math.floor(seconds / sizes[at])} ${units[at]}`;
};
const show = () => {
  for (const node of document.querySelectorAll("time[data-ago]")) {
    const at = new Date(node.dateTime);
    const seconds = Math.max(0, (Date.now() - at) / 1000);
    node.textContent = node.dataset.ago.replace("%s", age(seconds));
    node.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
};
show();
setInterval(show, 1000);
document.addEventListener("minato:swapped", show);
