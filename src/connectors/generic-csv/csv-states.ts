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

  /** A question for each value that is not known, with how many rows have it. */
  questions(): RecordIssue[] {
    return [...this.#unknown.values()].map(({ text, rows, line, column }) => {
      const value = text.slice(0, 80);
      const where = rows === 1 ? '1 row has it' : `${rows} rows have it, the first on line ${line}`;
      return {
        severity: 'warning',
        rule: 'status.unknown',
        problem: `${column} "${value}" is not known (${where}); who is in the roster stays as before, and who is new is inactive`,
        ...(rows === 1 && { line }),
        column,
        value,
        hint: `Say what it means with config.states: {${JSON.stringify(value)}: "ACTIVE"} or "INACTIVE".`,
      };
    });
  }
}

/** Lower case without accents, spaces and punctuation, and without a second gender: `Retirado(a)`, `Retirada/o`. */
function fold(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.replace(/(?<=\p{L})\s*(?:\/|\()\s*-?[ao]\)?(?!\p{L})/gu, '').replace(/[^\p{L}\p{N}]/gu, '');
}

function isOf(known: ReadonlySet<string>, word: string): boolean {
  return known.has(word) || known.has(word.replace(/s$/, '').replace(/a$/, 'o'));
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
