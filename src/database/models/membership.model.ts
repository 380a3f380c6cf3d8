import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** That a person is in a group. */
@Table({ tableName: 'memberships', underscored: true, timestamps: false })
export class MembershipModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare institutionId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare groupId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare personId: string;

  @Column({ type: DataType.TEXT, primaryKey: true })
  declare role: 'STUDENT' | 'TEACHER';

  @Column({ type: DataType.UUID })
  declare integrationId: string | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;
}
