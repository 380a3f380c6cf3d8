import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), '../../../console/src');
type Messages = { [key: string]: string | Messages };

function messagesOf(language: string): Map<string, string> {
  const flat = (messages: Messages, prefix = ''): [string, string][] =>
    Object.entries(messages).flatMap(([key, value]) =>
      typeof value === 'string' ? [[prefix + key, value]] : flat(value, `${prefix}${key}.`),
    );
  return new Map(flat(JSON.parse(readFileSync(join(SOURCE, `i18n/${language}.json`), 'utf8'))));
}

const languages = { en: messagesOf('en'), es: messagesOf('es') };
const PLURAL = /_(zero|one|two|few|many|other)$/;

/** Keys that the sources name as they are; those that are put together are bound by their types. */
function namedKeys(): { file: string; key: string }[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) =>
      [...readFileSync(join(SOURCE, file), 'utf8').matchAll(/\bt\(\s*'([\w.]+)'/g)].map(([, key]) => {
        return { file, key: key as string };
      }),
    );
}

describe('the messages of the console', () => {
  it('are the same in English and Spanish, and none is empty', () => {
    const missing = {
      es: [...languages.en.keys()].filter((key) => !languages.es.has(key)),
      en: [...languages.es.keys()].filter((key) => !languages.en.has(key)),
    };
    expect(missing).to.deep.equal({ es: [], en: [] });
    for (const messages of Object.values(languages))
      expect([...messages].filter(([, text]) => text.trim() === '')).to.deep.equal([]);
  });

  it('have the same values put into them in both languages', () => {
    const valuesOf = (text = '') => [...text.matchAll(/\{\{(\w+)/g)].map(([, name]) => name).sort();
    const other = [...languages.en].filter(
      ([key, text]) => String(valuesOf(text)) !== String(valuesOf(languages.es.get(key))),
    );
    // Of one thing, a language may leave out its number.
    expect(other.filter(([key]) => !key.endsWith('_one'))).to.deep.equal([]);
  });

  it('have all plural forms that each language has', () => {
    for (const [language, messages] of Object.entries(languages)) {
      const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
      const stems = new Set(
        [...messages.keys()].filter((key) => PLURAL.test(key)).map((key) => key.replace(PLURAL, '')),
      );
      const missing = [...stems].flatMap((stem) =>
        forms.filter((form) => !messages.has(`${stem}_${form}`)).map((form) => `${language} ${stem}_${form}`),
      );
      expect(missing).to.deep.equal([]);
    }
  });

  it('are there for every key that a page names', () => {
    const known = new Set([...languages.en.keys()].map((key) => key.replace(PLURAL, '')));
    const keys = namedKeys();
    expect(keys.length).to.be.greaterThan(50);
    expect(keys.filter(({ key }) => !known.has(key))).to.deep.equal([]);
  });
});
