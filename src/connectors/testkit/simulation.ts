import type { RequestListener } from 'node:http';
import type { AttendanceSheet } from '../attendance-sheet.js';
import type { MembershipRecord } from '../external-record.js';
import type { MappingEntityType } from '../mapping-entity-type.js';
import type { ConfinedFiles } from '../sis-connector.js';

/** Settings of a connector, as a person would give them. */
export interface Settings {
  config: Record<string, unknown>;
  credentials: Record<string, string>;
}

/** A school system for one case: a new one each time, with state of its own. */
export interface Simulation {
  /**
   * Speaks the system's protocol on a real socket, which the kit opens. Undefined for systems that are not on
   * the network: the kit plays no faults of the network then.
   */
  handle?: RequestListener;
  /**
   * What reaches it at this address, with pages so small that there are several. `timeoutMs`: how long a call
   * may take.
   */
  settings(url: string, timeoutMs: number): Settings;
  /** Files that the connector may use. Default: none. */
  files?: ConfinedFiles;
  /** The external ids of all it holds, for each entity type that the connector reads. */
  expected: Partial<Record<MappingEntityType, readonly string[]>>;
  /**
   * The memberships it holds in each role that the connector reads, as [external id of the group, external
   * id of the person]. Without it memberships are read, and not looked at.
   */
  expectedMemberships?: Partial<Record<MembershipRecord['role'], readonly (readonly [string, string])[]>>;
  /** Which of the expected the system says no longer count; the others must be active. Default: unknown. */
  inactive?: Partial<Record<MappingEntityType, readonly string[]>>;
  /**
   * The entity types of which the system says how many records it has, so that the connector must hand that
   * on as `declaredTotal`. Default: none.
   */
  declaresTotals?: readonly MappingEntityType[];
  /**
   * An id that it has of no entity of any type, of the same form as those it has. Default: `no-such-id`. Asked for by
   * what `readsOne` declares.
   */
  absentId?: string;
  /** Settings that the schemas must refuse: parts that replace those of `settings`. */
  refused: readonly { config?: Record<string, unknown>; credentials?: Record<string, unknown> }[];
  /** Refuses the credentials from now on, in the system's own way. */
  expireCredentials?(): void;
  /**
   * Lets what was obtained with the credentials, such as an access token or a session, expire at once; the
   * credentials themselves stay good.
   */
  expireToken?(): void;
  /** Reports failures from now on under a status of success, as some systems do. */
  failSoftly?(): void;
  /** Loses its last entities from now on, as when somebody deletes while we read. */
  shrink?(): void;
  /**
   * For systems that take attendance: marks of students it knows, ids translated. Its rows are all its marks.
   */
  sheet?(): AttendanceSheet;
  /** How many marks it has by now. */
  countMarks?(): number | Promise<number>;
  /** Lets go of what it holds. */
  close?(): Promise<void>;
}

export type Simulate = () => Simulation | Promise<Simulation>;
