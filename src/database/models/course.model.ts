import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** A subject or course. */
@Table({ tableName: 'courses', underscored: true })
export class CourseModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare institutionId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare id: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare name: string;

  @Column({ type: DataType.TEXT })
  declare code: string | null;

  @Column({ type: DataType.TEXT })
  declare grade: string | null;

  @Column({ type: DataType.TEXT })
  declare academicTerm: string | null;

  @Column({ type: DataType.TEXT })
  declare description: string | null;

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
