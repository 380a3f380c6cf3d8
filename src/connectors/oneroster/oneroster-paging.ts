/** Names and values of a query. */
export type Query = Readonly<Record<string, string>>;

/** What an answer says beside its rows. */
export interface Answered {
  /** Ids of its rows, in their order. */
  ids: readonly string[];
  /** How many rows the list has, where it says so. */
  total: number | undefined;
  /** Query of the link to the next page, where there is one. */
  next: Query | undefined;
}

/** What a page adds to those before. */
export interface Turned {
  /** Positions of the rows that were not there before. */
  fresh: number[];
  /** Whether the list is another than it was when the page before was read. */
  hasMoved: boolean;
  /** Whether the pages lead in circles, or nowhere: there is no end to be reached. */
  isLost: boolean;
}

/** Pages without a new row, one after the other, that a link may lead over: some servers hide rows late. */
const MOST_EMPTY = 20;

/**
 * Goes through the pages of one list, in the order of the ids: in the natural order servers repeat and skip
 * rows. Follows the link to the next page, else goes on behind the rows that came. A short page ends a list
 * only where the total says so too, as servers also cut pages to a size of their own.
 *
 * Rows that come or go meanwhile push others over the edge of a page. So each page is asked for from the last
 * row of the one before, the hinge: when another row stands there, or the total is another, the list has moved.
 */
export class Pager {
  readonly #fixed: Query;
  readonly #pageSize: number;
  readonly #seen = new Set<string>();
  readonly #asked = new Set<string>();
  #query: Query | undefined;
  #total: number | undefined;
  #isLinked = false;
  #wasShort = false;
  /** Whether the page before had more rows than were asked for. */
  #wasOverfull = false;
  /** How many pages in a row had no new row. */
  #empty = 0;
  /** Id that the next page is to begin with. */
  #hinge: string | undefined;

  /** `filter`: what the query holds besides. */
  constructor(pageSize: number, filter: Query) {
    this.#pageSize = pageSize;
    this.#fixed = { limit: String(pageSize), sort: 'sourcedId', orderBy: 'asc', ...filter };
    this.#query = { ...this.#fixed, offset: '0' };
  }

  /** What to ask for next; undefined at the end of the list. */
  get query(): Query | undefined {
    return this.#query;
  }

  /** How many rows the list has, as far as it has said so. */
  get total(): number | undefined {
    return this.#total;
  }

  /** Takes what was answered to `query`, and moves on. */
  turn({ ids, total, next }: Answered): Turned {
    this.#asked.add(JSON.stringify(this.#query));
    const begins = this.#hinge === undefined || ids[0] === this.#hinge;
    const fresh: number[] = [];
    for (const [position, id] of ids.entries()) {
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      fresh.push(position);
    }
    const onlyHinge = this.#hinge !== undefined && begins ? 1 : 0;
    const repeated = ids.length - fresh.length - onlyHinge;
    const isOther = this.#total !== undefined && total !== undefined && total !== this.#total;
    this.#total = total ?? this.#total;
    const hasMoved = !begins || repeated > 0 || isOther;
    if (fresh.length === 0 && this.#wasOverfull && new Set(ids).size === this.#seen.size) {
      // It knows no pages, and gives the whole list whatever is asked.
      this.#query = undefined;
      return { fresh, hasMoved: isOther, isLost: false };
    }
    if (fresh.length === 0 && repeated > 0) {
      // A short page, or one after a short page, is the end: of a list that has moved, or on a server that knows
      // no offset. It proves nothing.
      this.#query = undefined;
      return { fresh, hasMoved: true, isLost: !this.#wasShort && ids.length >= this.#pageSize };
    }
    this.#empty = fresh.length === 0 ? this.#empty + 1 : 0;
    this.#moveOn(ids, fresh.length, next);
    return { fresh, hasMoved, isLost: this.#empty > MOST_EMPTY || this.#isCircle() };
  }

  #moveOn(ids: readonly string[], fresh: number, next: Query | undefined): void {
    const isShort = ids.length < this.#pageSize;
    this.#isLinked ||= next !== undefined;
    this.#wasShort = isShort;
    const isAll = this.#total !== undefined && this.#seen.size >= this.#total;
    // So answer servers that know no pages, and those whose pages have a size of their own: the next one tells.
    this.#wasOverfull = ids.length > this.#pageSize;
    const ends =
      fresh === 0 ||
      (this.#total === undefined
        ? this.#isLinked
        : isAll && (this.#isLinked || isShort || this.#wasOverfull));
    // A page of one row would hold nothing but the hinge.
    this.#hinge = ids.length > 1 ? ids.at(-1) : undefined;
    const overlap = this.#hinge === undefined ? 0 : 1;
    if (next) {
      const offset = Number(next.offset);
      this.#query = { ...this.#fixed, ...next, ...(offset > 0 && { offset: String(offset - overlap) }) };
      // A link that says in its own way where it leads cannot be turned back by a row.
      if (!(offset > 0)) this.#hinge = undefined;
    } else this.#query = ends ? undefined : { ...this.#fixed, offset: String(this.#seen.size - overlap) };
  }

  #isCircle(): boolean {
    return this.#query !== undefined && this.#asked.has(JSON.stringify(this.#query));
  }
}
