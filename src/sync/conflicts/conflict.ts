export type ConflictResolution = 'LINK' | 'CREATE' | 'IGNORE';

/**
 * A row of a source of which nobody can tell without a person who it is: somebody new, or an id that may be
 * re-used.
 */
export interface SyncConflict {
  id: string;
  entityType: 'STUDENT' | 'TEACHER';
  externalId: string;
  runId: string;
  /** What the source says of the person. */
  record: Record<string, unknown>;
  /** Who it may be, the likeliest first. */
  candidates: { internalId: string; confidence: number; rule: string }[];
  /** Why it cannot be told, as the end of a sentence. */
  reason: string;
  /** What a person decided; null while it waits. */
  resolution: ConflictResolution | null;
  /** Who it was linked to. */
  internalId: string | null;
  createdAt: Date;
  resolvedAt: Date | null;
}
