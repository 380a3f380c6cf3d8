import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** Who works on a resource of an integration, and for how long without a renewal. */
@Table({ tableName: 'leases', underscored: true, timestamps: false })
export class LeaseModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare resource: string;

  @Column({ type: DataType.UUID, allowNull: false })
  declare owner: string;

  @Column({ type: DataType.DATE, allowNull: false })
  declare expiresAt: Date;
}
