import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** A student of an institution. */
@Table({ tableName: 'students', underscored: true })
export class StudentModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare institutionId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare id: string;

  @Column({ type: DataType.TEXT })
  declare nationalId: string | null;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare givenName: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare familyName: string;

  @Column({ type: DataType.TEXT })
  declare email: string | null;

  @Column({ type: DataType.TEXT })
  declare code: string | null;

  @Column({ type: DataType.DATEONLY })
  declare enrolledOn: string | null;

  @Column({ type: DataType.DATEONLY })
  declare birthDate: string | null;

  @Column({ type: DataType.BOOLEAN, allowNull: false })
  declare active: boolean;

  /** Names of the fields that were edited in SmartID. */
  @Column({ type: DataType.ARRAY(DataType.TEXT), allowNull: false })
  declare edited: string[];

  @Column({ type: DataType.JSONB, allowNull: false })
  declare metadata: Record<string, unknown>;

  /** The entity that it is the same as, and that is used in its place. */
  @Column({ type: DataType.UUID })
  declare mergedInto: string | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;

  @Column({ type: DataType.DATE, allowNull: false })
  declare updatedAt: Date;
}
