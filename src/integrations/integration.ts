/** Where an integration stands. */
export type IntegrationStatus = 'ACTIVE' | 'INACTIVE' | 'ERROR';

/** One school system connected to one institution, as callers see it: no secret is in it. */
export interface Integration {
  id: string;
  institutionId: string;
  provider: string;
  config: Record<string, unknown>;
  /** How its syncs are to be careful; what is left out is as by default. */
  policy: Record<string, unknown>;
  /** Names of the stored credentials. */
  credentialFields: string[];
  status: IntegrationStatus;
  /** End of the last successful sync. */
  lastSyncAt: Date | null;
  /** Why status is ERROR. */
  lastError: string | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface CreateIntegrationInput {
  institutionId: string;
  /** One of ConnectorFactory.list. */
  provider: string;
  config?: Record<string, unknown> | undefined;
  credentials?: Record<string, unknown> | undefined;
  /** See SyncPolicy. */
  policy?: Record<string, unknown> | undefined;
}

export interface UpdateIntegrationInput {
  /** Merged into the stored policy; null removes a key. */
  policy?: Record<string, unknown> | undefined;
  /** Merged into the stored config; null removes a key (RFC 7396). */
  config?: Record<string, unknown> | undefined;
  /** Replaces the stored credentials whole. */
  credentials?: Record<string, unknown> | undefined;
  status?: 'ACTIVE' | 'INACTIVE' | undefined;
}
