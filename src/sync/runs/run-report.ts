import type { Database } from '../../database/index.js';
import { MAX_REPORTED_MAPPINGS, MAX_SENTENCES, report, type SyncReport } from '../pipeline/index.js';
import type { RunStore } from './run-store.js';
import type { SyncRun } from './sync-run.js';

/** The report of a run of several, with those of its parts. */
export function joinReports(whole: SyncReport, parts: SyncReport['parts']): SyncReport {
  // The first sentence is the reason, where there is one: that of a part that did not go well.
  const unwellFirst = [...parts.filter(({ success }) => !success), ...parts.filter(({ success }) => success)];
  const all = <V>(pick: (part: SyncReport) => readonly V[]) => parts.flatMap((part) => [...pick(part)]);
  const sum = (pick: (part: SyncReport) => number) => parts.reduce((total, part) => total + pick(part), 0);
  const mappings = all((part) => part.mappings);
  // What is not known from the parts.
  const own = whole.status === 'CANCELED' ? whole.errors : [];
  return {
    ...whole,
    synced: sum((part) => part.synced),
    errors: [...own, ...unwellFirst.flatMap(({ errors }) => errors)].slice(0, MAX_SENTENCES),
    errorCount: own.length + sum((part) => part.errorCount),
    warningCount: sum((part) => part.warningCount),
    mappings: mappings.slice(0, MAX_REPORTED_MAPPINGS),
    mappingsTruncated:
      mappings.length > MAX_REPORTED_MAPPINGS || parts.some((part) => part.mappingsTruncated),
    gaps: [...new Set(all((part) => part.gaps))],
    parts,
  };
}

/** What a run that has ended comes to, from what is stored of it. */
export async function reportOf(database: Database, runs: RunStore, run: SyncRun): Promise<SyncReport> {
  const whole = await report(database, run);
  if (run.entityType !== 'ALL') return whole;
  const parts: SyncReport[] = [];
  for (const part of await runs.parts(run.integrationId, run.id)) parts.push(await report(database, part));
  return parts.length > 0 ? joinReports(whole, parts) : whole;
}
