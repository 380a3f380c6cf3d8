import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** One planned or applied change of a run, with the fields before and after. */
@Table({ tableName: 'sync_changes', underscored: true, timestamps: false })
export class SyncChangeModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare runId: string;

  @Column({ type: DataType.INTEGER, primaryKey: true })
  declare seq: number;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare entity: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER' | 'MEMBERSHIP';

  @Column({ type: DataType.TEXT, allowNull: false })
  declare action: string;

  @Column({ type: DataType.UUID, allowNull: false })
  declare internalId: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare externalId: string;

  @Column({ type: DataType.JSONB })
  declare before: Record<string, unknown> | null;

  @Column({ type: DataType.JSONB })
  declare after: Record<string, unknown> | null;

  @Column({ type: DataType.UUID })
  declare digest: string | null;

  @Column({ type: DataType.INTEGER })
  declare line: number | null;

  @Column({ type: DataType.INTEGER })
  declare missingBefore: number | null;

  @Column({ type: DataType.INTEGER })
  declare missingAfter: number | null;

  @Column({ type: DataType.TEXT })
  declare outcome: 'MOVED' | 'REFUSED' | null;

  @Column({ type: DataType.TEXT })
  declare reason: string | null;
}
