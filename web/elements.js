// Small pieces of the page. Text from the server goes through textContent, never through HTML.

/** A new element with a class and a text, both optional. */
export function element(tag, className = '', text = '') {
  const created = document.createElement(tag);
  if (className) created.className = className;
  created.textContent = text;
  return created;
}

export function button(label, run) {
  const created = element('button', '', label);
  created.type = 'button';
  created.addEventListener('click', run);
  return created;
}

/** A small square of a colour. */
export function swatch(color) {
  const square = element('span', 'swatch');
  square.style.backgroundColor = color;
  return square;
}

/** A value of a raster: integers in full, others with the digits that a 32-bit float vouches for. */
export function formatNumber(value) {
  const digits = Number.isInteger(value) ? {} : { maximumSignificantDigits: 7 };
  return value.toLocaleString('en', digits);
}
