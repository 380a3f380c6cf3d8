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
  declare action: 'CREATE' | 'UPDATE';

  @Column({ type: DataType.UUID, allowNull: false })
  declare internalId: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare externalId: string;

  @Column({ type: DataType.JSONB })
  declare before: Record<string, unknown> | null;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare after: Record<string, unknown>;
}
