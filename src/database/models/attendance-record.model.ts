import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** One student's mark in one session. */
@Table({ tableName: 'attendance_records', underscored: true })
export class AttendanceRecordModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare institutionId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare sessionId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare studentId: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare status: 'PRESENT' | 'ABSENT' | 'LATE' | 'EXCUSED';

  @Column({ type: DataType.DATE })
  declare arrivalTime: Date | null;

  @Column({ type: DataType.DOUBLE })
  declare permanencePercentage: number | null;

  @Column({ type: DataType.TEXT })
  declare origin: 'AI' | 'MANUAL' | 'MIXED' | null;

  @Column({ type: DataType.TEXT })
  declare source: 'NFC' | 'CAMERA_YOLO' | 'MANUAL' | null;

  @Column({ type: DataType.TEXT })
  declare remarks: string | null;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;

  @Column({ type: DataType.DATE, allowNull: false })
  declare updatedAt: Date;
}
