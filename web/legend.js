// Draws the legend of one layer: a list of classes, or a colour ramp with its ends.

import { legendUrl } from './api.js';
import { element, formatNumber, swatch } from './elements.js';

const RAMP_SIZE_PX = { width: 256, height: 16 };

/**
 * @param {HTMLElement} section with a heading and a body
 * @param {?Layer} layer null hides the legend
 */
export function drawLegend(section, layer) {
  if (section.dataset.layer === (layer?.id ?? '')) return;
  section.dataset.layer = layer?.id ?? '';
  section.hidden = !layer;
  if (!layer) return;
  const [heading, body] = section.children;
  heading.textContent = layer.title;
  body.replaceChildren(...(layer.legend.kind === 'classes' ? classList(layer) : ramp(layer)));
}

/** The swatches are drawn here, from the colours that the image also has: no line can slip against its label. */
function classList({ legend }) {
  const list = element('ul', 'classes');
  for (const { name, color } of legend.classes) {
    const item = element('li', '', name);
    item.prepend(swatch(color));
    list.append(item);
  }
  return [list];
}

function ramp({ title, legend }) {
  const image = element('img', 'ramp');
  Object.assign(image, RAMP_SIZE_PX);
  image.alt = `Colours of ${title}`;
  image.addEventListener('error', () => image.remove());
  image.src = legendUrl(legend, RAMP_SIZE_PX);
  const unit = legend.unit ? ` ${legend.unit}` : '';
  const ends = element('p', 'ramp-ends');
  ends.append(...[legend.min, legend.max].map((end) => element('span', '', formatNumber(end) + unit)));
  return [image, ends];
}
