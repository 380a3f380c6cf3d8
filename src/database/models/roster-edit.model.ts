import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** One edit of the roster by a backend, for the feed of changes. */
@Table({ tableName: 'roster_edits', underscored: true, timestamps: false })
export class RosterEditModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare institutionId: string;

  @Column({ type: DataType.BIGINT, primaryKey: true })
  declare position: string;

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
