import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** Something that was not right in the source of a run. */
@Table({ tableName: 'sync_issues', underscored: true, timestamps: false })
export class SyncIssueModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare runId: string;

  @Column({ type: DataType.INTEGER, primaryKey: true })
  declare number: number;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare severity: 'ERROR' | 'WARNING';

  @Column({ type: DataType.TEXT, allowNull: false })
  declare rule: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare message: string;

  @Column({ type: DataType.TEXT })
  declare file: string | null;

  @Column({ type: DataType.INTEGER })
  declare line: number | null;

  @Column({ type: DataType.TEXT })
  declare column: string | null;

  @Column({ type: DataType.TEXT })
  declare value: string | null;

  @Column({ type: DataType.TEXT })
  declare hint: string | null;

  @Column({ type: DataType.TEXT })
  declare externalId: string | null;

  @Column({ type: DataType.JSONB })
  declare cells: string[] | null;
}
