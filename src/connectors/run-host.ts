/** The host of `config.apiUrl`, which `limit` runs may read at once; undefined where the settings name none. */
export function hostOfApi({ apiUrl }: Record<string, unknown>, limit: number) {
  if (typeof apiUrl !== 'string' || !URL.canParse(apiUrl)) return undefined;
  return { name: new URL(apiUrl).host, limit };
}
