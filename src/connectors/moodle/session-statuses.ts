import type { AttendanceRow, AttendanceStatus } from '../attendance-sheet.js';
import type { SessionDetails } from './moodle-wire.js';

/** Acronyms of each of our statuses, in the order in which they are looked for. */
export type StatusAcronyms = Readonly<Record<AttendanceStatus, readonly string[]>>;

export const STATUSES: readonly AttendanceStatus[] = ['PRESENT', 'ABSENT', 'LATE', 'EXCUSED'];

/** The statuses of a session's own set: each activity has acronyms of its own. */
export class SessionStatuses {
  readonly #own: readonly { id: number; acronym: string }[];
  readonly #acronyms: StatusAcronyms;

  constructor(
    { statuses, statusset }: Pick<SessionDetails, 'statuses' | 'statusset'>,
    acronyms: StatusAcronyms,
  ) {
    this.#own = statuses
      .filter(({ setnumber, deleted }) => setnumber === statusset && !deleted)
      .map(({ id, acronym }) => ({ id, acronym: acronym.trim() }));
    this.#acronyms = acronyms;
  }

  /** Moodle's id of a status here; undefined when the set has none of its acronyms. */
  idOf(status: AttendanceStatus): number | undefined {
    return this.#find(status)?.id;
  }

  /** Why a status cannot be sent. */
  lacks(status: AttendanceStatus): string {
    const wanted = this.#acronyms[status].map((acronym) => `"${acronym}"`).join(' or ');
    return `the session has no status ${wanted} for ${status}; it has ${this.#listed()}. See config.statusAcronyms.`;
  }

  /** Which status of ours is which here, as a person reads it. */
  summary(): { text: string; isComplete: boolean } {
    const missing = STATUSES.filter((status) => this.idOf(status) === undefined);
    const matched = STATUSES.flatMap((status) => {
      const found = this.#find(status);
      return found ? [`${status} ${found.acronym}`] : [];
    }).join(', ');
    const none = missing.length > 0 ? ` none for ${missing.join(', ')} among ${this.#listed()}` : '';
    return { text: [matched, none.trim()].filter(Boolean).join('; '), isComplete: missing.length === 0 };
  }

  /** What is said when a mark replaces one that nobody here has sent. */
  overwrites({ status, sentBefore = [] }: AttendanceRow, stored: string | undefined): string | undefined {
    const there = this.#own.find(({ id }) => String(id) === stored);
    const isOurs =
      there && [status, ...sentBefore].some((ours) => this.#acronyms[ours].includes(there.acronym));
    if (stored === undefined || isOurs) return undefined;
    const before = there ? `"${there.acronym}"` : `a status that is not of this session (${stored})`;
    return `Moodle had ${before}, which was not sent from here; it was replaced by "${this.#find(status)?.acronym}".`;
  }

  #find(status: AttendanceStatus) {
    for (const acronym of this.#acronyms[status]) {
      const found = this.#own.find((own) => own.acronym === acronym);
      if (found) return found;
    }
    return undefined;
  }

  #listed(): string {
    return this.#own.map(({ acronym }) => acronym).join(', ') || 'none';
  }
}
