import type { DescMethod, DescService, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { CallOptions } from '@connectrpc/connect';

/** The methods of a service that answer by pages, each as an iterator. */
type Paged<S extends DescService, Kind extends 'item' | 'page'> = {
  [M in keyof S['method'] as IsPaged<S['method'][M]> extends true ? M : never]: (
    request: MessageInitShape<S['method'][M]['input']>,
    options?: CallOptions,
  ) => AsyncGenerator<Yielded<MessageShape<S['method'][M]['output']>, Kind>, void, undefined>;
};

/** Lists, item by item. */
export type EachOf<S extends DescService> = Paged<S, 'item'>;
/** Lists, page by page. */
export type PagesOf<S extends DescService> = Paged<S, 'page'>;

type IsPaged<M extends DescMethod> = M['methodKind'] extends 'unary'
  ? MessageShape<M['input']> extends { pageToken: string }
    ? MessageShape<M['output']> extends { nextPageToken: string }
      ? true
      : false
    : false
  : false;

type Yielded<Page, Kind> = Kind extends 'page' ? Page : ItemOf<Page>;
type ItemOf<Page> = {
  [K in keyof Page]-?: Page[K] extends readonly (infer Item extends Message)[] ? Item : never;
}[keyof Page];

interface Page {
  nextPageToken: string;
  /** Only of lists that go on for ever: whether more is there already. */
  hasMore?: boolean;
  [field: string]: unknown;
}

type Call = (request: object, options?: CallOptions) => Promise<unknown>;

/** The field of a list in the pages of a method; undefined: it has no pages. */
export function listFieldOf({ methodKind, input, output }: DescMethod): string | undefined {
  const isPaged = methodKind === 'unary' && 'pageToken' in input.field && 'nextPageToken' in output.field;
  if (!isPaged) return undefined;
  return output.fields.find(({ fieldKind, message }) => fieldKind === 'list' && message)?.localName;
}

/** The pages of a list from that of the request on, each asked for when it is taken. */
export async function* pagesOf(call: Call, request: object, options?: CallOptions): AsyncGenerator<Page> {
  const { $typeName: _, ...asked } = request as { $typeName?: string; pageToken?: string };
  let pageToken = asked.pageToken ?? '';
  do {
    const page = (await call({ ...asked, pageToken }, options)) as Page;
    yield page;
    if (page.hasMore === false) return;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

/** The items of the pages of a list. */
export async function* itemsOf(field: string, pages: AsyncIterable<Page>): AsyncGenerator<unknown> {
  for await (const page of pages) yield* page[field] as unknown[];
}
