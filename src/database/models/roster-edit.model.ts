import { Column, DataType, Model, Table } from 'sequelize-typescript';

/**
 * A change of the roster that no run made, or a run of an integration that was deleted since, for the feed of
 * changes.
 */
@Table({ tableName: 'roster_edits', underscored: true, timestamps: false })
export class RosterEditModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare institutionId: string;

  @Column({ type: DataType.BIGINT, primaryKey: true })
  declare position: string;

  /** Orders the changes of one position. */
  @Column({ type: DataType.INTEGER, primaryKey: true })
  declare seq: number;

  /** The run that made it; null where none did. */
  @Column({ type: DataType.UUID })
  declare runId: string | null;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare entity: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER' | 'MEMBERSHIP';

  @Column({ type: DataType.TEXT, allowNull: false })
  declare action: 'CREATE' | 'UPDATE' | 'DELETE';

  @Column({ type: DataType.UUID, allowNull: false })
  declare entityId: string;

  @Column({ type: DataType.JSONB })
  declare before: Record<string, unknown> | null;

  @Column({ type: DataType.JSONB })
  declare after: Record<string, unknown> | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare changedAt: Date;
}
