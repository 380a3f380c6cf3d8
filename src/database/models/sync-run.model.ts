import { Column, DataType, Model, Table } from 'sequelize-typescript';

/**
 * One run of a sync. Its lease is in LeaseModel: a run whose lease has run out is claimed by another process.
 */
@Table({ tableName: 'sync_runs', underscored: true, timestamps: false })
export class SyncRunModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare id: string;

  @Column({ type: DataType.UUID, allowNull: false })
  declare institutionId: string;

  /** That of the integration, written by a trigger. */
  @Column({ type: DataType.TEXT })
  declare provider: string | null;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare entityType: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER' | 'ALL';

  @Column({ type: DataType.TEXT, allowNull: false })
  declare kind: 'SYNC' | 'PREVIEW' | 'ROLLBACK' | 'MANUAL';

  @Column({ type: DataType.TEXT, allowNull: false })
  declare status:
    | 'QUEUED'
    | 'RUNNING'
    | 'COMPLETED'
    | 'FAILED'
    | 'HELD'
    | 'PREVIEWED'
    | 'DISCARDED'
    | 'CANCELED';

  @Column({ type: DataType.TEXT, allowNull: false })
  declare stage: 'READ' | 'PLAN' | 'APPLY' | 'REPORT';

  @Column({ type: DataType.JSONB, allowNull: false })
  declare counts: Record<string, number>;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare membershipCounts: Record<string, number>;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare timings: Record<string, number>;

  @Column({ type: DataType.TEXT })
  declare error: string | null;

  @Column({ type: DataType.INTEGER, allowNull: false })
  declare attempt: number;

  /** Written by versions before 0009; see LeaseModel. */
  @Column({ type: DataType.UUID })
  declare owner: string | null;

  @Column({ type: DataType.DATE })
  declare leaseUntil: Date | null;

  @Column({ type: DataType.BIGINT })
  declare plannedPosition: string | null;

  @Column({ type: DataType.INTEGER })
  declare plannedChanges: number | null;

  @Column({ type: DataType.BOOLEAN, allowNull: false })
  declare pushed: boolean;

  @Column({ type: DataType.BIGINT })
  declare appliedPosition: string | null;

  @Column({ type: DataType.UUID })
  declare parentId: string | null;

  @Column({ type: DataType.UUID })
  declare rollsBack: string | null;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare evidence: Record<string, unknown>;

  @Column({ type: DataType.JSONB })
  declare guard: Record<string, unknown> | null;

  @Column({ type: DataType.INTEGER })
  declare guardBase: number | null;

  @Column({ type: DataType.INTEGER })
  declare guardLeft: number | null;

  @Column({ type: DataType.INTEGER })
  declare guardReturned: number | null;

  @Column({ type: DataType.INTEGER })
  declare guardRenamed: number | null;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare tables: Record<string, unknown>;

  @Column({ type: DataType.DATE })
  declare approvedAt: Date | null;

  @Column({ type: DataType.TEXT })
  declare decision: string | null;

  /** When it was put into the queue; null: it began at once. */
  @Column({ type: DataType.DATE })
  declare queuedAt: Date | null;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare failures: Record<string, unknown>[];

  @Column({ type: DataType.JSONB })
  declare progress: Record<string, unknown> | null;

  @Column({ type: DataType.DATE })
  declare cancelRequestedAt: Date | null;

  /** The process that works or worked on it. */
  @Column({ type: DataType.TEXT })
  declare worker: string | null;

  /** The only ones that it is about. */
  @Column({ type: DataType.ARRAY(DataType.TEXT) })
  declare externalIds: string[] | null;

  /** What started it. */
  @Column({ type: DataType.TEXT, allowNull: false })
  declare trigger: 'CALL' | 'SCHEDULE' | 'WEBHOOK';

  /** The host of the school's system, and how many runs may read it at once. */
  @Column({ type: DataType.TEXT })
  declare host: string | null;

  @Column({ type: DataType.INTEGER })
  declare hostLimit: number | null;

  /** When its changes, its issues, were deleted for their age. */
  @Column({ type: DataType.DATE })
  declare changesDroppedAt: Date | null;

  @Column({ type: DataType.DATE })
  declare issuesDroppedAt: Date | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare startedAt: Date;

  @Column({ type: DataType.DATE })
  declare finishedAt: Date | null;
}
