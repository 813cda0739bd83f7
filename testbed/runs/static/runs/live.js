"use strict";
/* <run-news data-src data-after data-block>: hears of what changed and has the block drawn anew.
   While it hears, the block's own asking every few seconds is held back; without it the block
   asks on. A page without this file asks too, and one without any script is loaded again. */

const RETRY_MS = 30000;

class RunNews extends HTMLElement {
  connectedCallback() {
    this.after = this.dataset.after;
    this.isHearing = false;
    this.soon = 0;
    this.hold = (event) => {
      const asked = event.detail.requestConfig.triggeringEvent;
      if (this.isHearing && event.detail.elt === this.block() && !(asked && asked.type === "look")) event.preventDefault();
    };
    this.close = () => { clearTimeout(this.again); if (this.source) this.source.close(); };
    document.addEventListener("htmx:beforeRequest", this.hold);
    addEventListener("pagehide", this.close);
    this.back = (event) => { if (event.persisted) { this.listen(); this.draw(); } };
    addEventListener("pageshow", this.back);
    this.listen();
  }
  disconnectedCallback() {
    this.close();
    document.removeEventListener("htmx:beforeRequest", this.hold);
    removeEventListener("pagehide", this.close);
    removeEventListener("pageshow", this.back);
  }
  block() { return document.getElementById(this.dataset.block); }
  listen() {
    this.source = new EventSource(this.dataset.src + "?after=" + encodeURIComponent(this.after));
    this.source.addEventListener("open", () => { this.isHearing = true; });
    this.source.addEventListener("error", () => {
      this.isHearing = false;
      if (this.source.readyState === EventSource.CLOSED) this.again = setTimeout(() => this.listen(), RETRY_MS);
    });
    this.source.addEventListener("run", (event) => { this.after = event.lastEventId; this.draw(); });
    this.source.addEventListener("look", (event) => { this.age(event); this.draw(); });
    this.source.addEventListener("beat", (event) => this.age(event));
  }
  age(event) {
    const block = this.block();
    const shown = block && block.querySelector("age-of");
    if (shown) shown.dataset.at = JSON.parse(event.data).at;
  }
  draw() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => {
      const block = this.block();
      if (block) block.dispatchEvent(new CustomEvent("look"));
    }, 120);
  }
}
customElements.define("run-news", RunNews);
