import { ServiceError } from '../errors.js';
import { RunStopped, type SyncReport } from '../sync/index.js';
import { storableText } from '../values/index.js';
import type { IntegrationStore } from './integration-store.js';

/** Keeps on an integration how its last sync or sending went. */
export class SyncOutcome {
  constructor(private readonly store: IntegrationStore) {}

  /** Does a sync and notes on the integration how it went. */
  async of(id: string, sync: () => Promise<SyncReport>): Promise<SyncReport> {
    try {
      const report = await sync();
      // Whoever stopped it did not find anything wrong.
      if (report.status === 'CANCELED') return report;
      // Of a plan that waits for a person nothing failed: its run says why it waits.
      const isWell = report.success || report.status === 'HELD';
      await this.note(id, isWell ? null : (report.errors[0] ?? 'The sync failed.'), report.success);
      return report;
    } catch (error) {
      // A call that was turned away says nothing about the integration.
      if (!(error instanceof ServiceError) && !(error instanceof RunStopped))
        await this.note(id, 'The last sync ended with an internal error of the service.');
      throw error;
    }
  }

  /** ERROR with the reason, or back to ACTIVE; an INACTIVE integration stays so. */
  async note(id: string, reason: string | null, synced = false): Promise<void> {
    const lastError = reason === null ? null : storableText(reason);
    await this.store
      .update(id, (row) => {
        if (row.status !== 'INACTIVE')
          row.set({ status: lastError === null ? 'ACTIVE' : 'ERROR', lastError });
        if (synced) row.lastSyncAt = new Date();
      })
      .catch((error: unknown) => {
        // Deleted meanwhile: there is nothing left to note it on.
        if (!(error instanceof ServiceError && error.code === 'not_found')) throw error;
      });
  }
}
