// Plain longitude and latitude maths on the bounds of a layer. Knows nothing of Leaflet.

/** Where Web Mercator's square world ends, in degrees. */
export const MERCATOR_LAT = 85.0511;

/** Bounds of which nothing is gained by zooming to all of them at once, in degrees. */
const WORLDWIDE_LON = 350;

/** Bounds with west < east, so that east may pass 180, cut at Mercator's limits. */
export function unwrapped([west, south, east, north]) {
  const clip = (lat) => Math.min(MERCATOR_LAT, Math.max(-MERCATOR_LAT, lat));
  return [west, clip(south), east < west ? east + 360 : east, clip(north)];
}

/** Whether bounds stay inside -180..180, so that no tile outside them can have data. */
export function insideOneWorld([west, , east]) {
  const slack = 1e-6;
  return west < east && west >= -180 - slack && east <= 180 + slack;
}

export function isWorldwide(bounds) {
  const [west, , east] = unwrapped(bounds);
  return east - west >= WORLDWIDE_LON;
}

/** Whether bounds hold a place, whichever turn of the globe either counts from. */
export function covers(bounds, { lon, lat }) {
  const [west, , east] = unwrapped(bounds);
  const eastward = (((lon - west) % 360) + 360) % 360;
  return lat >= bounds[1] && lat <= bounds[3] && eastward <= east - west;
}
