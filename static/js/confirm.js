// A form with data-confirm asks first, in a dialog that names the act; the button in it says the verb.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  const question = button?.dataset.confirm ?? form.dataset.confirm;
  if (!question || form.dataset.sure) return;
  event.preventDefault();
  const dialog = document.getElementById("confirm-act");
  const yes = dialog.querySelector("[value=yes]");
  dialog.querySelector("p").textContent = question;
  yes.textContent = button.dataset.verb ?? button.textContent;
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    form.dataset.sure = "1";
    form.requestSubmit(button);
  };
  dialog.returnValue = "";
  dialog.showModal();
});
