import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** One lesson of a group or of a whole course. */
@Table({ tableName: 'class_sessions', underscored: true })
export class ClassSessionModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare institutionId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare id: string;

  @Column({ type: DataType.UUID })
  declare groupId: string | null;

  @Column({ type: DataType.UUID })
  declare courseId: string | null;

  @Column({ type: DataType.UUID })
  declare teacherId: string | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare startsAt: Date;

  @Column({ type: DataType.DATE, allowNull: false })
  declare endsAt: Date;

  @Column({ type: DataType.TEXT })
  declare topic: string | null;

  @Column({ type: DataType.DATE })
  declare closedAt: Date | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;

  @Column({ type: DataType.DATE, allowNull: false })
  declare updatedAt: Date;
}
