// Small messages over the map, one to a subject, each with a button that closes it.

import { button, element } from './elements.js';

export class Notices {
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map();

  /** @param {HTMLElement} container a live region */
  constructor(container) {
    this.container = container;
  }

  /**
   * Shows a message in place of an earlier one on the same subject.
   * @param {string} subject
   * @param {string} text
   * @param {{label: string, run: () => void}} [action] a button that does something about it
   */
  show(subject, text, action) {
    if (this.#shown.get(subject)?.firstChild.textContent === text) return;
    this.clear(subject);
    const notice = element('div', 'notice card');
    notice.append(element('p', '', text));
    if (action) {
      notice.append(button(action.label, () => {
        this.clear(subject);
        action.run();
      }));
    }
    notice.append(button('Close', () => this.clear(subject)));
    this.#shown.set(subject, notice);
    this.container.append(notice);
  }

  clear(subject) {
    this.#shown.get(subject)?.remove();
    this.#shown.delete(subject);
  }
}
