import type { RecordIssue } from '../connectors/index.js';
import type { Database } from '../database/index.js';

const BATCH = 2_000;
const MAX_VALUE = 200;
/** How many error sentences an answer holds. */
const MAX_SENTENCES = 100;

/** The issue as one sentence: `students.csv line 17: correo "x@" is not a valid address`. */
export function describeIssue(issue: RecordIssue, source: string): string {
  const place = `${issue.file ?? source}${issue.line === undefined ? '' : ` line ${issue.line}`}`;
  return `${place}: ${issue.problem}`;
}

/** Gathers the issues of a run, numbers them in the order they are found, and writes them in batches. */
export class IssueLog {
  #batch: (RecordIssue & { number: number; message: string })[] = [];
  #count = 0;
  #sentences: string[] = [];
  #errors = 0;
  #warnings = 0;

  /** `source`: what to call the origin of an issue that names no file, `students` say. */
  constructor(
    private readonly database: Database,
    private readonly integrationId: string,
    private readonly runId: string,
    private readonly source: string,
  ) {}

  get errors(): number {
    return this.#errors;
  }

  get warnings(): number {
    return this.#warnings;
  }

  /** The first errors, a sentence each. */
  get sentences(): readonly string[] {
    return this.#sentences;
  }

  async add(issue: RecordIssue): Promise<void> {
    const message = describeIssue(issue, this.source);
    this.#count += 1;
    if (issue.severity === 'warning') this.#warnings += 1;
    else {
      this.#errors += 1;
      if (this.#sentences.length < MAX_SENTENCES) this.#sentences.push(message);
    }
    if (this.#batch.push({ ...issue, number: this.#count, message }) >= BATCH) await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    const column = (pick: (issue: (typeof batch)[number]) => unknown) => batch.map((issue) => pick(issue) ?? null);
    await this.database.execute(
      `INSERT INTO sync_issues (integration_id, run_id, number, severity, rule, message, file, line, "column", value, hint, external_id)
       SELECT $1::uuid, $2::uuid, * FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[],
         $10::text[], $11::text[], $12::text[])`,
      [
        this.integrationId,
        this.runId,
        column(({ number }) => number),
        column(({ severity }) => severity.toUpperCase()),
        column(({ rule }) => rule),
        column(({ message }) => storable(message)),
        column(({ file }) => storable(file)),
        column(({ line }) => line),
        column((issue) => storable(issue.column)),
        column(({ value }) => storable(value)?.slice(0, MAX_VALUE)),
        column(({ hint }) => hint),
        column(({ externalId }) => storable(externalId)?.slice(0, MAX_VALUE)),
      ],
    );
  }
}

/** PostgreSQL stores no NUL character. */
function storable(text: string | undefined): string | undefined {
  return text?.replaceAll('\0', '\u2400');
}
