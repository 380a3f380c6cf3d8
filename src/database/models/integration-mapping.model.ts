import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** The pair of ids one entity has in SmartID and in the school's system; unique in both directions. */
@Table({ tableName: 'integration_mappings', underscored: true })
export class IntegrationMappingModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.UUID, allowNull: false })
  declare id: string;

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare entityType: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER';

  @Column({ type: DataType.UUID, allowNull: false })
  declare internalId: string;

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare externalId: string;

  @Column({ type: DataType.JSONB, allowNull: false })
  declare metadata: Record<string, unknown>;

  /** 0: the source has it. Else: in how many complete readings it was missing. */
  @Column({ type: DataType.INTEGER, allowNull: false })
  declare missingRuns: number;

  @Column({ type: DataType.DATE })
  declare missingSince: Date | null;

  @Column({ type: DataType.UUID })
  declare digest: string | null;

  @Column({ type: DataType.UUID })
  declare lastRunId: string | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;

  @Column({ type: DataType.DATE, allowNull: false })
  declare updatedAt: Date;
}
