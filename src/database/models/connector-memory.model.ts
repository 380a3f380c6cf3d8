import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** What a connector keeps between operations. */
@Table({ tableName: 'connector_memory', underscored: true, timestamps: false })
export class ConnectorMemoryModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare topic: string;

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare key: string;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare value: unknown;

  @Column({ type: DataType.DATE, allowNull: false, defaultValue: DataType.NOW })
  declare expiresAt: Date;
}
