/** Something went another way than the demo expects. */
export class DemoError extends Error {}

/** Calls the REST paths of a service. Every answer that is not 2xx ends the demo. */
export class Rest {
  constructor(
    readonly url: string,
    private readonly token: string,
  ) {}

  get<T>(path: string): Promise<T> {
    return this.#call<T>('GET', path);
  }

  post<T>(path: string, body: object = {}): Promise<T> {
    return this.#call<T>('POST', path, body);
  }

  put<T>(path: string, body: object): Promise<T> {
    return this.#call<T>('PUT', path, body);
  }

  async delete(path: string): Promise<void> {
    await this.#call('DELETE', path);
  }

  /** What a path tells as server-sent events, until it ends. */
  async *events<T>(path: string): AsyncGenerator<T> {
    const response = await fetch(this.url + path, {
      headers: { Authorization: `Bearer ${this.token}`, Accept: 'text/event-stream' },
    });
    if (!response.ok || !response.body)
      throw new DemoError(`GET ${path} answered ${response.status}: ${await response.text()}`);
    let text = '';
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const events = (text + piece).split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const lines = event.split('\n');
        const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
        if (lines.includes('event: error')) throw new DemoError(`GET ${path} broke off: ${data.join('')}`);
        // The end of all has a name of its own, and other lines only keep the connection alive.
        if (data.length > 0 && !lines.some((line) => line.startsWith('event: ')))
          yield JSON.parse(data.join('\n')) as T;
      }
    }
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new DemoError(`${method} ${path} answered ${response.status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}
