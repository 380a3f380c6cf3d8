const SAID = ['given_name', 'family_name', 'email', 'national_id', 'code'];
/** Everything that a person is found by, in one text. */
const TEXT = SAID.map((column) => `coalesce(${column}, '')`).join(` || ' ' || `);
const LETTER = /^\p{L}$/u;
/** A national id as people write it, such as `22.000.793-6`; it is kept without dots. */
const DOTTED = /^\d[\d.]*\.[\d.]*(-[\dk])?$/i;
/** Where a word begins. */
const BEGINNING = '(^|[[:space:][:punct:]])';

/** The letters of European languages by the one that is under their marks: n -> nNñÑńŃ… */
const VARIANTS = variants();

/**
 * A condition for each word of the text: it begins a name, an e-mail, a national id or a code, or a part of one;
 * capitals and accents aside. `bind` takes a value and returns its parameter. Those of an institution are looked
 * through by its key: an index of words would make first syncs half as long again, and this takes 0.1 s of 100,000
 * people.
 */
export function searchConditions(text: string, bind: (value: string) => string): string[] {
  const words = text.replaceAll('\0', '').split(/\s+/).filter(Boolean);
  return words.map((word) => `${TEXT} ~ ${bind(patternOf(word))}`);
}

function patternOf(word: string): string {
  const kept = DOTTED.test(word) ? word.replaceAll('.', '') : word;
  const letters = [...kept.normalize('NFD').replace(/\p{M}/gu, '')];
  return BEGINNING + letters.map(anyForm).join('');
}

function anyForm(letter: string): string {
  if (/['’´`]/.test(letter)) return "['’´`]";
  if (/^[0-9]$/.test(letter)) return letter;
  const lower = letter.toLowerCase();
  if (LETTER.test(letter)) return `[${VARIANTS.get(lower) ?? [lower, lower.toUpperCase()].join('')}]`;
  // A backslash makes every other sign stand for itself.
  return `\\${letter}`;
}

function variants(): Map<string, string> {
  const found = new Map<string, string>();
  for (const letter of 'abcdefghijklmnopqrstuvwxyz') found.set(letter, letter + letter.toUpperCase());
  for (let code = 0xc0; code <= 0x17f; code++) {
    const letter = String.fromCodePoint(code);
    const under = letter.normalize('NFD').charAt(0).toLowerCase();
    const known = found.get(under);
    if (known !== undefined && under !== letter) found.set(under, known + letter);
  }
  return found;
}
