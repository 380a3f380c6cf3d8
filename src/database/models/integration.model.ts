import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** A school system connected to an institution. `credentials` is sealed by the credential vault. */
@Table({ tableName: 'integrations', underscored: true })
export class IntegrationModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare id: string;

  @Column({ type: DataType.UUID, allowNull: false })
  declare institutionId: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare provider: string;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare config: Record<string, unknown>;

  @Column({ type: DataType.JSONB, allowNull: false, defaultValue: {} })
  declare policy: Record<string, unknown>;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare credentials: string;

  @Column({ type: DataType.ARRAY(DataType.TEXT), allowNull: false })
  declare credentialFields: string[];

  @Column({ type: DataType.TEXT, allowNull: false })
  declare status: 'ACTIVE' | 'INACTIVE' | 'ERROR';

  @Column({ type: DataType.DATE })
  declare lastSyncAt: Date | null;

  @Column({ type: DataType.TEXT })
  declare lastError: string | null;

  /** SHA-256 of the secret that the school system pushes with. */
  @Column({ type: DataType.TEXT })
  declare pushSecretDigest: string | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;

  @Column({ type: DataType.DATE, allowNull: false })
  declare updatedAt: Date;
}
