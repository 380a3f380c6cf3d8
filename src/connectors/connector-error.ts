/**
 * What a connector throws when the school's side is at fault: it refuses, cannot be reached, or its data
 * cannot be read. The message is a sentence for the school's administrator: who refused, what, and what to
 * do. It holds no secret.
 */
export class ConnectorError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectorError';
  }
}
