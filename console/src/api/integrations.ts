import type { JsonObject } from '@bufbuild/protobuf';
import { useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from './clients.js';
import { LIVELY } from './query-client.js';

/** What the service takes for the zone of a school that does not say. */
const DEFAULT_ZONE = 'America/Santiago';

export function useIntegration(id: string) {
  return useQuery(
    integrationsApi.getIntegration,
    { id },
    { ...LIVELY, select: ({ integration }) => integration },
  );
}

export function useIntegrations() {
  return useQuery(
    integrationsApi.listIntegrations,
    { pageSize: 1_000 },
    { ...LIVELY, select: ({ integrations }) => integrations },
  );
}

/** The connectors there are; they change only with the service. */
export function useProviders() {
  return useQuery(
    integrationsApi.listProviders,
    {},
    { staleTime: 600_000, select: ({ providers }) => providers },
  );
}

export function zoneOf(integration: Integration | undefined): string {
  const { timeZone } = integration?.config ?? {};
  return typeof timeZone === 'string' ? timeZone : DEFAULT_ZONE;
}

/** Where its data are, as far as its settings say: the one thing that tells two schools of a provider apart. */
export function placeOf({ id, config = {}, institutionId }: Integration): string {
  const { importPath, s3Bucket, apiUrl, baseUrl } = config;
  const said = [importPath, s3Bucket, apiUrl, baseUrl].find(
    (value) => typeof value === 'string' && value !== '',
  );
  if (typeof said !== 'string') return institutionId.slice(0, 8);
  // Of what is uploaded, the beginning of the folder that it lies in.
  return said.replace(/^https?:\/\//, '').replace('{id}', id.slice(0, 8));
}

/** What a person calls the system of this provider. */
export function useProviderTitle(): (provider: string) => string {
  const { data } = useProviders();
  const { t, i18n } = useTranslation();
  return (provider) => {
    const key = `providerTitle.${provider}`;
    if (i18n.exists(key)) return t(key as 'providerTitle.GENERIC_CSV');
    return data?.find((known) => known.provider === provider)?.title ?? provider;
  };
}

/** Settings as UpdateIntegration merges them: null for what was taken out. */
export function patchOf(before: JsonObject, after: JsonObject): JsonObject {
  const removed = Object.keys(before).filter((name) => after[name] === undefined);
  const kept = Object.entries(after).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...kept, ...removed.map((name) => [name, null] as const)]);
}
