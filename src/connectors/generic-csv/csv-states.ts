import type { RecordIssue } from '../external-record.js';
import type { CsvColumns } from './csv-headers.js';

/** Words of a column for the state, folded, in the form that ends in -o where there is one. */
const ACTIVE = words(`
  activo active vigente matriculado regular alumnoregular estudianteregular normal presente asistente habilitado
  confirmado incorporado reincorporado ingresado promovido repitente repite enabled si yes true verdadero 1 s y a`);
const INACTIVE = words(`
  inactivo inactive noactivo novigente nomatriculado retirado trasladado transferido traslado retiro egresado egreso
  licenciado graduado titulado suspendido eliminado borrado anulado cancelado baja dadodebaja deshabilitado inhabilitado
  disabled desactivado desertor desercion abandono fallecido expulsado renunciado desvinculado jubilado archivado cerrado
  finalizado withdrawn transferred graduated suspended deleted left no false falso 0 n i`);

/** Shorter words have one form alone. */
const SHORTEST_WITH_FORMS = 4;
/** More values than this are no states. */
const MOST_QUESTIONS = 20;
const UNTIL_THEN = 'who is in the roster stays as before, and who is new is inactive';

/** What values of a column for the state mean, and how many rows have one of which nobody knows. */
export class CsvStates {
  readonly #told: ReadonlyMap<string, boolean>;
  readonly #unknown = new Map<
    string,
    { text: string; rows: number; line: number; column: string | undefined }
  >();

  /** `states`: what the settings say of values. */
  constructor(states: Readonly<Record<string, 'ACTIVE' | 'INACTIVE'>>) {
    this.#told = new Map(Object.entries(states).map(([text, state]) => [fold(text), state === 'ACTIVE']));
  }

  /** Whether somebody is active; undefined for an empty value, null for one that is not known. */
  read(raw: string, line: number, { names }: CsvColumns): boolean | null | undefined {
    const text = raw.trim();
    if (text === '') return undefined;
    const word = fold(text);
    const told = this.#told.get(word);
    if (told !== undefined) return told;
    if (isOf(ACTIVE, word)) return true;
    if (isOf(INACTIVE, word)) return false;
    const known = this.#unknown.get(word);
    if (known) known.rows += 1;
    else this.#unknown.set(word, { text, rows: 1, line, column: names.status });
    return null;
  }

  /**
   * A question for each value that is not known, with how many rows have it; one for all when they are many.
   */
  questions(): RecordIssue[] {
    const unknown = [...this.#unknown.values()];
    const [first] = unknown;
    if (first && unknown.length > MOST_QUESTIONS) {
      const rows = unknown.reduce((sum, value) => sum + value.rows, 0);
      return [
        {
          severity: 'warning',
          rule: 'status.unknown',
          problem: `${first.column} has ${unknown.length} values that are not known (${rows} rows have one, the first on line ${first.line}); ${UNTIL_THEN}`,
          column: first.column,
          hint: 'Look whether that column tells a state at all: config.columns can name another, and config.states what values mean.',
        },
      ];
    }
    return unknown.map(({ text, rows, line, column }) => {
      const value = text.slice(0, 80);
      const where = rows === 1 ? '1 row has it' : `${rows} rows have it, the first on line ${line}`;
      return {
        severity: 'warning',
        rule: 'status.unknown',
        problem: `${column} "${value}" is not known (${where}); ${UNTIL_THEN}`,
        ...(rows === 1 && { line }),
        column,
        value,
        hint: `Say what it means with config.states: {${JSON.stringify(value)}: "ACTIVE"} or "INACTIVE".`,
      };
    });
  }
}

/**
 * Lower case without accents, spaces and punctuation, and without a second gender: `Retirado(a)`,
 * `Retirada/o`. "N/A" has none: it says nothing, and not no.
 */
function fold(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.replace(/(?<=\p{L}{3})\s*(?:\/|\()\s*-?[ao]\)?(?!\p{L})/gu, '').replace(/[^\p{L}\p{N}]/gu, '');
}

function isOf(known: ReadonlySet<string>, word: string): boolean {
  // "NA" is no "no" of a woman.
  if (word.length < SHORTEST_WITH_FORMS) return known.has(word);
  return known.has(word) || known.has(word.replace(/s$/, '').replace(/a$/, 'o'));
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
