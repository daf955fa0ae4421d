// <time datetime>: shows the reader's own time with its offset on hover, and "4 s ago" inside when data-age is set.
const unit = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const age = (seconds) => {
  for (const [name, size] of unit) if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`;
  return "0 s";
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
