/** The host of an API's address, which `limit` runs may read at once; undefined for what is no address. */
export function hostOfApi(apiUrl: unknown, limit: number) {
  if (typeof apiUrl !== 'string' || !URL.canParse(apiUrl)) return undefined;
  return { name: new URL(apiUrl).host, limit };
}
