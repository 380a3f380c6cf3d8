import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../../console/src/i18n');
type Messages = { [key: string]: string | Messages };

/** What the console says in a language, by its keys. */
export function messagesIn(language: 'en' | 'es'): (key: string) => string {
  const messages = JSON.parse(readFileSync(join(FOLDER, `${language}.json`), 'utf8')) as Messages;
  return (key) => {
    const found = key
      .split('.')
      .reduce<string | Messages | undefined>(
        (at, part) => (typeof at === 'object' ? at[part] : undefined),
        messages,
      );
    if (typeof found !== 'string') throw new Error(`There is no message ${key}.`);
    return found;
  };
}
