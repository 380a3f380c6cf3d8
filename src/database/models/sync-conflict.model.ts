import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** A new person of a source of whom a person must say who it is, and what was said. */
@Table({ tableName: 'sync_conflicts', underscored: true, timestamps: false })
export class SyncConflictModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.UUID, allowNull: false })
  declare id: string;

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare entityType: 'STUDENT' | 'TEACHER';

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare externalId: string;

  @Column({ type: DataType.UUID, allowNull: false })
  declare runId: string;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare record: Record<string, unknown>;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare candidates: Record<string, unknown>[];

  @Column({ type: DataType.TEXT, allowNull: false })
  declare reason: string;

  @Column({ type: DataType.TEXT })
  declare resolution: 'LINK' | 'CREATE' | 'IGNORE' | null;

  @Column({ type: DataType.UUID })
  declare internalId: string | null;

  /** What was decided before the row said something else and was asked about anew. */
  @Column({ type: DataType.JSONB })
  declare former: Record<string, unknown> | null;

  /** Of what is to be ignored of somebody's id: whether the source says something else now. */
  @Column({ type: DataType.BOOLEAN, allowNull: false })
  declare idle: boolean;

  /** Whether a run has met it that was applied. */
  @Column({ type: DataType.BOOLEAN, allowNull: false })
  declare lasting: boolean;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;

  @Column({ type: DataType.DATE })
  declare resolvedAt: Date | null;
}
