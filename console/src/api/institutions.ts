import { useSearchParams } from 'react-router';
import { placeOf, useIntegrations, zoneOf } from './integrations.js';

export interface KnownInstitution {
  id: string;
  /** Where its schools' data are. */
  label: string;
}

/** The institutions that something is connected to; the API has no other list of them. */
export function useInstitutions(): readonly KnownInstitution[] {
  const integrations = useIntegrations().data ?? [];
  const places = new Map<string, string[]>();
  for (const integration of integrations)
    places.set(integration.institutionId, [
      ...(places.get(integration.institutionId) ?? []),
      placeOf(integration),
    ]);
  return [...places].map(([id, names]) => ({ id, label: `${names.join(', ')} (${id.slice(0, 8)})` }));
}

/** The institution that a page is about, by its address; else the first. */
export function useInstitution() {
  const [query, setQuery] = useSearchParams();
  const institutions = useInstitutions();
  const integrations = useIntegrations().data ?? [];
  const institutionId = query.get('institution') ?? institutions[0]?.id ?? '';
  return {
    institutionId,
    zone: zoneOf(integrations.find((integration) => integration.institutionId === institutionId)),
    choose: (id: string) => setQuery({ institution: id }),
  };
}
