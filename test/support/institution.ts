import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from './services.js';

const { GROUP, STUDENT } = MappingEntityType;

type Csv = Record<string, string>;

/** A CSV integration of an institution: of `institutionId` where it is given, else of one of its own. */
export async function newCsvSource(csv: Csv, institutionId?: string) {
  const { database, integrationService, mappingService } = await sharedServices();
  const { integrationId, ...made } = await newSchool(csv);
  if (institutionId) {
    await database.execute('UPDATE integrations SET institution_id = $2 WHERE id = $1', [
      integrationId,
      institutionId,
    ]);
  }
  const idOf = async (externalId: string, type: MappingEntityType = STUDENT) =>
    (await mappingService.getMappingByExternalId(integrationId, type, externalId).catch(() => undefined))
      ?.internalId as string;
  return {
    ...made,
    integrationId,
    institutionId: institutionId ?? (made.institutionId as string),
    idOf,
    of: { integrationId, entityType: STUDENT },
    sync: (type: MappingEntityType = STUDENT) => integrationService.syncData(integrationId, type),
    /** Groups, then students with their memberships. */
    async syncAll() {
      await integrationService.syncData(integrationId, GROUP);
      return integrationService.syncData(integrationId, STUDENT);
    },
  };
}

/** The whole feed of an institution, page by page. */
export async function readWholeFeed(institutionId: string, pageSize = 1_000) {
  const { rosterService } = await sharedServices();
  const changes: Awaited<ReturnType<typeof rosterService.listRosterChanges>>['changes'] = [];
  let pageToken = '';
  let pages = 0;
  for (let hasMore = true; hasMore; ) {
    const page = await rosterService.listRosterChanges({ institutionId, pageSize, pageToken });
    changes.push(...page.changes);
    ({ hasMore } = page);
    pageToken = page.nextPageToken;
    pages += 1;
  }
  return { changes, pageToken, pages };
}
