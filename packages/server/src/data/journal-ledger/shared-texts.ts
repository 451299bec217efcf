/**
 * Parcels as a record holds them: a longer text stands once behind the rows, however many parcels carry it (COM5), and
 * unescaped. A message to a group goes to as many partitions as there are; its text would be most of the record.
 */

/** Shorter strings stay where they are. */
const SHARED_LENGTH = 64;
/** Begins a string that stands for a text. */
const MARK = '\0';

type Mapped = (text: string) => string;

const mapStrings = (value: unknown, map: Mapped): unknown => {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapStrings(item, map)]));
};

export interface Packed {
  readonly parcels: unknown;
  readonly texts: readonly string[];
}

/** Takes the longer texts out of parcels. */
export const packTexts = (parcels: unknown): Packed => {
  const places = new Map<string, number>();
  const packed = mapStrings(parcels, (text) => {
    if (text.length < SHARED_LENGTH && !text.startsWith(MARK)) return text;
    const place = places.get(text) ?? places.size;
    places.set(text, place);
    return `${MARK}${place}`;
  });
  return { parcels: packed, texts: [...places.keys()] };
};

/** Puts them back. */
export const unpackTexts = ({ parcels, texts }: Packed): unknown =>
  mapStrings(parcels, (text) => {
    if (!text.startsWith(MARK)) return text;
    const found = texts[Number(text.slice(MARK.length))];
    if (found === undefined) throw new RangeError('a record without one of its texts');
    return found;
  });
