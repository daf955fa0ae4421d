// <m-copy for="id">: copies the text of an element and says so.
class Copy extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(this.getAttribute("for")).innerText;
      await navigator.clipboard.writeText(text.trim());
      const before = button.textContent;
      button.textContent = this.dataset.done;
      setTimeout(() => { button.textContent = before; }, 2000);
    });
  }
}
customElements.define("m-copy", Copy);
